"""Spectral envelopes that run along the tops of the partials."""

import math
from typing import Any

import numpy as np

from rtstft import fftw
from rtstft.types import RealArray

_CLOSE = 2 / (20 / math.log(10))  # the envelope may run 2 dB below a partial
_MOST_ROUNDS = 20
_FLOOR = 1e-12  # of the strongest bin's power: what counts as nothing


class TrueEnvelope:
    """Cepstrally smooth envelope of a power spectrum, raised until no bin is far above it.

    Algorithm: the true envelope of Imai and Abe (1979), as Röbel and Rodet (DAFx-05) use it: what the
    smoothed logarithm leaves below itself is filled up to it, and smoothed again.
    """

    def __init__(self, n_fft: int, dtype: np.dtype[Any]) -> None:
        bins = n_fft // 2 + 1
        self._cepstrum = fftw.zeros((n_fft,), dtype)
        self._spectrum = fftw.zeros((bins,), np.result_type(dtype, np.complex64))
        (self._to_cepstrum,) = fftw.plan([(self._spectrum, self._cepstrum)], "estimate")
        (self._to_spectrum,) = fftw.plan([(self._cepstrum, self._spectrum)], "estimate")
        self._smooth = self._spectrum.real
        self._lifter = np.zeros(n_fft, dtype)
        self._filled = np.zeros(bins, dtype)
        self._excess = np.zeros(bins, dtype)
        self._tiny = float(np.finfo(dtype).tiny)

    def set_order(self, order: float) -> None:
        """Highest quefrency that the envelope has, in samples."""
        last = max(1, min(round(order), len(self._lifter) // 2))
        self._lifter[...] = 0
        self._lifter[: last + 1] = 1 / len(self._lifter)
        self._lifter[len(self._lifter) - last :] = 1 / len(self._lifter)

    def of(self, power: RealArray, out: RealArray) -> None:
        """The envelope's logarithm, of amplitude, shape (bins,), into `out`."""
        filled, excess = self._filled, self._excess
        np.maximum(power, float(power.max()) * _FLOOR + self._tiny, out=filled)
        np.log(filled, out=filled)
        filled *= 0.5
        for _ in range(_MOST_ROUNDS):
            self._spectrum[...] = filled
            self._to_cepstrum()
            self._cepstrum *= self._lifter
            self._to_spectrum()
            np.subtract(filled, self._smooth, out=excess)
            if float(excess.max()) < _CLOSE:
                break
            np.maximum(filled, self._smooth, out=filled)
        out[...] = self._smooth
