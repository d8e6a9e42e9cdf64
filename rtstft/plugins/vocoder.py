"""Vocoder: makes another sound speak."""

from collections.abc import Mapping

import numpy as np

from rtstft.params import Param
from rtstft.plugin import Context, FrameInfo, Plugin
from rtstft.plugins import _sidechain
from rtstft.plugins._phasors import FLOOR
from rtstft.plugins._smoothing import Envelope
from rtstft.types import ComplexArray


class Vocoder(Plugin):
    """Imposes the spectral envelope of the signal, a voice, on the sidechain, say a synthesiser.

    The signal is the modulator, the sidechain the carrier: what comes out are the carrier's notes with
    the signal's vowels and loudness. A carrier in mono serves all channels.

    Algorithm: cross-synthesis (Zoelzer, DAFX, 2011, chapter 8): the carrier's frame is whitened by
    its own envelope and multiplied by the modulator's, both averages of the power over `width_hz`. What
    lies further below the carrier's mean power than `floor_db` is not raised beyond that.
    Cost: four running sums, and some 15 operations a bin. Latency: none.
    """

    aux = (_sidechain.NAME,)

    width_hz = Param(300.0, min=0.0, max=5000.0, doc="resolution of the envelopes")
    floor_db = Param(
        -60.0, min=-120.0, max=0.0, doc="parts of the carrier below its mean by this are not raised"
    )

    def prepare(self, context: Context) -> None:
        """Allocates."""
        self._bins = context.stft.bins
        self._sidechain = _sidechain.Sidechain(context)
        self._modulator = Envelope(context, context.channels)
        self._carrier = Envelope(context, self._sidechain.channels)
        self._ratio = np.empty((context.channels, context.stft.bins), context.dtype)
        self._factor = np.zeros((context.channels, context.stft.bins), context.complex_dtype)
        self._mean = np.empty((self._sidechain.channels, 1), context.dtype)

    def update(self) -> None:
        """Takes over width and floor."""
        self._modulator.set_width(self.width_hz)
        self._carrier.set_width(self.width_hz)
        self._floor = 10 ** (self.floor_db / 10) / self._bins

    def process(self, frame: ComplexArray, _info: FrameInfo, aux: Mapping[str, ComplexArray]) -> None:
        """Replaces the frame by the carrier's, in the frame's envelope."""
        carrier = self._sidechain.frame(aux)
        power, mean = self._carrier(carrier), self._mean
        np.add.reduce(power, axis=1, keepdims=True, out=mean)
        mean *= self._floor
        np.maximum(mean, FLOOR, out=mean)
        ratio, factor = self._ratio, self._factor.real
        ratio[...] = power
        factor[...] = mean
        np.maximum(ratio, factor, out=ratio)
        np.divide(self._modulator(frame), ratio, out=ratio)
        np.sqrt(ratio, out=factor)
        frame[...] = carrier
        frame *= self._factor
