"""Limiter: keeps every sample within a ceiling."""

import math

import numpy as np

from rtstft import fftw
from rtstft.delay import FrameDelay
from rtstft.params import Param
from rtstft.plugin import Context, Plugin
from rtstft.types import ComplexArray

_MARGIN = 1 - 1e-5  # for the rounding of the synthesis
_SILENT = 1e-30


class Limiter(Plugin):
    """Turns frames down before a sample of the output exceeds a ceiling; leaves what is below alone.

    No sample exceeds the ceiling, whatever plugins in front have done to the frames and at mix=1, provided
    that nothing behind it changes them. It is sure because it bounds: a sample is the sum of what
    several frames put there, and the sum of their magnitudes is held within the ceiling. Where frames are
    those of a signal and windows are positive that is the sample itself; frames that contradict
    each other, as after strong effects, are turned down further than need be. Between the samples
    (true peak) the signal can still be higher.

    Algorithm: a limiter with lookahead (Zoelzer, DAFX, 2011, chapter 4), of frames: each one's inverse
    transform, times the synthesis window, gives the bound of every sample; the least gain over a frame
    and the lookahead, let go at `release_s`, is averaged over the lookahead (a minimum followed by a mean
    as long keeps below the minimum).
    Cost: one inverse transform a channel, and some ten passes. Latency: the frames that overlap a frame,
    ceil(win_length / hop_length) - 1 (of n_fft for "ola"), and `lookahead_s`.
    """

    ceiling_db = Param(-1.0, min=-60.0, max=0.0, smooth_s=0.02, doc="level that no sample exceeds")
    release_s = Param(0.1, min=0.001, max=10.0, doc="time constant of the way back")
    lookahead_s = Param(0.005, min=0.0, max=0.5, fixed=True, doc="time in which it turns down; latency")
    link = Param(True, doc="one gain for all channels, so that nothing moves between them")

    def prepare(self, context: Context) -> None:
        """Plans the transforms."""
        stft, channels = context.stft, context.channels
        support = np.flatnonzero(stft.synthesis_window)
        first, end = int(support[0]), int(support[-1]) + 1
        hop = self._hop = stft.hop_length
        overlapping = -(-(end - first) // hop)
        ahead = math.ceil(self.lookahead_s / context.hop_s - 1e-9)
        self.lookahead = overlapping - 1 + ahead
        self._hop_s = context.hop_s

        self._spectra = fftw.zeros((channels, stft.bins), context.complex_dtype)
        self._signals = fftw.zeros((channels, stft.n_fft), context.dtype)
        self._inverse = fftw.plan(list(zip(self._spectra, self._signals)), "estimate")
        self._part = self._signals[:, first:end]
        self._weights = (np.abs(stft.synthesis_window[first:end]) / stft.n_fft).astype(context.dtype)
        self._bound = np.zeros((channels, overlapping * hop), context.dtype)
        self._later = self._bound[:, hop:].copy()
        self._peaks = np.zeros((self.lookahead + 1, channels), context.dtype)
        self._gains = np.ones((ahead + 1, channels), context.dtype)
        self._mean = np.ones(channels, context.dtype)
        self._gain = np.ones((channels, 1), context.complex_dtype)
        self._held = np.ones(channels)
        self._delay = FrameDelay(self.lookahead, (channels, stft.bins), context.complex_dtype)
        self._count = 0

    def update(self) -> None:
        """Takes over ceiling and release."""
        self._ceiling = _MARGIN * 10 ** (self.ceiling_db / 20)
        self._share = -math.expm1(-self._hop_s / self.release_s)

    def process(self, frame: ComplexArray) -> None:
        """Gives the frame of `lookahead` frames ago, turned down as far as those since then ask for."""
        self._add_bound(frame)
        turn = self._count % len(self._peaks)
        self._bound[:, : self._hop].max(axis=1, out=self._peaks[turn])
        if self.link:
            self._peaks[turn] = self._peaks[turn].max()
        released = self._held + self._share * (1 - self._held)
        highest = np.maximum(self._peaks.max(axis=0), _SILENT)
        np.minimum(released, self._ceiling / highest, out=self._held)
        self._gains[self._count % len(self._gains)] = self._held
        np.add.reduce(self._gains, axis=0, out=self._mean)
        self._mean /= len(self._gains)
        self._gain.real[:, 0] = self._mean
        self._count += 1
        frame[...] = self._delay.push(frame)
        frame *= self._gain

    def reset(self) -> None:
        """Forgets all frames."""
        self._bound[...] = 0
        self._peaks[...] = 0
        self._gains[...] = 1
        self._held[...] = 1
        self._delay.reset()
        self._count = 0

    def _add_bound(self, frame: ComplexArray) -> None:
        """Moves on by a hop, and adds what `frame` can put into each sample at most."""
        self._spectra[...] = frame
        for inverse in self._inverse:
            inverse()
        np.abs(self._part, out=self._part)
        self._part *= self._weights
        self._later[...] = self._bound[:, self._hop :]
        self._bound[:, : self._later.shape[1]] = self._later
        self._bound[:, self._later.shape[1] :] = 0
        self._bound[:, : self._part.shape[1]] += self._part
