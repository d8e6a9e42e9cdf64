"""Compress: reduces the range of levels, band by band."""

import math

import numpy as np

from rtstft.errors import ParameterError
from rtstft.params import Param
from rtstft.plugin import Context, Plugin
from rtstft.plugins import _range
from rtstft.plugins._power import magnitude_of
from rtstft.plugins._text import TextParam, entries, numbers_of
from rtstft.types import ComplexArray, RealArray

_SILENT = 1e-20
_NEPER = math.log(10) / 20


def parse(text: str) -> list[tuple[float, float, float, float]]:
    """Bands as Compress.bands has them: lowest frequency, threshold, ratio and makeup of each."""
    bands: list[tuple[float, float, float, float]] = []
    expected = "Hz:threshold dB:ratio or Hz:threshold dB:ratio:makeup dB"
    for entry in entries(text):
        parts = entry.split(":")
        if len(parts) not in (3, 4):
            raise ParameterError(f"band {entry!r}, expected {expected}")
        low, threshold, ratio, *makeup = numbers_of(entry, parts, expected)
        if not (low > bands[-1][0] if bands else low >= 0):
            raise ParameterError(f"band {entry!r}, expected rising frequencies from 0 Hz on")
        if ratio < 1:
            raise ParameterError(f"band {entry!r}, expected a ratio of 1 or more")
        bands.append((low, threshold, ratio, makeup[0] if makeup else 0.0))
    return bands


class Compress(Plugin):
    """Turns down, band by band, what exceeds a threshold: by (1 - 1/ratio) dB for each dB above it.

    Bands are text, Hz:threshold dB:ratio:makeup dB, as in "0:-24:2, 200:-30:3:4, 4000:-40:1.5"; each
    reaches from its frequency to that of the next, and the last one up to all there is, so that one above
    half the samplerate has nothing to do; what lies below the first is left alone, and a makeup left out
    is 0 dB. Levels are rms, 0 dB being an rms of 1 (a full-scale sine has -3 dB). Where bands meet, the
    gain goes over from one to the other within a third of an octave.

    Algorithm: soft knee and smoothing of the reduction in dB, feed-forward (Giannoulis, Massberg and
    Reiss, Digital dynamic range compressor design, JAES 2012), levels from the power of a frame's bins.
    Cost: two operations a bin and band, an exponential a bin. Latency: none; the level of a frame is that
    within its window, so that half a window before a sound it begins to turn down.
    """

    bands = TextParam(
        parse,
        "Hz:threshold dB:ratio[:makeup dB], separated by commas",
        "0:-24:2, 150:-28:2, 600:-32:2, 2400:-38:2, 9600:-44:2",
    )
    threshold_db = Param(0.0, min=-100.0, max=100.0, smooth_s=0.02, doc="added to all thresholds")
    knee_db = Param(6.0, min=0.0, max=48.0, doc="range around the threshold over which it sets in")
    attack_s = Param(0.01, min=0.0, max=10.0, doc="time constant of turning down")
    release_s = Param(0.15, min=0.0, max=10.0, doc="time constant of the way back")
    makeup_db = Param(0.0, min=-60.0, max=60.0, smooth_s=0.02, doc="what to add to the level of all bands")
    link = Param(True, doc="one gain for all channels, so that nothing moves between them")

    def prepare(self, context: Context) -> None:
        """Allocates what does not depend on the number of bands."""
        self._context = context
        shape = (context.channels, context.stft.bins)
        self._power, self._gains, self._makeup = (np.zeros(shape, context.dtype) for _ in range(3))
        self._factor = np.zeros(shape, context.complex_dtype)
        self._lay_out()

    def update(self) -> None:
        """Takes over the parameters; other bands start anew."""
        context = self._context
        if self.bands != self._laid_out:
            self._lay_out()
        self._limits = (self._thresholds + self.threshold_db).astype(context.dtype)
        self._makeup[...] = (self._makeups + self.makeup_db) @ self._weights
        hop_s = context.hop_s
        self._attack, self._release = (
            -math.expm1(-hop_s / time_s) if time_s > 0 else 1.0 for time_s in (self.attack_s, self.release_s)
        )

    def process(self, frame: ComplexArray) -> None:
        """Turns the bands of the frame down, in place."""
        magnitude_of(frame, self._power)
        np.square(self._power, out=self._power)
        levels = self._levels
        np.matmul(self._power, self._measure, out=levels)
        np.maximum(levels, _SILENT, out=levels)
        np.log10(levels, out=levels)
        levels *= 10
        if self.link:
            levels[...] = levels.max(axis=0)
        change = self._wanted(levels) - self._reduction
        change *= np.where(change > 0, self._attack, self._release)
        self._reduction += change
        np.matmul(self._reduction, self._weights, out=self._gains)
        np.subtract(self._makeup, self._gains, out=self._gains)
        self._gains *= _NEPER
        np.exp(self._gains, out=self._gains)
        self._factor.real[...] = self._gains
        frame *= self._factor

    def reset(self) -> None:
        """Forgets all levels."""
        self._reduction[...] = 0

    def _wanted(self, levels: RealArray) -> RealArray:
        """Reduction in dB, shape (channels, bands)."""
        knee = self.knee_db
        over = levels - self._limits
        within = np.clip(over + knee / 2, 0, knee)
        bent = within**2 / (2 * knee) if knee else within
        reduction: RealArray = (bent + np.maximum(over - knee / 2, 0)) * self._slopes
        return reduction

    def _lay_out(self) -> None:
        """Allocates for the bands that there are."""
        context = self._context
        stft, dtype = context.stft, context.dtype
        self._laid_out = self.bands
        bands = parse(self._laid_out)
        edges = [low for low, *_ in bands]
        weights = [_range.between(context, *pair) for pair in zip(edges, [*edges[1:], math.inf])]
        self._weights = np.array(weights, dtype).reshape(len(bands), stft.bins)
        table = np.array(bands).reshape(len(bands), 4)
        self._thresholds = table[:, 1]
        self._slopes = 1 - 1 / table[:, 2]
        self._makeups = table[:, 3]
        # The mean square of a frame, as a sum over its bins (Parseval): all but the ends stand for two.
        parts = np.full(stft.bins, 2 / (stft.n_fft * np.sum(stft.analysis_window**2)))
        parts[0] /= 2
        if stft.n_fft % 2 == 0:
            parts[-1] /= 2
        self._measure = np.ascontiguousarray((self._weights * parts).T, dtype)
        self._levels, self._reduction = (np.zeros((context.channels, len(bands)), dtype) for _ in range(2))
