"""Frequency responses as factors of bins: what an impulse response becomes in a geometry, and how exactly."""

import math

import numpy as np
from numpy.typing import NDArray

from rtstft.geometry import STFT
from rtstft.plugin import Context, Plugin
from rtstft.plugins._impulse import Taps, exact_taps
from rtstft.plugins._remarks import Remarks
from rtstft.types import ComplexArray

Magnitude = NDArray[np.float64]

TOLERANCE_DB = 0.1
_FLOOR = 1e-6  # -120 dB: of 0 there is no logarithm
_HEARD = 1e-2  # of the largest magnitude: below, a deviation counts as one at this level
_LEAST_WEIGHT = 0.2  # less, and what varies within the hop is amplified too much
_FINEST_HZ = 3.0
_GLIDE_S = 0.02
_REST_S = 0.05
_PROBES = 65


class Shaper(Plugin):
    """Multiplies bins by a frequency response; a subclass says which, as an impulse response.

    A new response is glided to with a time constant of 20 ms. What the geometry makes of it is judged once
    it has rested for 50 ms: on the way, and of every step of an automation, that would take too long.
    """

    def taps(self) -> Taps:
        """The impulse response asked for, shape (taps, 1 or channels)."""
        raise NotImplementedError(f"{type(self).__name__}.taps is not defined")

    def remarks(self) -> list[str]:
        """What was asked for and comes to nothing, as Remarks has it."""
        return []

    def prepare(self, context: Context) -> None:
        """Allocates, and finds out what the geometry can hold."""
        self.nyquist_hz = context.samplerate / 2
        self._remarks = Remarks(self)
        self.fit = Fit(context.stft)
        self._grid = _grid(context)
        self.frequencies = np.fft.rfftfreq(self._grid, 1 / context.samplerate)
        shape = (context.channels, context.stft.bins)
        self._target, self._response, self._step = (np.ones(shape, context.complex_dtype) for _ in range(3))
        self._share = -math.expm1(-context.hop_s / _GLIDE_S)
        self._glide_frames = math.ceil(10 * _GLIDE_S / context.hop_s)
        self._judged_at = self._glide_frames - math.ceil(_REST_S / context.hop_s)
        self._asked: Taps = np.empty((0, 1))
        self._misfit: Taps = np.empty((0, 1))
        self.reset()

    def update(self) -> None:
        """Makes the response; before the first frame it is there at once, and judged."""
        before, self._asked = self._asked, self.taps()
        self._target[...] = self.fit.spectrum(self._asked)
        if not self._playing:
            self._response[...] = self._target
            self._judge()
        elif not np.array_equal(self._asked, before):  # of mix, say, it does not depend
            self._left = self._glide_frames
        self._remarks.make(self.remarks())

    @property
    def error_db(self) -> float:
        """How far the response in this geometry is from the one last asked for, at worst; once prepared."""
        return self.fit.error_db(self._asked, self._grid)

    def process(self, frame: ComplexArray) -> None:
        """Shapes the frame in place."""
        self._playing = True
        if self._left:
            self._glide()
        frame *= self._response

    def reset(self) -> None:
        """The response asked for holds at once."""
        self._playing = False
        self._left = 0
        self._response[...] = self._target

    def _glide(self) -> None:
        self._left -= 1
        if self._left == self._judged_at:
            self._judge()
        if self._left:
            np.subtract(self._target, self._response, out=self._step)
            self._step *= self._share
            self._response += self._step
        else:
            self._response[...] = self._target

    def _judge(self) -> None:
        """Warns of a response that the geometry cannot give, unless it is the last one warned of."""
        if np.array_equal(self._asked, self._misfit):
            return
        deviation = self.error_db
        if deviation > TOLERANCE_DB:
            self._misfit = self._asked
            self._remarks.say(
                f"the response is up to {deviation:.2g} dB from the one asked for (over {TOLERANCE_DB} dB): "
                f"{self.fit.remedy}"
            )


