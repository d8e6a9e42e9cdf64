"""Spectral peaks, the regions they reign over, and their frequencies: what phase-locked effects share."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtstft.errors import GeometryError
from rtstft.geometry import STFT
from rtstft.plugins._power import power_of
from rtstft.types import ComplexArray, RealArray

Indices = NDArray[np.intp]
_TURN = 2 * math.pi


class Regions:
    """Follows the peaks of frames, one frame after the other.

    All channels share the peaks of their summed power and the phase advance of their summed cross
    spectrum, so that whatever is then done to a region is done alike in all of them, and the phases
    between channels stay.

    Args:
        stft: of the frames.
        channels: of the frames.
        complex_dtype: of the frames.
        hop: samples between frames, about; what counts as an onset depends on it.

    Attributes:
        count: number of peaks, at least 1; further arrays are valid up to it.
        peaks: their bins, ascending.
        owner: for every bin, the number of the peak that it belongs to.
        starts: of every region, its first bin.
        frequency: of each peak, in bins.
        born: whether the peak has just appeared, its onset not yet past the middle of the window.
        power: summed over channels, shape (bins,).
        tops, levels: after `find_tops`, where the parabola through each peak is highest, in bins, and
            the logarithm of its amplitude there.

    Raises:
        GeometryError: frames too far apart to tell a frequency from the phase.
    """

    def __init__(self, stft: STFT, channels: int, complex_dtype: np.dtype[Any], hop: float) -> None:
        if hop > stft.win_length / 2:
            raise GeometryError(
                f"frames are {hop:g} samples apart, expected at most half of win_length={stft.win_length}, "
                f"for frequencies to be told from phases: try hop_length={max(1, stft.win_length // 8)}"
            )
        bins = stft.bins
        real = np.empty(0, complex_dtype).real.dtype
        self._n_fft = stft.n_fft
        self._farthest = 1.5 * stft.n_fft / stft.win_length
        self._rise = _rise_of_an_onset(stft, hop)
        # A peak must be the largest within a bin of the unpadded transform: sidelobes, as far from
        # each other and falling, then are none.
        reach = math.ceil(stft.n_fft / stft.win_length)
        self._now, self._before = (_Power(bins, reach, real) for _ in range(2))
        self._last, self._next = np.zeros((2, channels, bins), complex_dtype)
        self._squares = np.zeros((2, channels, bins), real)
        self._cross = np.zeros(bins, complex_dtype)
        self._is_peak = np.zeros(bins, np.bool_)
        self._bins = np.arange(bins)
        self._keys = np.zeros(bins, np.int64)
        self._single = np.zeros(bins, np.float32)
        self._edges = np.zeros(bins, np.intp)
        self._scratch = np.zeros((3, bins))
        self._parabola = np.zeros(bins)
        self._logs = np.zeros(3 * bins)
        self._phasors = np.zeros(bins, complex_dtype)
        self._flags = np.zeros(bins, np.bool_)
        self._around = np.zeros(3 * bins, real)
        self._limits = np.zeros(bins, real)
        self._tiny = np.finfo(real).tiny
        self.count = 1
        self.peaks: Indices = np.zeros(bins, np.intp)
        self.owner: Indices = np.zeros(bins, np.intp)
        self.starts = np.zeros(bins, np.int64)
        self.frequency, self.tops, self.levels = (np.zeros(bins) for _ in range(3))
        self.born = np.zeros(bins, np.bool_)

    @property
    def power(self) -> RealArray:
        """Of the frame analysed last."""
        return self._now.bins

    def reset(self) -> None:
        """Forgets all frames."""
        self._last[...] = 0
        self._now.bins[...] = 0
        self._before.bins[...] = 0

    def analyse(self, frame: ComplexArray, hop: int) -> None:
        """The next frame, shape (channels, bins), `hop` samples after the last; not changed."""
        self._now, self._before = self._before, self._now
        squares, more = self._squares
        power_of(frame, squares, more)
        np.add.reduce(squares, axis=0, out=self._now.bins)
        self._find_peaks()
        self._divide()

        self._next[...] = frame
        np.conjugate(self._last, out=self._last)
        self._last *= self._next
        np.add.reduce(self._last, axis=0, out=self._cross)
        self._last, self._next = self._next, self._last
        self._measure(hop)

    def find_tops(self) -> None:
        """Of the frame analysed last."""
        count = self.count
        below, at, above = self._logs[: 3 * count].reshape(3, count)
        parabola, levels = self._parabola[:count], self.levels[:count]
        tops = self.tops[:count]
        tops[...] = self.peaks[:count]
        tops += parabola
        # The logarithms are of power.
        np.subtract(above, below, out=levels)
        levels *= parabola
        levels *= 0.25
        levels += at
        levels *= 0.5

    def _find_peaks(self) -> None:
        is_peak = self._is_peak
        self._now.find_peaks(is_peak)
        count = int(np.count_nonzero(is_peak))
        self.peaks[:count] = np.flatnonzero(is_peak)
        # The first of the largest bins is always one; only where there is NaN is there none.
        self.count = max(1, count)

    def _divide(self) -> None:
        """Regions meet at the least bin between two peaks, which belongs to the upper one."""
        count = self.count
        if count == 1:
            self.owner[...] = 0
            return
        # Bits of positive floats are ordered as the floats are: with the bin's number below them, a
        # minimum brings along where it was found.
        self._single[...] = self._now.bins
        keys = self._keys
        keys[...] = self._single.view(np.int32)
        np.left_shift(keys, 32, out=keys)
        np.bitwise_or(keys, self._bins, out=keys)
        peaks = self.peaks[:count]
        above = self.owner[: count - 1]  # lent: it is computed below
        np.add(peaks[:-1], 1, out=above)
        least = self.starts[1:count]
        np.minimum.reduceat(keys[: peaks[-1]], above, out=least)
        np.bitwise_and(least, 0xFFFFFFFF, out=least)
        self._edges[...] = 0
        self._edges[least] = 1
        np.cumsum(self._edges, out=self.owner)

    def _measure(self, hop: int) -> None:
        """Frequencies by phase advance, by the parabola through the peak where that is out of reach."""
        count, peaks = self.count, self.peaks[: self.count]
        offset, spare, curvature = self._scratch[:, :count]
        parabola = self._parabola[:count]
        around, logs = (every[: 3 * count].reshape(3, count) for every in (self._around, self._logs))
        self._before.around(peaks, around)
        limits, born = self._limits[:count], self.born[:count]
        np.maximum.reduce(around, axis=0, out=limits)
        limits *= self._rise
        self._now.around(peaks, around)
        np.greater(around[1], limits, out=born)

        np.maximum(around, self._tiny, out=around)
        np.log(around, out=around)
        logs[...] = around
        np.add(logs[0], logs[2], out=curvature)
        curvature -= logs[1]
        curvature -= logs[1]
        np.minimum(curvature, -1e-9, out=curvature)
        np.subtract(logs[0], logs[2], out=parabola)
        parabola /= curvature
        parabola *= 0.5
        np.clip(parabola, -0.5, 0.5, out=parabola)

        phasors, far = self._phasors[:count], self._flags[:count]
        np.take(self._cross, peaks, out=phasors, mode="clip")
        np.arctan2(phasors.imag, phasors.real, out=limits)
        offset[...] = limits
        offset *= 1 / _TURN
        spare[...] = peaks
        spare *= hop / self._n_fft
        offset -= spare
        np.rint(offset, out=spare)
        offset -= spare
        offset *= self._n_fft / hop
        np.abs(offset, out=spare)
        np.greater(spare, self._farthest, out=far)
        np.logical_or(far, born, out=far)
        np.copyto(offset, parabola, where=far)
        frequency = self.frequency[:count]
        frequency[...] = peaks
        frequency += offset


class Rotation:
    """The angle by which each region is turned; it advances with the region, from frame to frame."""

    def __init__(self, bins: int) -> None:
        self._by_bin = np.zeros(bins)
        self._angles = np.zeros(bins)
        self._turns = np.zeros(bins)

    def reset(self) -> None:
        """Nothing is turned."""
        self._by_bin[...] = 0

    def advance(self, regions: Regions, speed: float) -> RealArray:
        """Angles of the regions, after `speed` radians per bin of frequency; valid until the next call.

        A peak goes on from the region that it was in before; one that is born begins at 0, with the
        phases of the input.
        """
        count = regions.count
        angles, turns = self._angles[:count], self._turns[:count]
        np.take(self._by_bin, regions.peaks[:count], out=angles, mode="clip")
        np.multiply(regions.frequency[:count], speed, out=turns)
        angles += turns
        np.multiply(angles, 1 / _TURN, out=turns)
        np.rint(turns, out=turns)
        turns *= _TURN
        angles -= turns
        np.copyto(angles, 0, where=regions.born[:count])
        np.take(angles, regions.owner, out=self._by_bin, mode="clip")
        return angles


class _Power:
    """Power of a frame, between margins that are below any power."""

    def __init__(self, bins: int, reach: int, dtype: np.dtype[Any]) -> None:
        padded = np.full(bins + 2 * reach, -1, dtype)
        self.bins: RealArray = padded[reach : reach + bins]
        self.bins[...] = 0
        self._lower = [padded[reach - i : reach - i + bins] for i in range(1, reach + 1)]
        self._upper = [padded[reach + i : reach + i + bins] for i in range(1, reach + 1)]
        self._around = (self._lower[0], self.bins, self._upper[0])
        self._largest = np.zeros(bins, dtype)
        self._flags = np.zeros(bins, np.bool_)

    def find_peaks(self, is_peak: NDArray[np.bool_]) -> None:
        """Marks bins larger than those below within reach, and no smaller than those above."""
        np.greater(self.bins, self._largest_of(self._lower), out=is_peak)
        np.greater_equal(self.bins, self._largest_of(self._upper), out=self._flags)
        np.logical_and(is_peak, self._flags, out=is_peak)

    def around(self, peaks: Indices, out: RealArray) -> None:
        """Power below, at and above each of `peaks`, shape (3, peaks)."""
        for source, target in zip(self._around, out):
            np.take(source, peaks, out=target, mode="clip")

    def _largest_of(self, neighbours: list[RealArray]) -> RealArray:
        largest = neighbours[0]
        for neighbour in neighbours[1:]:
            largest = np.maximum(largest, neighbour, out=self._largest)
        return largest


def centre_of(stft: STFT) -> float:
    """Where the weight of a frame's samples in the output lies, in samples from its first."""
    weight = stft.analysis_window * stft.synthesis_window[: stft.win_length]
    return float(weight @ np.arange(stft.win_length) / weight.sum())


def _rise_of_an_onset(stft: STFT, hop: float) -> float:
    """By what factor power grows within a hop while a partial's onset passes the middle of the window."""
    window = stft.analysis_window
    middle = float(window @ np.arange(len(window)) / window.sum())
    after, before = (window[max(0, math.ceil(middle + side * hop / 2)) :].sum() for side in (-1, 1))
    return float(min((after / max(before, 1e-3 * after)) ** 2, 1e3))
