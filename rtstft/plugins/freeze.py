"""Freeze: holds a moment."""

import math

import numpy as np

from rtstft.params import Param
from rtstft.plugin import Context, Plugin
from rtstft.plugins._phasors import FLOOR, Normaliser, from_angles
from rtstft.types import ComplexArray, RealArray

_SEED = 1


class Freeze(Plugin):
    """Holds the sound of the moment at which `hold` is set for as long as it is.

    Set again while it fades out, it holds what it held.

    Algorithm: a phase vocoder that stands still (Flanagan and Golden 1966; identity phase locking of Laroche
    and Dolson, IEEE Trans. SAP 1999): magnitudes stay, and the bins around each peak advance together
    at the peak's instantaneous frequency. So that noise does not turn into a chord of metal, the phases of
    each peak wander as well, by random steps whose size gives its line the width `spread_hz`: a random
    walk of variance s**2 a hop has a Lorentzian line, s**2 / (2 pi hop_s) wide at half its height.
    Tones keep their level, noise loses 1 to 2 dB. The fade is linear; it begins in phase with the signal.
    Cost: a copy while nothing is held; while it is, a random number, a sine, a cosine and four complex
    multiplications a bin; at its first frame a search for peaks, with a few temporary arrays. Latency: none.
    """

    hold = Param(False, doc="holds the sound of this moment")
    fade_s = Param(0.1, min=0.0, max=20.0, doc="time of the fade to the held sound, and back")
    spread_hz = Param(1.0, min=0.0, max=50.0, doc="width of each partial; 0 stands quite still")

    def prepare(self, context: Context) -> None:
        """Allocates."""
        stft = context.stft
        shape = (context.channels, stft.bins)
        self._hop_s = context.hop_s
        self._nominal = np.exp(2j * math.pi * stft.hop_length / stft.n_fft * np.arange(stft.bins))
        self._weight = 0.0
        self._before = np.empty(shape, context.complex_dtype)
        # In double precision: an hour of small rotations leaves magnitudes as they are.
        self._held, self._step, self._wander = np.empty((3, *shape), np.complex128)
        self._normalise = Normaliser(shape, np.dtype(np.complex128))
        self._output = np.empty(shape, context.complex_dtype)
        self._peaks = np.empty(shape, np.intp)
        self._noise = np.empty(stft.bins, context.dtype)
        self._angles = np.empty(shape, context.dtype)
        self.reset()

    def update(self) -> None:
        """Takes over fade and spread."""
        self._share = min(1.0, self._hop_s / self.fade_s) if self.fade_s > 0 else 1.0
        # Uniform steps of that variance; more than a half turn is no more random.
        self._limit = min(math.pi, math.sqrt(3 * 2 * math.pi * self.spread_hz * self._hop_s))

    def process(self, frame: ComplexArray) -> None:
        """Fades the frame to or from what is held."""
        if self._weight == 0:
            if self.hold:
                self._capture(frame)
            else:
                self._before[...] = frame
                return
        else:
            self._advance()
        self._weight = min(1.0, max(0.0, self._weight + (self._share if self.hold else -self._share)))
        self._output[...] = self._held
        self._before[...] = frame
        self._output *= self._weight
        frame *= 1 - self._weight
        frame += self._output

    def reset(self) -> None:
        """Nothing is held, nothing was heard."""
        self._weight = 0.0
        self._before[...] = 0
        self._random = np.random.Generator(np.random.SFC64(_SEED))

    def _capture(self, frame: ComplexArray) -> None:
        self._held[...] = frame
        np.abs(frame, out=self._angles)
        self._peaks[...] = nearest_peaks(self._angles)
        np.conjugate(self._before, out=self._step)
        self._step *= self._held
        # Where there was nothing a frame ago, bins advance at their own frequency.
        self._step += FLOOR * self._nominal
        self._normalise(self._step)
        self._step[...] = np.take_along_axis(self._step, self._peaks, axis=1)

    def _advance(self) -> None:
        self._held *= self._step
        if self._limit > 0:
            self._random.random(out=self._noise, dtype=self._noise.dtype)
            self._noise -= 0.5
            self._noise *= 2 * self._limit
            np.take(self._noise, self._peaks, out=self._angles, mode="clip")
            from_angles(self._angles, self._output)
            self._wander[...] = self._output
            self._held *= self._wander


def nearest_peaks(magnitudes: RealArray) -> np.typing.NDArray[np.intp]:
    """For each bin of `magnitudes`, shape (channels, bins), the nearest that is not below its neighbours."""
    channels, bins = magnitudes.shape
    bounded = np.full((channels, bins + 4), -1.0)
    bounded[:, 2:-2] = magnitudes
    windows = np.lib.stride_tricks.sliding_window_view(bounded, 5, axis=1)
    peak = magnitudes >= windows.max(axis=2)
    index = np.arange(bins)
    below = np.maximum.accumulate(np.where(peak, index, -bins), axis=1)
    above = np.minimum.accumulate(np.where(peak, index, 2 * bins)[:, ::-1], axis=1)[:, ::-1]
    return np.where(index - below <= above - index, below, above)
