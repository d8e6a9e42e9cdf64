"""Frames kept for later."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class FrameDelay:
    """Keeps the last frames: `push(frame)` gives the one pushed `delay` frames ago, at first zeros.

    Args:
        delay: in frames; with 0, `push` gives a copy.
        shape: of a frame.
        dtype: of a frame.
        read_only: what `push` gives is not to be changed.
    """

    def __init__(
        self, delay: int, shape: tuple[int, ...], dtype: np.dtype[Any], *, read_only: bool = False
    ) -> None:
        self._frames = np.zeros((delay + 1, *shape), dtype)
        self._slots: list[NDArray[Any]] = list(self._frames)
        given = self._frames.view()
        given.flags.writeable = not read_only
        self._given: list[NDArray[Any]] = list(given)
        self._next = 0

    def push(self, frame: NDArray[Any]) -> NDArray[Any]:
        """Keeps a copy of `frame`; the result is good until the next push."""
        self._slots[self._next][...] = frame
        self._next = (self._next + 1) % len(self._slots)
        return self._given[self._next]

    def reset(self) -> None:
        """Forgets them all."""
        self._frames[...] = 0
