"""Means over a width in frequency, and the spectral envelopes that they give."""

import math

import numpy as np

from rtstft.plugin import Context
from rtstft.plugins._power import magnitude_of
from rtstft.types import ComplexArray, RealArray


class BandMean:
    """Means of real spectra over a width around each bin, a fraction of a bin included.

    The spectrum of a real signal is even: beyond its ends it goes on mirrored. Differences of one
    running sum, in float64, cost the same for any width, and of nonnegative values are never negative.

    Args:
        context: of the plugin.
        channels: rows of what is smoothed.
    """

    def __init__(self, context: Context, channels: int) -> None:
        self._channels = channels
        self._bins = context.stft.bins
        self._odd = context.stft.n_fft % 2
        self._bin_hz = context.samplerate / context.stft.n_fft
        self._inner = np.empty((channels, self._bins))
        self._outer = np.empty((channels, self._bins))
        self.set_width(0.0)

    def set_width(self, width_hz: float) -> None:
        """Takes means over `width_hz` from now on: at least one bin, at most all of them."""
        half = min(max(0.0, (width_hz / self._bin_hz - 1) / 2), max(0.0, self._bins - 2))
        whole = math.floor(half)
        rest = half - whole
        pad, bins = whole + 1, self._bins
        self._shares = (1 - rest) / (2 * half + 1), rest / (2 * half + 1)
        self.trivial = half == 0
        # One zero in front: differences of the running sum are sums of what lies between.
        padded = np.empty((self._channels, bins + 2 * pad))
        sums = np.zeros((self._channels, bins + 2 * pad + 1))
        centre = padded[:, pad : pad + bins]
        self._centre = centre
        end = bins - 1 + self._odd
        self._mirrors = (
            (padded[:, :pad], centre[:, pad:0:-1]),
            (padded[:, pad + bins :], centre[:, end - pad : end][:, ::-1]),
        )
        self._running = padded, sums[:, 1:]
        self._narrow = sums[:, 2 * whole + 2 :][:, :bins], sums[:, 1 : bins + 1]
        self._wide = sums[:, 2 * whole + 3 :], sums[:, :bins]

    def __call__(self, values: RealArray, out: RealArray) -> None:
        """Writes the means of `values`, shape (channels, bins), into `out`, which may be `values`."""
        if self.trivial:
            out[...] = values
            return
        self._centre[...] = values
        for outside, inside in self._mirrors:
            outside[...] = inside
        padded, sums = self._running
        np.add.accumulate(padded, axis=1, out=sums)
        inner, outer = self._inner, self._outer
        np.subtract(*self._narrow, out=inner)
        np.subtract(*self._wide, out=outer)
        inner *= self._shares[0]
        outer *= self._shares[1]
        inner += outer
        out[...] = inner


class Envelope:
    """Power envelopes of spectra: their power, averaged twice (a triangle) over a width in Hz.

    Wider than the distance of two harmonics, it follows formants and no harmonics.

    Args:
        context: of the plugin.
        channels: rows of the spectra.
    """

    def __init__(self, context: Context, channels: int) -> None:
        self._mean = BandMean(context, channels)
        self._power = np.empty((channels, context.stft.bins), context.dtype)

    def set_width(self, width_hz: float) -> None:
        """Takes it over triangles whose half height is `width_hz` wide."""
        self._mean.set_width(width_hz)

    def __call__(self, frame: ComplexArray) -> RealArray:
        """The envelope of `frame`, in the units of |frame|**2; valid until the next call."""
        power = self._power
        magnitude_of(frame, power)
        np.square(power, out=power)
        if not self._mean.trivial:
            self._mean(power, power)
            self._mean(power, power)
        return power