class Fit:
    """What a geometry makes of an impulse response whose spectrum multiplies the frames.

    Lag j of the response leaves a frame at n with the weight s[n] a[n - j], and, cyclically, lag
    j - n_fft with s[n] a[n - j + n_fft]. Folded to one hop, the weights of a lag should be 1 at every
    place in the hop, and 0 for what came around. Their mean over the hop shapes the mean response; so
    each tap is divided by its own. What is left, and cannot be helped, is what came around, what varies
    within the hop, and the taps beyond `room`, which are left out: from these comes `error_db`.

    Attributes:
        room: how many taps there can be. Where at least a hop of them is exact, those; otherwise
            as many as have a mean weight of 0.2 or more.
    """

    def __init__(self, stft: STFT) -> None:
        self._stft = stft
        n_fft, exact = stft.n_fft, exact_taps(stft)
        mean = _mean_weights(stft)
        if exact >= stft.hop_length:
            self.room = exact
        else:
            low = np.flatnonzero(mean[:n_fft] < _LEAST_WEIGHT)
            self.room = int(low[0]) if len(low) else n_fft
        lags = np.arange(self.room)
        self._mean = mean[: self.room]
        self._around = mean[lags - n_fft]
        probes = np.unique(np.linspace(0, self.room - 1, _PROBES).astype(int))
        variance = [_variance(stft, lag) + _variance(stft, lag - n_fft) for lag in probes.tolist()]
        self._variance = np.interp(lags, probes, variance)

    def spectrum(self, taps: Taps) -> ComplexArray:
        """Factors of the bins, shape (columns of taps, bins)."""
        return np.fft.rfft(self._weighted(taps), self._stft.n_fft, axis=0).T

    def error_db(self, taps: Taps, grid: int) -> float:
        """Largest deviation of the response; where it is below -40 dB of its peak, relative to that."""
        weighted = self._weighted(taps)
        count = len(weighted)
        error = np.zeros((grid, taps.shape[1]))
        error[: len(taps)] = taps
        error[:count] -= weighted * self._mean[:count, np.newaxis]
        error[np.arange(count) - self._stft.n_fft] -= weighted * self._around[:count, np.newaxis]
        response, lost = np.fft.rfft(taps, grid, axis=0), np.fft.rfft(error, axis=0)
        asked = np.abs(response)
        varying = np.sqrt((weighted**2 * self._variance[:count, np.newaxis]).sum(0))
        deviation = np.abs(lost) + varying
        least = max(_HEARD * asked.max(), np.finfo(float).tiny)
        heard = np.maximum(asked, least)
        above = 1 + (deviation / heard).max()
        found = np.abs(response - lost) - varying
        below = (heard / np.maximum(found, least)).max()
        return float(20 * np.log10(max(above, below)))

    @property
    def remedy(self) -> str:
        """What to do about a response that is not exact enough."""
        stft = self._stft
        return (
            f"{self.room} taps fit {stft!r}. Ask for something wider, lengthen the window, or take "
            f'synthesis="ola" with an n_fft of win_length + as many taps as the response is long'
        )

    def _weighted(self, taps: Taps) -> Taps:
        return taps[: self.room] / self._mean[: len(taps), np.newaxis]


def minimum_phase(magnitude: Magnitude) -> Taps:
    """Impulse response with `magnitude` at 0 Hz to half the samplerate, and its energy as early as can be.

    No less than -120 dB. By the cepstrum, folded to positive times (Oppenheim and Schafer, Discrete-time
    signal processing, homomorphic systems). Shape (2 * (len(magnitude) - 1), 1).
    """
    grid = 2 * (len(magnitude) - 1)
    cepstrum = np.fft.irfft(np.log(np.maximum(magnitude, _FLOOR)))
    cepstrum[1 : grid // 2] *= 2
    cepstrum[grid // 2 + 1 :] = 0
    return np.fft.irfft(np.exp(np.fft.rfft(cepstrum)))[:, np.newaxis]


def _grid(context: Context) -> int:
    """Points around the circle that responses are computed at."""
    least = max(4 * context.stft.n_fft, context.samplerate / _FINEST_HZ)
    return 1 << math.ceil(math.log2(least))


def _mean_weights(stft: STFT) -> NDArray[np.float64]:
    """Sum over n of s[n] a[n - lag] / hop, for lags 0 ... n_fft - 1; negative ones from the end."""
    size = 2 * stft.n_fft
    product = np.fft.rfft(stft.synthesis_window, size) * np.fft.rfft(stft.analysis_window, size).conj()
    return np.fft.irfft(product, size) / stft.hop_length


def _variance(stft: STFT, lag: int) -> float:
    """Variance over the hop of the folded weights of a lag."""
    analysis, synthesis = stft.analysis_window, stft.synthesis_window
    first, end = max(0, lag), min(len(synthesis), len(analysis) + lag)
    product = np.zeros(-(-stft.n_fft // stft.hop_length) * stft.hop_length)
    if first < end:
        product[first:end] = synthesis[first:end] * analysis[first - lag : end - lag]
    return float(product.reshape(-1, stft.hop_length).sum(0).var())
