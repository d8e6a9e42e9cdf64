"""Filter: lets pass what lies on one side of a frequency, or within a band, or all but a band."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rtstft.errors import AudioError, GeometryError, ParameterError
from rtstft.params import Param
from rtstft.paths import PathParam
from rtstft.plugin import Context
from rtstft.plugins import _impulse
from rtstft.plugins._impulse import Taps
from rtstft.plugins._remarks import beyond
from rtstft.plugins._shaper import Shaper, minimum_phase


class Filter(Shaper):
    """Low-pass, high-pass, band-pass or notch; or any impulse response that fits a frame.

    The response is Butterworth's, with -3 dB at `frequency_hz`, or at both edges of the band of
    `width_hz` around it (geometrically), down to a floor of -120 dB; minimum phase, so without delay.
    `kind="fir"` takes the impulse response from a file (`path`) or an array, shape (taps,) or
    (taps, channels), and goes without saying for a filter made with one; more taps than fit are for Convolve.

    A low-pass at or above half the samplerate passes all there is; of any other kind there it is a
    ResponseWarning, as it finds nothing to do what it is for.

    In an "ola" geometry with padding, what fits in n_fft - win_length + 1 taps is exact linear
    convolution. With a synthesis window, taps are corrected for the windows' mean weight, and the rest
    of the error is computed, before the first frame and for each setting that has rested for 50 ms, of
    automation as well: over 0.1 dB is a ResponseWarning, and `error_db` tells how much. Where the response
    is below -40 dB of its peak, errors are relative to that level.

    Algorithm: frequency sampling, minimum phase by the cepstrum (Oppenheim and Schafer, Discrete-time
    signal processing, 1989); multiplication by the response's spectrum (Allen and Rabiner 1977).
    Cost: one complex multiplication a bin; a change of the response takes four transforms of four frames'
    points, and 16384 at 48 kHz at least, and two more once it rests. Latency: none.

    Args:
        taps: impulse response as an array, for kind="fir".
        params: the parameters.
    """

    kind = Param("low", choices=("low", "high", "band", "notch", "fir"), doc="what passes; fir: see path")
    frequency_hz = Param(1000.0, min=1.0, max=200_000.0, doc="edge, or middle of the band")
    width_hz = Param(500.0, min=1.0, max=200_000.0, doc="of the band, from -3 dB to -3 dB")
    slope_db = Param(24.0, min=6.0, max=96.0, doc="steepness at each edge, in dB per octave")
    path = PathParam(fixed=True, doc="file of an impulse response: sound, or numbers in .npy, .txt, .csv")

    def __init__(self, taps: ArrayLike | None = None, **params: Any) -> None:
        self._given = None if taps is None else _impulse.checked(taps)
        if taps is not None or params.get("path"):
            params.setdefault("kind", "fir")
        super().__init__(**params)

    def prepare(self, context: Context) -> None:
        """Reads the impulse response, if there is one."""
        super().prepare(context)
        self._fir = None
        if self._given is not None or self.path:
            if self.kind != "fir":
                what = "taps" if self._given is not None else f"path={self.path!r}"
                raise ParameterError(
                    f"kind={self.kind!r} and {what}, which only kind='fir' uses: leave one of them out"
                )
            given = self._given if self._given is not None else _impulse.load(self.path, context.samplerate)
            self._fir = _impulse.checked(given, context.channels)
            if len(self._fir) > self.fit.room:
                raise GeometryError(
                    f"{len(self._fir)} taps, and {self.fit.room} fit {context.stft!r}: take "
                    f"Convolve, or n_fft={context.stft.win_length + len(self._fir)} with synthesis='ola'"
                )

    def remarks(self) -> list[str]:
        """Of the frequency, for kinds that need something around or above it."""
        lacks = {
            "high": "there is nothing above it to pass",
            "band": "there is nothing around it to pass",
            "notch": "there is nothing around it to take out",
        }
        if self.kind not in lacks or self.frequency_hz < self.nyquist_hz:
            return []
        return [beyond(f"the frequency of kind={self.kind!r}", self.nyquist_hz, lacks[self.kind])]

    def taps(self) -> Taps:
        """Of the kind asked for."""
        if self.kind == "fir":
            if self._fir is None:
                raise AudioError("kind='fir' without taps: give an array, Filter(taps), or a path")
            return self._fir
        frequencies = np.maximum(self.frequencies, 1e-3)
        order = self.slope_db / (20 * math.log10(2))
        middle = self.frequency_hz
        if self.kind in ("low", "high"):
            detuning = frequencies / middle
        else:
            detuning = np.abs(frequencies / middle - middle / frequencies) * (middle / self.width_hz)
        inverse = self.kind in ("high", "notch")
        with np.errstate(over="ignore", divide="ignore"):
            power = detuning ** (-2 * order if inverse else 2 * order)
            return minimum_phase(1 / np.sqrt(1 + power))
