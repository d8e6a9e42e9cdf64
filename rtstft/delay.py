"""Frames kept for later."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class FrameDelay:
    """Keeps the last frames: `push(frame)` gives the one pushed `delay` frames ago, at first zeros.

    Args:
        delay: in frames; with 0, `push` gives a copy.
        shape: of a frame.
        dtype: of a frame.
    """

    def __init__(self, delay: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._frames = np.zeros((delay + 1, *shape), dtype)
        self._slots: list[NDArray[Any]] = list(self._frames)
        self._next = 0

    def push(self, frame: NDArray[Any]) -> NDArray[Any]:
        """Keeps a copy of `frame`; the result is good until the next push."""
        self._slots[self._next][...] = frame
        self._next = (self._next + 1) % len(self._slots)
        return self._slots[self._next]

    def reset(self) -> None:
        """Forgets them all."""
        self._frames[...] = 0


class FrameHistory:
    """Frames of several inputs, by name: those of a hop, and those of the hops before.

    Args:
        frames: of this hop, the same arrays for every one.
    """

    def __init__(self, frames: Mapping[str, NDArray[Any]]) -> None:
        self._frames = frames
        self.reach(0)

    def reach(self, hops: int) -> None:
        """Goes back by so many hops, from now on; they are zeros at first."""
        kept = {name: np.zeros((hops + 1, *frame.shape), frame.dtype) for name, frame in self._frames.items()}
        self._kept = list(kept.values()) if hops else []
        self._slots = [{name: slots[i] for name, slots in kept.items()} for i in range(hops + 1)]
        self._given = [{name: _read_only(frame) for name, frame in slot.items()} for slot in self._slots]
        self._newest = -1

    def at(self, index: int, delay: int) -> Mapping[str, NDArray[Any]]:
        """In hop `index`: the frames of `delay` hops ago, good until the next hop, and read-only."""
        if not self._kept:
            return self._frames
        if index != self._newest:
            self._newest = index
            for name, slot in self._slots[index % len(self._slots)].items():
                slot[...] = self._frames[name]
        return self._given[(index - delay) % len(self._given)]

    def reset(self) -> None:
        """Forgets them all."""
        self._newest = -1
        for slots in self._kept:
            slots[...] = 0


def _read_only(frame: NDArray[Any]) -> NDArray[Any]:
    view = frame.view()
    view.flags.writeable = False
    return view
