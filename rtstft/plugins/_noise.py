"""What the noise is: followed through speech, or averaged."""

import math

import numpy as np

from rtstft.geometry import STFT
from rtstft.plugin import Context
from rtstft.plugins._power import LEAST, energy, share_within
from rtstft.types import RealArray

_PRIOR = 8.0  # signal-to-noise ratio of speech where there is any: 9 dB
_SMOOTHED_S = 0.024  # shorter than a syllable, longer than what noise does by chance
_MEMORY_S = 0.152  # of the check whether speech has been present for too long to be speech
_STUCK = 0.99
_SUREST = 0.9  # that it is speech, where it has been for that long
_EVERYWHERE = 12  # power of the mean presence in all bins: 0.5 is a voice, 1 is louder noise
_MOST_RATIO = 5.0  # of a power to the noise, in what moves the noise: loud speech must not
_START_S = 0.1
_MOST_EXPONENT = 80.0
_MOST_FREEDOM = 30.0  # with it, the other exponent is below that, too
_SILENCE = 1e-15  # variance: below the rounding of 24 bits


def silence(stft: STFT) -> float:
    """Mean power of a frame's bins up to which it is digital silence, and no noise."""
    return _SILENCE * energy(stft)


class Ear:
    """Says of frames how much noise there can be in them.

    Args:
        context: of the plugin.
    """

    def __init__(self, context: Context) -> None:
        squares = np.square(context.stft.analysis_window)
        shares = np.cumsum(squares[::-1])[::-1] / squares.sum()
        self._shares = np.append(np.maximum(shares, 1e-6), 1e-6)
        self._silence = context.stft.bins * silence(context.stft)
        self._sum = np.empty((context.channels, 1), context.dtype)
        self._heard = np.empty((context.channels, 1), np.bool_)

    def share_inside(self, position: int) -> float:
        """Share of the window that is inside a stream of which a frame begins at `position`."""
        return float(self._shares[min(-position, len(self._shares) - 1)]) if position < 0 else 1.0

    def hears(self, power: RealArray) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Whether there is more than digital silence in a channel, shape (channels, 1)."""
        np.add.reduce(power, axis=1, keepdims=True, out=self._sum)
        return np.greater(self._sum, self._silence, out=self._heard)


class NoiseTracker:
    """Follows the power of noise, by the probability that a bin holds nothing else.

    Gerkmann and Hendriks, IEEE TASLP 20(4), 2012: "Unbiased MMSE-based noise power estimation with low
    complexity and low tracking delay"; the probability from powers smoothed over time and frequency,
    as in Gerkmann, Breithaupt and Martin, IEEE TASLP 16(5), 2008: by chance, these hardly leave their
    mean, so that soft speech is told from noise, and nothing is left of a bias. It begins with the
    mean of the first 0.1 s; digital silence counts neither there nor later.

    Attributes:
        noise: estimated power, shape (channels, bins), more than 0.
    """

    def __init__(self, context: Context) -> None:
        shape, dtype = (context.channels, context.stft.bins), context.dtype
        self._ear = Ear(context)
        self._hop_s = context.hop_s
        self._smooth_share = share_within(context.hop_s, _SMOOTHED_S)
        self._memory_share = share_within(context.hop_s, _MEMORY_S)
        self._freedom = min(_freedom(context.stft, self._smooth_share), _MOST_FREEDOM)
        self.noise: RealArray = np.empty(shape, dtype)
        self._smooth = np.empty(shape, dtype)
        self._presence = np.empty(shape, dtype)
        self._often = np.empty(shape, dtype)  # the mean of presence
        self._stuck = np.empty(shape, np.bool_)
        self._scratch = np.empty(shape, dtype)
        self._spread = np.empty(shape, dtype)  # over the bins, what holds for a channel
        self._begun_s = np.empty((context.channels, 1), dtype)
        self._share = np.empty((context.channels, 1), dtype)
        self._limit = np.empty((context.channels, 1), dtype)
        self._most = np.empty((context.channels, 1), dtype)
        self._beginning = np.empty((context.channels, 1), np.bool_)
        self.reset()

    def reset(self) -> None:
        """Nothing was heard."""
        self.noise[...] = LEAST
        self._smooth[...] = 0
        self._often[...] = 0
        self._begun_s[...] = 0

    def update(self, power: RealArray, even: RealArray, position: int, time_s: float) -> None:
        """Takes in a frame.

        Args:
            power: of the frame, shape (channels, bins).
            even: the same, smoothed `over_bins`.
            position: of its first sample in the stream.
            time_s: time constant of the noise.
        """
        inside = self._ear.share_inside(position)
        heard = self._ear.hears(power)
        self._see_speech(even, heard)

        beginning, share, hop_s = self._beginning, self._share, inside * self._hop_s
        np.less(self._begun_s, _START_S, out=beginning)
        share[...] = share_within(self._hop_s, time_s)
        self._limit[...] = _MOST_RATIO
        if beginning.any():
            np.add(self._begun_s, hop_s, out=self._begun_s, where=heard)
            np.divide(hop_s, self._begun_s, out=share, where=beginning & heard)
            np.copyto(self._presence, 0, where=beginning)
            np.copyto(self._limit, np.inf, where=beginning)
        share *= heard

        change, absence = self._scratch, self._presence
        np.divide(power, self.noise, out=change)
        change /= inside
        spread = self._spread
        spread[...] = self._limit
        np.minimum(change, spread, out=change)
        change -= 1
        np.subtract(1, self._presence, out=absence)
        change *= absence
        spread[...] = share
        change *= spread
        change += 1
        self.noise *= change
        np.less_equal(heard, beginning, out=beginning)  # beginning, or not heard
        np.multiply(self._smooth, _MOST_RATIO, out=change)  # else, nor is it by chance so far below the noise
        np.copyto(change, np.inf, where=beginning)
        np.minimum(self.noise, change, out=self.noise)
        np.maximum(self.noise, LEAST, out=self.noise)

    def _see_speech(self, even: RealArray, heard: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> None:
        """The probability that speech is present: of two gamma distributions, of what `_freedom` says."""
        presence, change, spread = self._presence, self._scratch, self._spread
        np.subtract(even, self._smooth, out=change)
        change *= self._smooth_share
        spread[...] = heard
        change *= spread
        self._smooth += change

        np.divide(self._smooth, self.noise, out=presence)
        presence *= -self._freedom * _PRIOR / (1 + _PRIOR)
        presence += self._freedom * math.log1p(_PRIOR)
        np.maximum(presence, -_MOST_EXPONENT, out=presence)
        np.exp(presence, out=presence)
        presence += 1
        np.divide(1, presence, out=presence)

        np.subtract(presence, self._often, out=change)
        change *= self._memory_share
        self._often += change
        np.greater(self._often, _STUCK, out=self._stuck)
        np.minimum(presence, _SUREST, out=presence, where=self._stuck)
        # A voice leaves many bins alone: what has come into nearly all of them, and stays, is noise.
        most = self._most
        np.add.reduce(self._often, axis=1, keepdims=True, out=most)
        most /= self._often.shape[1]
        np.power(most, _EVERYWHERE, out=most)
        np.subtract(1, most, out=most)
        spread[...] = most
        np.minimum(presence, spread, out=presence)


def _freedom(stft: STFT, share: float) -> float:
    """How many powers that know nothing of each other the mean of smoothed ones is worth, in noise.

    Args:
        stft: of the frames; what they overlap, and what a window leaks into neighbours, is the same noise.
        share: what a frame adds to the mean over time.
    """
    window = stft.analysis_window
    variance = 0.0
    for lag in range(math.ceil(len(window) / stft.hop_length)):
        start = lag * stft.hop_length
        common = np.fft.fft(window[start:] * window[: len(window) - start], stft.n_fft)
        alike = np.abs(common[np.arange(3) % stft.n_fft]) ** 2 @ (0.375, 0.5, 0.125)  # over_bins, with itself
        variance += float(alike) * (1 - share) ** lag * (2 if lag else 1)
    return energy(stft) ** 2 / variance * (2 - share) / share


class NoiseAverage:
    """The mean power of frames that hold nothing but noise.

    Attributes:
        noise: shape (channels, bins), at least `LEAST`.
        begun: whether there is one, shape (channels, 1): of digital silence there is none.
    """

    def __init__(self, context: Context) -> None:
        shape, dtype = (context.channels, context.stft.bins), context.dtype
        self._ear = Ear(context)
        self.noise: RealArray = np.empty(shape, dtype)
        self._weight = np.empty((context.channels, 1), np.float64)
        self._share = np.empty((context.channels, 1), dtype)
        self._scratch = np.empty(shape, dtype)
        self._spread = np.empty(shape, dtype)
        self.begun = np.empty((context.channels, 1), np.bool_)
        self.reset()

    def reset(self) -> None:
        """Nothing was heard."""
        self.noise[...] = LEAST
        self._weight[...] = 0
        self._share[...] = 0
        self.begun[...] = False

    def update(self, power: RealArray, position: int) -> None:
        """Takes in a frame; see NoiseTracker.update."""
        inside = self._ear.share_inside(position)
        heard = self._ear.hears(power)
        self.begun |= heard
        np.add(self._weight, inside, out=self._weight, where=heard)
        self._share[...] = 0
        np.divide(inside, self._weight, out=self._share, where=heard)
        np.divide(power, inside, out=self._scratch)
        self._scratch -= self.noise
        self._spread[...] = self._share
        self._scratch *= self._spread
        self.noise += self._scratch
        np.maximum(self.noise, LEAST, out=self.noise)
