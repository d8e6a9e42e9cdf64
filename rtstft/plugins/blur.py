"""Blur: smears the spectrum over time and frequency."""

import math

import numpy as np

from rtstft.params import Param
from rtstft.plugin import Context, Plugin
from rtstft.plugins._phasors import FLOOR, Normaliser
from rtstft.plugins._smoothing import BandMean
from rtstft.types import ComplexArray


class Blur(Plugin):
    """Smears magnitudes over time and frequency; attacks soften, and what has ended rings on.

    Algorithm: magnitudes are averaged over `width_hz` and then pass a one-pole low-pass of time constant
    `time_s`, each bin for itself. Phases pass the same low-pass, turning with the bin's instantaneous
    frequency (Flanagan and Golden, Phase vocoder, 1966), itself an average over that time: a tone rings on
    as a tone, and digital silence, which has no phase, is filled. With time_s=0 and width_hz=0 the
    signal stays. The bins of a tone drift apart a little while it rings, and it dies away faster than noise:
    at time_s=0.2 by 51 dB a second instead of 43.
    Cost: 18 passes over the bins, 15 us a frame at 1024/256 mono; with a width a running sum, 20 us.
    Latency: none.
    """

    time_s = Param(0.3, min=0.0, max=20.0, doc="time constant of magnitudes")
    width_hz = Param(0.0, min=0.0, max=5000.0, doc="width of averages over frequency")

    def prepare(self, context: Context) -> None:
        """Allocates."""
        shape = (context.channels, context.stft.bins)
        self._hop_s = context.hop_s
        self._mean = BandMean(context, context.channels)
        self._magnitude = np.empty(shape, context.dtype)
        self._scratch = np.empty(shape, context.dtype)
        self._factor = np.zeros(shape, context.complex_dtype)
        self._normalise = Normaliser(shape, context.complex_dtype)
        # What the signal adds to its smeared magnitude, now and a frame ago; steps of phase; what is put out.
        self._now, self._before, self._step, self._phasor = np.empty((4, *shape), context.complex_dtype)
        self.reset()

    def update(self) -> None:
        """Takes over time and width."""
        self._decay = math.exp(-self._hop_s / self.time_s) if self.time_s > 0 else 0.0
        self._mean.set_width(self.width_hz)

    def process(self, frame: ComplexArray) -> None:
        """Gives the frame the smeared magnitudes."""
        magnitude, scratch = self._magnitude, self._scratch
        np.abs(frame, out=scratch)
        self._mean(scratch, scratch)
        scratch *= 1 - self._decay
        magnitude *= self._decay
        magnitude += scratch
        np.maximum(magnitude, FLOOR, out=magnitude)

        now, before, step, phasor = self._now, self._before, self._step, self._phasor
        share, factor = 1 - self._decay, self._factor
        np.divide(share, magnitude, out=factor.real)
        np.multiply(frame, factor, out=now)
        np.conjugate(before, out=before)
        before *= now
        step *= share
        step += before
        self._normalise(step)
        phasor *= step
        phasor *= self._decay
        phasor += now
        self._normalise(phasor)
        factor.real[...] = magnitude
        np.multiply(phasor, factor, out=frame)
        self._now, self._before = before, now

    def reset(self) -> None:
        """Silence behind it."""
        self._magnitude[...] = FLOOR
        for state in (self._now, self._before, self._step, self._phasor):
            state[...] = 0
