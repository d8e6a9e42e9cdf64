"""Dereverb: a voice out of a reverberant room."""

import math

import numpy as np

from rtstft.delay import FrameDelay
from rtstft.params import Param
from rtstft.plugin import Context, Plugin
from rtstft.plugins._lsa import LsaGain, share_of
from rtstft.plugins._power import LEAST, power_of, share_within
from rtstft.types import ComplexArray, RealArray


class Dereverb(Plugin):
    """Suppresses the late reverberation of speech: what a room adds later than `early_s`.

    The direct sound and its early reflections stay. Needs to know how long the room reverberates;
    when in doubt, a little less. Windows of about 32 ms with 75 % overlap suit speech best; where
    the window is longer than `early_s`, its length takes that place, for frames that
    overlap share their direct sound. Steady sounds are in part taken for reverberation, and lose some 3 dB.

    Algorithm: the power of late reverberation is that of the signal some time ago, less the decay
    in between (Lebart, Boucher and Denbigh, Acta Acustica 87, 2001); it is taken off as noise, by the
    MMSE log-spectral amplitude gain (Ephraim and Malah 1985).
    Cost: some 30 operations a bin, among them one logarithm. Latency: none.
    """

    t60_s = Param(0.6, min=0.1, max=20.0, doc="reverberation time: until the room is 60 dB softer")
    strength = Param(1.0, min=0.0, max=2.0, doc="factor for every attenuation in dB, before the floor")
    floor_db = Param(-12.0, min=-80.0, max=0.0, smooth_s=0.02, doc="gain where there is only reverberation")
    smoothing_s = Param(
        0.05,
        min=0.0,
        max=2.0,
        doc="longer: calmer rest of the room, softer onsets; at 32 ms, of other windows in proportion",
    )
    early_s = Param(0.05, min=0.0, max=0.5, fixed=True, doc="reflections that come sooner are kept")

    def prepare(self, context: Context) -> None:
        """Makes the estimators, and a delay for what may be early."""
        shape = (context.channels, context.stft.bins)
        self._context = context
        early_s = max(self.early_s, context.stft.win_length / context.samplerate)
        frames = math.ceil(early_s / context.hop_s - 1e-9)
        self._late_s = frames * context.hop_s
        self._delay = FrameDelay(frames, shape, context.dtype)
        self._lsa = LsaGain(shape, context.dtype)
        self._factor = np.zeros(shape, context.complex_dtype)
        self._power = np.empty(shape, context.dtype)
        self._late = np.empty(shape, context.dtype)
        self._mean: RealArray = np.zeros(shape, context.dtype)

    def update(self) -> None:
        """The decay of the room, floor and smoothing."""
        per_s = 6 * math.log(10) / self.t60_s  # exponent of the power
        self._decay = math.exp(-per_s * self._late_s)
        self._mean_share = share_within(self._context.hop_s, 1 / per_s)
        self._floor = 10 ** (self.floor_db / 20)
        self._share = share_of(self._context, self.smoothing_s)

    def process(self, frame: ComplexArray) -> None:
        """Weights every bin by its gain."""
        power, late = self._power, self._late
        power_of(frame, power, late)
        np.subtract(power, self._mean, out=late)
        late *= self._mean_share
        self._mean += late
        np.multiply(self._delay.push(self._mean), self._decay, out=late)
        np.maximum(late, LEAST, out=late)
        gain = self._lsa.update(power, power, late, self._share)
        if self.strength != 1:
            np.power(gain, self.strength, out=gain)
        np.maximum(gain, self._floor, out=gain)
        self._factor.real[...] = gain
        frame *= self._factor

    def reset(self) -> None:
        """Forgets what was heard."""
        self._delay.reset()
        self._lsa.reset()
        self._mean[...] = 0
