"""What a callback left: frames that can be used, and those that cannot."""

from collections.abc import Callable
from typing import Any

import numpy as np

from rtstft.types import ComplexArray


class BadFrameError(Exception):
    """A callback came back, but with a frame that cannot be used; never leaves the package."""


class NotFiniteError(BadFrameError):
    """The frame that a callback left has NaN or Inf in it."""

    def __str__(self) -> str:
        return (
            "left NaN or Inf in the frame: look for a division by zero, a logarithm of zero, or an overflow"
        )


def store(result: object, frame: ComplexArray) -> None:
    """Copies what a callback returned into `frame`; BadFrameError if it does not fit."""
    returned = np.asarray(result)
    if returned.shape != frame.shape or returned.dtype.kind not in "fc":
        raise BadFrameError(
            f"returned {returned.dtype} of shape {returned.shape}, expected complex numbers of shape "
            f"{frame.shape} (channels, bins), or None after changing the frame in place"
        )
    frame[...] = returned


def checked(call: Callable[[ComplexArray], Any], frame: ComplexArray) -> Callable[[ComplexArray], None]:
    """`call`, followed by a look at `frame`: which of several callbacks left NaN or Inf?"""
    channels = list(frame)
    finite = np.empty(frame.shape[1], np.bool_)

    def checked_call(frame: ComplexArray) -> None:
        result = call(frame)
        if result is not None and result is not frame:
            store(result, frame)
        for channel in channels:
            if not np.isfinite(channel, finite).all():
                raise NotFiniteError

    return checked_call
