"""Tap: copies of the frames, for another thread to look at."""

import math

import numpy as np
from numpy.typing import NDArray

from rtstft.params import Param
from rtstft.plugin import Context, FrameInfo, Plugin
from rtstft.types import ComplexArray


class Tap(Plugin):
    """Leaves the signal alone and keeps copies of its frames, until `read()` fetches them.

        tap = rtstft.plugin("tap")
        with rtstft.Stream([effect, tap], geometry):
            while True:
                indices, frames = tap.read()  # those since the last call

    One thread may read while another processes; they never wait for each other. Frames for which there
    is no room, as nobody has read for `capacity_s`, are counted in `lost` and not kept. In a process
    of its own (`isolate=True`), a plugin collects there, and the one here finds nothing.

    Algorithm: a ring of frames between one writer and one reader, without a lock (Lamport, Specifying
    concurrent program modules, ACM TOPLAS 1983).
    Cost: one copy. Latency: none.
    """

    capacity_s = Param(1.0, min=0.0001, max=3600.0, fixed=True, doc="for how long frames are kept")

    _ring: "_Ring | None" = None

    def prepare(self, context: Context) -> None:
        """Makes an empty ring."""
        capacity = max(1, math.ceil(self.capacity_s / context.hop_s - 1e-9))
        self._ring = _Ring(capacity, (context.channels, context.stft.bins), context.complex_dtype)

    def process(self, frame: ComplexArray, info: FrameInfo) -> None:
        """Keeps a copy."""
        if self._ring is not None:
            self._ring.push(frame, info.index)

    def read(self) -> tuple[NDArray[np.int64], ComplexArray]:
        """Takes out what is there, copied: indices, shape (frames,), and frames (frames, channels, bins)."""
        if self._ring is None:
            return np.empty(0, np.int64), np.empty((0, 0, 0), np.complex64)
        return self._ring.pop()

    @property
    def lost(self) -> int:
        """Frames since `prepare` that there was no room for."""
        return 0 if self._ring is None else self._ring.lost


class _Ring:
    """Two counters that only grow, each written by one side: what lies between them is the reader's."""

    def __init__(self, capacity: int, shape: tuple[int, int], dtype: np.dtype[np.complexfloating]) -> None:
        self._frames = np.zeros((capacity, *shape), dtype)
        self._indices = np.zeros(capacity, np.int64)
        self._capacity = capacity
        self._written = 0
        self._taken = 0
        self.lost = 0

    def push(self, frame: ComplexArray, index: int) -> None:
        if self._written - self._taken >= self._capacity:
            self.lost += 1
            return
        slot = self._written % self._capacity
        self._frames[slot] = frame
        self._indices[slot] = index
        self._written += 1

    def pop(self) -> tuple[NDArray[np.int64], ComplexArray]:
        written = self._written
        slots = np.arange(self._taken, written) % self._capacity
        found = self._indices[slots], self._frames[slots]
        self._taken = written
        return found
