"""Samples in, spectra out: the forward half of the engine."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rtstft import fftw
from rtstft.arrays import Spans
from rtstft.types import ComplexArray, Execute, RealArray
from rtstft.windows import Window


def slots_for(n_fft: int, channels: int) -> int:
    """Frames handled in one go: enough to share numpy's call overhead, few enough for the L2 cache."""
    return max(4, min(32, 65536 // (n_fft * channels)))


def in_sequence(executes: Sequence[Execute]) -> Execute:
    """One callable for the transforms of all channels of a frame.

    A plan a channel, not one plan for all: a channel's bits then never depend on its neighbours.
    """
    if len(executes) == 1:
        return executes[0]

    def run() -> None:
        for execute in executes:
            execute()

    return run


def new_frame(n_fft: int, channels: int, dtype: np.dtype[Any]) -> ComplexArray:
    """Zeroed frame, shape (channels, bins), each channel's row aligned alike."""
    bins = n_fft // 2 + 1
    complex_dtype = np.result_type(dtype, np.complex64)
    return fftw.zeros((channels, fftw.padded_length(bins, complex_dtype.itemsize)), complex_dtype)[:, :bins]


class Analysis:
    """Cuts a stream of samples into frames that end at every multiple of `hop`.

    `write` takes samples and windows the frames they complete into rows 0, 1, ...;
    calling `forward[i]` then transforms row i into `frame`, shape (channels, bins), which is
    shared by all rows. With `zero_history` the stream is preceded by `len(window) - hop`
    zeros, so that the first frame ends after `hop` samples; without, after `len(window)`.
    """

    def __init__(
        self,
        window: Window,
        *,
        n_fft: int,
        hop: int,
        channels: int,
        dtype: np.dtype[Any],
        effort: fftw.Effort = "estimate",
        zero_history: bool = True,
    ) -> None:
        width = len(window)
        slots = slots_for(n_fft, channels)
        self._slots = slots
        self.capacity = slots * hop
        """Samples that `write` takes at most."""
        self._hop = hop
        self._history = width - hop if zero_history else 0
        self._samples = fftw.zeros((channels, slots * hop + width), dtype)
        windows = np.lib.stride_tricks.sliding_window_view(self._samples, width, axis=1)
        self._windows = windows[:, ::hop].transpose(1, 0, 2)

        rows = fftw.zeros((slots, channels, fftw.padded_length(n_fft + 1, dtype.itemsize)), dtype)
        self.frame = new_frame(n_fft, channels, dtype)
        executes = fftw.plan(
            [(rows[i, c, :n_fft], self.frame[c]) for i in range(slots) for c in range(channels)], effort
        )
        self.forward = [in_sequence(executes[i : i + channels]) for i in range(0, len(executes), channels)]

        self._window: RealArray = window.astype(dtype)
        self._cut = rows[:, :, :width]
        self._spans = Spans(self._samples, hop)
        # Views for a single frame, made beforehand: numpy is faster in one dimension.
        flat = 0 if channels == 1 else slice(None)
        self._single = [window[flat] for window in self._windows]
        self._first_cut = self._cut[0, flat]
        self._flat_rows = rows.reshape(slots, -1)
        self._flat_window = np.zeros_like(self._flat_rows)
        self._flat_window.reshape(rows.shape)[:, :, :width] = self._window
        self.reset()

    def reset(self) -> None:
        """Forgets all samples."""
        self._samples[...] = 0
        self._next = 0  # hops from the start of _samples to the next frame
        self._end = self._history  # samples in _samples
        self._complete = len(self._window)  # samples in _samples that complete the next frame

    def write(self, block: RealArray) -> int:
        """Takes `block`, shape (n, channels) with n <= capacity; returns the frames now in the rows."""
        start = self._end
        end = start + len(block)
        due = 0
        first = self._next
        if end >= self._complete:
            due = (end - self._complete) // self._hop + 1
            if first + due > self._slots:
                self._rewind()
                start, end, first = self._end, self._end + len(block), 0
            self._next = first + due
            self._complete += due * self._hop
        self._end = end
        self._spans.at(start, len(block))[...] = block
        if due == 1:
            np.multiply(self._single[first], self._window, self._first_cut)
        elif due:
            # A copy and a multiplication over contiguous rows: numpy is 2 to 3 times slower when
            # it multiplies into rows with gaps (it goes through its buffers).
            np.copyto(self._cut[:due], self._windows[first : first + due])
            rows = self._flat_rows[:due]
            np.multiply(rows, self._flat_window[:due], rows)
        return due

    def _rewind(self) -> None:
        start = self._next * self._hop
        kept = self._end - start
        self._spans.move(start, self._end, 0)
        self._next = 0
        self._end = kept
        self._complete -= start
