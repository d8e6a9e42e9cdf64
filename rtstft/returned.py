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
    try:
        returned = np.asarray(result)
    except ValueError:  # its parts have different shapes, as those of (frame, info)
        raise _unfit(f"a {type(result).__name__}", frame) from None
    if returned.shape != frame.shape or returned.dtype.kind not in "fc":
        raise _unfit(f"{returned.dtype} of shape {returned.shape}", frame)
    frame[...] = returned


def _unfit(what: str, frame: ComplexArray) -> BadFrameError:
    return BadFrameError(
        f"returned {what}, expected complex numbers of shape {frame.shape} (channels, bins), or None after "
        f"changing the frame in place"
    )


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
