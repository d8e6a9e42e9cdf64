"""Spectra in, samples out: the inverse half of the engine, overlap-add."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from rtstft import fftw
from rtstft.analysis import in_sequence, slots_for
from rtstft.arrays import Spans
from rtstft.types import ComplexArray, Execute, RealArray
from rtstft.windows import Window, support

Probe: TypeAlias = Callable[[], complex]
_sum: Callable[..., object] = np.add.reduce


class Synthesis:
    """Turns frames back into a stream of samples, one hop a frame.

    `reserve(n)` gives the inverse transforms of the next n frames: each, when called, takes what
    stands in `frame` then (and destroys it). `overlap_add()` turns the frames so transformed into
    samples, which `read` hands out. Frame k's first non-zero sample is output sample
    k * hop + delay: the stream starts with `delay` zeros.

    A hop of output is the sum of slices of the last frames, oldest first, taken in a single
    reduction over a strided view. Each sample's additions are thus in the order of time however
    many frames are handled in one go, and the rounding never depends on how the input was cut.
    """

    def __init__(
        self,
        window: Window,
        frame: ComplexArray,
        *,
        n_fft: int,
        hop: int,
        dtype: np.dtype[Any],
        delay: int,
        effort: fftw.Effort = "estimate",
    ) -> None:
        channels = len(frame)
        first, end = support(window)
        per_hop = -(-(end - first) // hop)
        self.hop = hop
        self._delay = delay
        self._overlap = per_hop - 1
        self._slots = slots = slots_for(n_fft, channels)

        width = max(n_fft + 1, first + per_hop * hop)
        rows = fftw.zeros((self._overlap + slots, channels, fftw.padded_length(width, dtype.itemsize)), dtype)
        executes = fftw.plan(
            [(frame[c], rows[self._overlap + i, c, :n_fft]) for i in range(slots) for c in range(channels)],
            effort,
        )
        backward = [in_sequence(executes[i : i + channels]) for i in range(0, len(executes), channels)]
        # Samples 0 and 1 of an inverse transform depend on all that it reads: whatever is not finite
        # in a frame shows in one of them (of its first and last bin the inverse ignores the
        # imaginary part). Taken together as a complex number, for one look.
        pairs = rows.view(np.result_type(dtype, np.complex64))[self._overlap :, :, 0]
        self._lanes = list(zip(backward, map(_total, pairs), strict=True))

        self._rows = rows
        self._flat_rows = rows.reshape(len(rows), -1)[self._overlap :]
        scaled = np.zeros(rows.shape[1:], dtype)
        scaled[:, : len(window)] = window / n_fft
        self._flat_window_row = scaled.reshape(-1)
        self._flat_window = np.tile(self._flat_window_row, (slots, 1))

        # Of each channel, slice r of the frame r hops back, for r from the oldest to the newest.
        by_frame, by_channel, by_sample = rows.strides
        slices = np.lib.stride_tricks.as_strided(
            rows[0, :, first + self._overlap * hop :],
            shape=(channels, slots, per_hop, hop),
            strides=(by_channel, by_frame, by_frame - hop * by_sample, by_sample),
            writeable=False,
        )
        self._samples = fftw.zeros((channels, (slots + 1) * hop), dtype)
        self._spans = Spans(self._samples, hop)
        self._sums = list(zip(slices, self._samples[:, hop:].reshape(channels, slots, hop), strict=True))
        # Views for a single frame, made beforehand: numpy is faster in fewer dimensions.
        self._single = [
            (self._flat_rows[i], [(slices[i], hops[i]) for slices, hops in self._sums]) for i in range(slots)
        ]
        self.reset()

    def reset(self) -> None:
        """Forgets all frames and puts the initial `delay` zeros back."""
        self._rows[...] = 0
        self._samples[...] = 0
        self._next = 0  # slot of the next frame, and the hop of _samples it completes
        self._read = self.hop - self._delay
        self._reserved = 0

    def reserve(self, count: int) -> list[tuple[Execute, Probe]]:
        """Inverse transforms of the next `count` frames, count <= slots, and a probe of each.

        Called after its transform, a probe returns a number that is finite only if the frame was.
        """
        if self._next + count > self._slots:
            self._rewind()
        self._reserved = self._next + count
        return self._lanes[self._next : self._reserved]

    def overlap_add(self) -> None:
        """Makes samples of the frames reserved last, once their transforms have run."""
        # One reduction a channel: over all of them at once, numpy would go through buffers.
        first, end = self._next, self._reserved
        if end - first == 1:
            row, sums = self._single[first]
            np.multiply(row, self._flat_window_row, row)
            for slices, hop in sums:
                _sum(slices, 0, None, hop)
        else:
            rows = self._flat_rows[first:end]
            np.multiply(rows, self._flat_window[: end - first], rows)
            for slices, hops in self._sums:
                _sum(slices[first:end], 1, None, hops[first:end])
        self._next = end

    def pending(self, out: RealArray) -> None:
        """What all frames so far add up to where the next one will be, from its first sample on.

        Shape of `out`: (channels, samples), as many as the next frame's or less.
        """
        out[...] = 0
        length = out.shape[1]
        for hops in range(1, self._overlap + 1):
            past = self._rows[
                self._overlap + self._next - hops, :, hops * self.hop : length + hops * self.hop
            ]
            out[:, : past.shape[1]] += past

    def read(self, count: int) -> RealArray:
        """View of the next `count` complete samples, shape (count, channels), good until `reserve`."""
        start = self._read
        self._read = start + count
        return self._spans.at(start, count)

    def _rewind(self) -> None:
        last = self._next
        for i in range(self._overlap):  # one by one: of overlapping slices numpy would make a copy
            self._rows[i] = self._rows[last + i]
        end = (last + 1) * self.hop
        unread = end - self._read
        self._spans.move(self._read, end, self.hop - unread)
        self._read = self.hop - unread
        self._next = 0


def _total(numbers: ComplexArray) -> Probe:
    if numbers.size == 1:
        return numbers.item
    return lambda: sum(numbers.tolist())
