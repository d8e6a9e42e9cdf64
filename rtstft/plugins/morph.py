"""Morph: between two sounds."""

from collections.abc import Mapping

import numpy as np

from rtstft.params import Param
from rtstft.plugin import Context, FrameInfo, Plugin
from rtstft.plugins import _sidechain
from rtstft.plugins._phasors import FLOOR
from rtstft.plugins._power import magnitude_of
from rtstft.types import ComplexArray, RealArray


class Morph(Plugin):
    """Goes from the signal, amount=0, to the sidechain, amount=1, bin by bin in dB.

    In between only what both have is loud, other than in a mix. A sidechain in mono serves all channels.

    Algorithm: spectral interpolation (Zoelzer, DAFX, 2011, chapter 7; Moorer, JAES 1979): magnitudes
    |signal|**(1 - amount) * |sidechain|**amount. Phases are the signal's, `phase="signal"`, or those of the
    sum weighted by the amount, `phase="louder"`, which the louder of the two decides: then amount=1 is
    the sidechain. With amount=0 the signal passes to the bit.
    Cost: three logarithms and an exponential a bin; with the signal's phases, a logarithm less.
    Latency: none.
    """

    aux = (_sidechain.NAME,)

    amount = Param(0.5, min=0.0, max=1.0, smooth_s=0.02, doc="0 is the signal, 1 the sidechain")
    phase = Param("louder", choices=("louder", "signal"), doc="whose phases it has")

    def prepare(self, context: Context) -> None:
        """Allocates."""
        shape = (context.channels, context.stft.bins)
        self._sidechain = _sidechain.Sidechain(context)
        self._level = np.empty(shape, context.dtype)
        self._own = np.empty(shape, context.dtype)
        self._factor = np.zeros(shape, context.complex_dtype)
        self._other = np.empty((self._sidechain.channels, context.stft.bins), context.dtype)
        self._weighted = np.empty((self._sidechain.channels, context.stft.bins), context.complex_dtype)

    def process(self, frame: ComplexArray, _info: FrameInfo, aux: Mapping[str, ComplexArray]) -> None:
        """Interpolates the frame."""
        amount = self.amount
        if amount == 0:
            return
        other = self._sidechain.frame(aux)
        own, level = self._own, self._level
        _log_magnitude(frame, own)
        _log_magnitude(other, self._other)
        level[...] = self._other
        level -= own
        level *= amount
        if self.phase == "louder":
            level += own
            self._weighted[...] = other
            self._weighted *= amount
            frame *= 1 - amount
            frame += self._weighted
            _log_magnitude(frame, own)
            level -= own
        np.exp(level, out=self._factor.real)
        frame *= self._factor


def _log_magnitude(frame: ComplexArray, out: RealArray) -> None:
    magnitude_of(frame, out)
    np.maximum(out, FLOOR, out=out)
    np.log(out, out=out)
