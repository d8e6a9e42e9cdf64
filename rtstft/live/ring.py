"""Ring: circular memory that a device and this program share, addressed by time."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


class Ring:
    """The last `size` samples of a stream that began at sample 0.

    A position is a time: it counts samples since the device's first block, for input and output
    alike. Whoever uses the ring sees to it that the positions asked for are still, or already, in it.

    Attributes:
        memory: float32, shape (size, channels); sample `t` lies in row `t % size`.
        size: samples, a power of two.
        channels: channels of each sample.
    """

    def __init__(self, at_least: int, channels: int) -> None:
        self.size = 1 << max(1, at_least - 1).bit_length()
        self.channels = channels
        self.memory: Samples = np.zeros((self.size, channels), np.float32)

    def read(self, start: int, out: Samples) -> Samples:
        """Copies the samples from `start` on into `out`, shape (n, up to channels); returns it."""
        for rows, part in self._rows(start, len(out)):
            out[part] = self.memory[rows, : out.shape[1]]
        return out

    def copy(self, start: int, end: int) -> Samples:
        """New array of the samples from `start` to `end`, shape (end - start, channels)."""
        return self.read(start, np.empty((end - start, self.channels), np.float32))

    def write(self, start: int, samples: Samples) -> None:
        """Puts `samples`, shape (n, channels), at `start`."""
        for rows, part in self._rows(start, len(samples)):
            self.memory[rows] = samples[part]

    def clear(self, start: int, end: int) -> None:
        """Zeros from `start` to `end`."""
        for rows, _ in self._rows(start, end - start):
            self.memory[rows] = 0

    def _rows(self, start: int, count: int) -> Iterator[tuple[slice, slice]]:
        """Where `count` samples lie: up to two stretches of memory, and their places among the samples."""
        first = start & (self.size - 1)
        here = min(count, self.size - first)
        yield slice(first, first + here), slice(0, here)
        if count > here:
            yield slice(0, count - here), slice(here, count)
