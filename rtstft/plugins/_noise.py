"""What the noise is: followed through speech, or averaged."""

import numpy as np

from rtstft.plugin import Context
from rtstft.plugins._power import LEAST, energy, share_within
from rtstft.types import RealArray

_PRIOR = 10**1.5  # signal-to-noise ratio of speech where there is any: 15 dB
_BIAS = 1.23  # 0.9 dB: in noise alone the estimate settles this much too low
_MEMORY_S = 0.152  # of the check whether speech has been present for too long to be speech
_STUCK = 0.99
_START_S = 0.1
_MOST_EXPONENT = 80.0
_SILENCE = 1e-15  # variance: below the rounding of 24 bits


class Ear:
    """Says of frames how much noise there can be in them.

    Args:
        context: of the plugin.
    """

    def __init__(self, context: Context) -> None:
        squares = np.square(context.stft.analysis_window)
        shares = np.cumsum(squares[::-1])[::-1] / squares.sum()
        self._shares = np.append(np.maximum(shares, 1e-6), 1e-6)
        self._silence = _SILENCE * energy(context.stft)
        self._mean = np.empty((context.channels, 1), context.dtype)
        self._heard = np.empty((context.channels, 1), np.bool_)

    def share_inside(self, position: int) -> float:
        """Share of the window that is inside a stream of which a frame begins at `position`."""
        return float(self._shares[min(-position, len(self._shares) - 1)]) if position < 0 else 1.0

    def hears(self, power: RealArray) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Whether there is more than digital silence in a channel, shape (channels, 1)."""
        np.mean(power, axis=1, keepdims=True, out=self._mean)
        return np.greater(self._mean, self._silence, out=self._heard)


class NoiseTracker:
    """Follows the power of noise, by the probability that a bin holds nothing else.

    Gerkmann and Hendriks, IEEE TASLP 20(4), 2012: "Unbiased MMSE-based noise power estimation with low
    complexity and low tracking delay". It begins with the mean of the first 0.1 s; digital silence
    counts neither there nor later.

    Attributes:
        noise: estimated power, shape (channels, bins), more than 0.
    """

    def __init__(self, context: Context) -> None:
        shape, dtype = (context.channels, context.stft.bins), context.dtype
        self._ear = Ear(context)
        self._hop_s = context.hop_s
        self._memory_share = share_within(context.hop_s, _MEMORY_S)
        self.noise: RealArray = np.empty(shape, dtype)
        self._biased = np.empty(shape, dtype)
        self._presence = np.empty(shape, dtype)
        self._often = np.empty(shape, dtype)  # the mean of presence
        self._stuck = np.empty(shape, np.bool_)
        self._scratch = np.empty(shape, dtype)
        self._begun_s = np.empty((context.channels, 1), dtype)
        self._share = np.empty((context.channels, 1), dtype)
        self._beginning = np.empty((context.channels, 1), np.bool_)
        self.reset()

    def reset(self) -> None:
        """Nothing was heard."""
        self._biased[...] = LEAST
        self._often[...] = 0
        self._begun_s[...] = 0

    def update(self, power: RealArray, position: int, time_s: float) -> None:
        """Takes in a frame.

        Args:
            power: of the frame, shape (channels, bins).
            position: of its first sample in the stream.
            time_s: time constant of the noise.
        """
        inside = self._ear.share_inside(position)
        heard = self._ear.hears(power)
        self._see_speech(power)

        beginning, share, hop_s = self._beginning, self._share, inside * self._hop_s
        np.less(self._begun_s, _START_S, out=beginning)
        share[...] = share_within(self._hop_s, time_s)
        if beginning.any():
            np.add(self._begun_s, hop_s, out=self._begun_s, where=heard)
            np.divide(hop_s, self._begun_s, out=share, where=beginning & heard)
            np.copyto(self._presence, 0, where=beginning)
        share *= heard

        change, absence = self._scratch, self._presence
        np.divide(power, inside, out=change)
        change -= self._biased
        np.subtract(1, self._presence, out=absence)
        change *= absence
        change *= share
        self._biased += change
        np.maximum(self._biased, LEAST, out=self._biased)
        np.multiply(self._biased, _BIAS, out=self.noise)

    def _see_speech(self, power: RealArray) -> None:
        """The probability that speech is present, equations 18 and 22 to 23."""
        presence = self._presence
        np.divide(power, self._biased, out=presence)
        presence *= -_PRIOR / (1 + _PRIOR)
        np.maximum(presence, -_MOST_EXPONENT, out=presence)
        np.exp(presence, out=presence)
        presence *= 1 + _PRIOR
        presence += 1
        np.divide(1, presence, out=presence)

        np.subtract(presence, self._often, out=self._scratch)
        self._scratch *= self._memory_share
        self._often += self._scratch
        np.greater(self._often, _STUCK, out=self._stuck)
        np.minimum(presence, _STUCK, out=presence, where=self._stuck)


class NoiseAverage:
    """The mean power of frames that hold nothing but noise.

    Attributes:
        noise: shape (channels, bins), at least `LEAST`.
        begun: there is one.
    """

    def __init__(self, context: Context) -> None:
        shape, dtype = (context.channels, context.stft.bins), context.dtype
        self._ear = Ear(context)
        self.noise: RealArray = np.empty(shape, dtype)
        self._weight = np.empty((context.channels, 1), np.float64)
        self._share = np.empty((context.channels, 1), dtype)
        self._scratch = np.empty(shape, dtype)
        self.reset()

    def reset(self) -> None:
        """Nothing was heard."""
        self.noise[...] = LEAST
        self._weight[...] = 0
        self._share[...] = 0

    @property
    def begun(self) -> bool:
        """Whether there is anything to go by."""
        return bool(self._weight.any())

    def update(self, power: RealArray, position: int) -> None:
        """Takes in a frame; see NoiseTracker.update."""
        inside = self._ear.share_inside(position)
        heard = self._ear.hears(power)
        np.add(self._weight, inside, out=self._weight, where=heard)
        self._share[...] = 0
        np.divide(inside, self._weight, out=self._share, where=heard)
        np.divide(power, inside, out=self._scratch)
        self._scratch -= self.noise
        self._scratch *= self._share
        self.noise += self._scratch
        np.maximum(self.noise, LEAST, out=self.noise)
