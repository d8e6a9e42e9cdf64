"""The gain of Ephraim and Malah: the best guess at the logarithm of a magnitude in noise."""

import math
from typing import Any

import numpy as np

from rtstft.plugin import Context
from rtstft.plugins._power import share_within
from rtstft.types import RealArray

_LEAST_PRIOR = 10**-2.5  # -25 dB: lower, and what is left of the noise begins to tinkle
_MOST_PRIOR = 1e12
_POSTERIOR = 1e-3, 1e3
_POINTS = 512
_LOWEST = math.log(_POSTERIOR[0] * _LEAST_PRIOR / (1 + _LEAST_PRIOR))
_HIGHEST = math.log(200.0)
_WINDOW_S = 0.032


def share_of(context: Context, smoothing_s: float) -> float:
    """What a frame adds to the signal-to-noise ratio, where windows of 32 ms smooth it by `smoothing_s`.

    Noise makes one observation a window: smoothed over as many of them, it is as calm in any geometry.
    """
    window_s = context.stft.win_length / context.samplerate
    return share_within(context.hop_s, smoothing_s * window_s / _WINDOW_S)


class LsaGain:
    """Gains of the MMSE log-spectral amplitude estimator, from the powers of a signal and its noise.

    The signal-to-noise ratio before this frame (a priori) is decision-directed: mostly what the last
    frame's gain left, the rest from this frame (Ephraim and Malah 1984 and 1985; why it hardly
    leaves musical noise: Cappé 1994).

    Args:
        shape: (channels, bins).
        dtype: of powers and gains.
    """

    def __init__(self, shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
        self.gain: RealArray = np.ones(shape, dtype)
        self._clean = np.zeros(shape, dtype)
        self._posterior = np.empty(shape, dtype)
        self._prior = np.empty(shape, dtype)
        self._scratch = np.empty(shape, dtype)
        self._index = np.empty(shape, np.intp)
        grid = np.linspace(_LOWEST, _HIGHEST, _POINTS)
        values = np.exp(exponential_integral(np.exp(grid)) / 2)
        self._table = values.astype(dtype)
        self._steps = np.diff(values, append=values[-1]).astype(dtype)

    def update(self, power: RealArray, even: RealArray, noise: RealArray, share: float) -> RealArray:
        """The gains of the next frame, 0 to 1; valid, and the caller's to change, until the next call.

        Args:
            power: of the noisy signal, shape (channels, bins).
            even: the same, or smoothed over bins, for this frame's part in the signal-to-noise ratio.
            noise: of the noise in it, more than 0.
            share: what this frame adds to the signal-to-noise ratio, 0 to 1; the rest is the last one's.
        """
        posterior, prior, gain = self._posterior, self._prior, self.gain
        np.divide(power, noise, out=posterior)
        np.maximum(posterior, _POSTERIOR[0], out=posterior)
        np.minimum(posterior, _POSTERIOR[1], out=posterior)
        np.divide(self._clean, noise, out=prior)
        prior *= 1 - share
        np.divide(even, noise, out=gain)
        np.minimum(gain, _POSTERIOR[1], out=gain)
        gain -= 1
        np.maximum(gain, 0, out=gain)
        gain *= share
        prior += gain
        np.maximum(prior, _LEAST_PRIOR, out=prior)
        np.minimum(prior, _MOST_PRIOR, out=prior)

        np.add(prior, 1, out=gain)
        np.divide(prior, gain, out=gain)  # the Wiener gain
        np.multiply(posterior, gain, out=posterior)
        gain *= self._look_up(posterior)
        np.minimum(gain, 1, out=gain)
        np.square(gain, out=self._clean)
        self._clean *= power
        return gain

    def reset(self) -> None:
        """Nothing was heard."""
        self._clean[...] = 0

    def _look_up(self, v: RealArray) -> RealArray:
        """exp(E1(v) / 2) by straight lines between points of equal ratio, to 4e-5; spoils `v`."""
        whole, index, result = self._scratch, self._index, self._prior
        np.log(v, out=v)
        v -= _LOWEST
        v *= (_POINTS - 1) / (_HIGHEST - _LOWEST)
        np.maximum(v, 0, out=v)
        np.minimum(v, _POINTS - 1, out=v)
        np.floor(v, out=whole)
        v -= whole
        np.copyto(index, whole, casting="unsafe")
        # mode: with another one, numpy would take a detour through an array of its own.
        np.take(self._steps, index, out=result, mode="clip")
        result *= v
        np.take(self._table, index, out=whole, mode="clip")
        result += whole
        return result


def exponential_integral(v: RealArray) -> RealArray:
    """E1(v), the integral of exp(-t) / t from v > 0 to infinity.

    Up to 2 by its power series, beyond by its continued fraction (Abramowitz and Stegun, 5.1.11
    and 5.1.22), to 1e-12 of the value or better.
    """
    small, large = np.minimum(v, 2), np.maximum(v, 2)
    series = -np.euler_gamma - np.log(small)
    term = np.ones_like(small)
    for k in range(1, 31):
        term *= -small / k
        series -= term / k
    fraction = np.zeros_like(large)
    for k in range(60, 0, -1):
        fraction = k / (1 + k / (large + fraction))
    return np.where(v <= 2, series, np.exp(-large) / (large + fraction))
