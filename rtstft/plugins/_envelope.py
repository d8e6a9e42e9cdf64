"""Spectral envelopes that run from partial to partial."""

import math

import numpy as np

from rtstft import fftw
from rtstft.plugin import Context
from rtstft.plugins._regions import Regions
from rtstft.types import RealArray

_BAND_HZ = 5000.0  # up to here the fundamental is looked for
_STEP = 16  # bins of that band are a multiple: a length that FFTW is quick with
_PERIODS = 2.5  # of the lowest fundamental looked for, in a window: what it can resolve
_FLOOR = 1e-5  # of the strongest bin's power: what counts as nothing
_REACH = 0.6  # of the fundamental: more than half the way to the next partial, less than all of it


class Envelope:
    """Lines from partial to partial, of logarithmic amplitude over frequency.

    A partial is a peak with no higher one within 0.6 of the fundamental, which need not be known well
    for that: from 0.85 to 1.6 times the true one will do. It is where the cepstrum is highest, frame
    by frame; in noise, which has none, any will do.

    Algorithm: the envelope of Paul's vocoder (IEEE Trans. ASSP, 1981), the fundamental by Noll's cepstrum
    (JASA, 1967).

    Attributes:
        levels: the envelope at each peak.
    """

    def __init__(self, context: Context) -> None:
        stft, dtype = context.stft, context.dtype
        bins = stft.bins
        self._bin_hz = context.samplerate / stft.n_fft
        self._band = min(bins - 1, _STEP * math.ceil(_BAND_HZ / self._bin_hz / _STEP))
        self._log = np.zeros(self._band + 1, dtype)
        self._spectrum = fftw.zeros((self._band + 1,), context.complex_dtype)
        self._cepstrum = fftw.zeros((2 * self._band,), dtype)
        (self._to_cepstrum,) = fftw.plan([(self._spectrum, self._cepstrum)], "estimate")
        self._shortest = 1
        longest = 2 * self._band * stft.win_length / (_PERIODS * stft.n_fft)
        self._longest = max(1, min(self._band, int(longest)))
        self._tiny = float(np.finfo(dtype).tiny)

        self._windows = [np.zeros(bins, dtype) for _ in range(2)]
        self._powers, self._bounds = (np.zeros(bins, dtype) for _ in range(2))
        self._is_partial, self._flags = (np.zeros(bins, np.bool_) for _ in range(2))
        self._numbers, self._indices = (np.zeros(bins, np.intp) for _ in range(2))
        self._spare = np.zeros(bins)
        # Line 0 is level, up to the lowest partial; line n begins at the nth, and the last is level again.
        self._starts, self._slopes, self._heights = (np.zeros(bins + 1) for _ in range(3))
        self._starts[0] = -math.inf
        self.levels = np.zeros(bins)

    def set_highest_f0(self, highest_hz: float) -> None:
        """No fundamental is looked for above."""
        shortest = math.ceil(2 * self._band * self._bin_hz / highest_hz)
        self._shortest = min(shortest, self._longest)

    def follow(self, regions: Regions) -> None:
        """Draws the lines of the frame that was analysed last."""
        self._find_partials(regions, round(_REACH * self._fundamental(regions.power)))
        regions.find_tops()
        tops, levels = regions.tops[: regions.count], regions.levels[: regions.count]
        is_partial, numbers = self._is_partial[: regions.count], self._numbers[: regions.count]
        numbers[...] = is_partial
        np.cumsum(numbers, out=numbers)
        count = int(numbers[-1])
        lines, spare = slice(1, count + 1), self._spare[:count]
        starts, slopes, heights = self._starts[lines], self._slopes[lines], self._heights[lines]
        partials = np.flatnonzero(is_partial)
        np.take(tops, partials, out=starts, mode="clip")
        np.take(levels, partials, out=heights, mode="clip")
        np.subtract(heights[1:], heights[:-1], out=slopes[:-1])
        np.subtract(starts[1:], starts[:-1], out=spare[:-1])
        slopes[:-1] /= spare[:-1]
        slopes[-1:] = 0
        self._heights[0] = heights[0] if count else 0
        np.multiply(slopes, starts, out=spare)
        heights -= spare
        self.at(tops, regions, out=self.levels[: regions.count])

    def at(self, bins: RealArray, regions: Regions, out: RealArray) -> None:
        """Natural logarithms of amplitude at `bins`, fractions of bins, at most one for every region."""
        count = len(bins)
        lines, spare, beyond = self._indices[:count], self._spare[:count], self._flags[:count]
        np.rint(bins, out=spare)
        np.copyto(lines, spare, casting="unsafe")
        np.take(regions.owner, lines, out=lines, mode="clip")
        np.take(self._numbers, lines, out=lines, mode="clip")
        # The line that begins at the region's own peak, if one does, may begin above.
        np.take(self._starts, lines, out=spare, mode="clip")
        np.greater(spare, bins, out=beyond)
        np.subtract(lines, 1, out=lines, where=beyond)
        np.take(self._slopes, lines, out=out, mode="clip")
        out *= bins
        np.take(self._heights, lines, out=spare, mode="clip")
        out += spare

    def _fundamental(self, power: RealArray) -> float:
        """In bins."""
        log = self._log
        np.maximum(power[: len(log)], float(power.max()) * _FLOOR + self._tiny, out=log)
        np.log(log, out=log)
        self._spectrum[...] = log
        self._to_cepstrum()
        best = self._shortest + int(self._cepstrum[self._shortest : self._longest + 1].argmax())
        return 2 * self._band / best

    def _find_partials(self, regions: Regions, reach: int) -> None:
        """Marks the peaks with no higher one up to `reach` bins away, all of these within the spectrum."""
        bins, count = len(regions.power), regions.count
        reach = min(max(reach, 1), (bins - 1) // 2)
        peaks, powers = regions.peaks[:count], self._powers[:count]
        np.take(regions.power, peaks, out=powers, mode="clip")
        # The highest peak among `width` bins from each bin on, wider and wider.
        highest, wider = self._windows
        highest[...] = 0
        highest[peaks] = powers
        width, widest, length = 1, 2 * reach + 1, bins
        while width < widest:
            step = min(width, widest - width)
            width, length = width + step, length - step
            np.maximum(highest[:length], highest[step : step + length], out=wider[:length])
            highest, wider = wider, highest

        starts, bounds = self._indices[:count], self._bounds[:count]
        is_partial, within = self._is_partial[:count], self._flags[:count]
        np.subtract(peaks, reach, out=starts)
        np.take(highest, starts, out=bounds, mode="clip")
        np.greater_equal(powers, bounds, out=is_partial)
        # Negative ones wrap to huge ones.
        np.less(starts.view(np.uintp), length, out=within)
        np.logical_and(is_partial, within, out=is_partial)
