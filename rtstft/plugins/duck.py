"""Duck: steps back where another sound is."""

import math
from collections.abc import Mapping

import numpy as np

from rtstft.params import Param
from rtstft.plugin import Context, FrameInfo, Plugin
from rtstft.plugins import _sidechain
from rtstft.plugins._phasors import FLOOR
from rtstft.plugins._power import magnitude_of
from rtstft.plugins._smoothing import BandMean
from rtstft.types import ComplexArray


class Duck(Plugin):
    """Lowers the signal while the sidechain is loud: music under a voice.

    Each dB of the sidechain above the threshold lowers the signal by a dB, until `amount_db` is reached.
    `per_band` lowers only the frequencies that the sidechain has, by its level within `width_hz` of each.
    Levels are of the mean power of all its channels, and all channels of the signal are lowered alike.

    Algorithm: a feed-forward side-chain gain computer (Zoelzer, DAFX, 2011, chapter 4) whose reduction in
    dB passes a one-pole low-pass of time constant `attack_s` upwards and `release_s` downwards. The level of
    a frame is its windowed mean square, by Parseval's theorem: a sine of amplitude 1 has -3 dB.
    Cost: one sum over the bins; per band a running sum, a logarithm and an exponential a bin. Latency:
    none; the level is that of the frame, as is the gain.
    """

    aux = (_sidechain.NAME,)

    threshold_db = Param(-40.0, min=-120.0, max=0.0, doc="level of the sidechain that begins to lower")
    amount_db = Param(12.0, min=0.0, max=100.0, doc="by how much it lowers at most")
    attack_s = Param(0.02, min=0.0, max=5.0, doc="time constant of lowering")
    release_s = Param(0.3, min=0.0, max=20.0, doc="time constant of rising again")
    per_band = Param(False, doc="lowers each frequency by the level around it")
    width_hz = Param(500.0, min=0.0, max=5000.0, doc="width of those levels, for per_band")

    def prepare(self, context: Context) -> None:
        """Allocates."""
        stft = context.stft
        inputs = context.aux[_sidechain.NAME]
        self._hop_s = context.hop_s
        self._bin_hz = context.samplerate / stft.n_fft
        self._mean = BandMean(context, 1)
        self._magnitude = np.empty((inputs, stft.bins), context.dtype)
        self._power = np.empty((1, stft.bins), context.dtype)
        # All bins but the first, and the last of an even DFT, stand for two.
        self._scale = 2 / (stft.n_fft * float(np.sum(stft.analysis_window**2)) * inputs)
        self._shares = np.full(stft.bins, self._scale, context.dtype)
        self._shares[0] /= 2
        if stft.n_fft % 2 == 0:
            self._shares[-1] /= 2
        self._level, self._change, self._reductions = np.empty((3, 1, stft.bins), context.dtype)
        self._factor = np.zeros((1, stft.bins), context.complex_dtype)
        self._reduction = 0.0
        self.reset()

    def update(self) -> None:
        """Takes over times and width."""
        self._up = _share(self._hop_s, self.attack_s)
        self._down = _share(self._hop_s, self.release_s)
        self._mean.set_width(self.width_hz)
        self._band_scale = self._scale * max(1.0, self.width_hz / self._bin_hz)

    def process(self, frame: ComplexArray, _info: FrameInfo, aux: Mapping[str, ComplexArray]) -> None:
        """Lowers the frame."""
        magnitude_of(aux[_sidechain.NAME], self._magnitude)
        np.square(self._magnitude, out=self._magnitude)
        np.add.reduce(self._magnitude, axis=0, keepdims=True, out=self._power)
        if self.per_band:
            self._lower_bands(frame)
        else:
            self._lower(frame)

    def _lower(self, frame: ComplexArray) -> None:
        power = max(float(np.dot(self._power[0], self._shares)), FLOOR)
        target = min(max(10 * math.log10(power) - self.threshold_db, 0.0), self.amount_db)
        way = target - self._reduction
        self._reduction += way * (self._up if way > 0 else self._down)
        frame *= 10 ** (-self._reduction / 20)

    def _lower_bands(self, frame: ComplexArray) -> None:
        level, change, reductions = self._level, self._change, self._reductions
        self._mean(self._power, level)
        level *= self._band_scale
        np.maximum(level, FLOOR, out=level)
        np.log10(level, out=level)
        level *= 10
        level -= self.threshold_db
        np.maximum(level, 0, out=level)
        np.minimum(level, self.amount_db, out=level)
        level -= reductions
        np.maximum(level, 0, out=change)
        change *= self._up
        reductions += change
        np.minimum(level, 0, out=level)
        level *= self._down
        reductions += level
        np.maximum(reductions, FLOOR, out=reductions)
        np.multiply(reductions, -math.log(10) / 20, out=level)
        np.exp(level, out=self._factor.real)
        frame *= self._factor

    def reset(self) -> None:
        """Nothing is lowered."""
        self._reduction = 0.0
        self._reductions[...] = FLOOR


def _share(hop_s: float, time_s: float) -> float:
    """Of the way to a new value, how much is gone in a hop."""
    return -math.expm1(-hop_s / time_s) if time_s > 0 else 1.0
