"""Crossfades of frames that are smooth in time: weights that change from sample to sample."""

import numpy as np

from rtstft import fftw
from rtstft.analysis import in_sequence, new_frame
from rtstft.plugin import Context
from rtstft.types import ComplexArray, RealArray

_FADE_S = 0.02
_STEP_TERMS = 0.35875, -0.48829, 0.14128, -0.01168


class Crossfade:
    """Mixes one frame with another, sample by sample of what they are the transform of.

    Weights that are the same for a sample in all frames that it is in come out as they are, whatever the
    windows: a gain for each frame would repeat at multiples of the frame rate what the windows leave.

    Args:
        context: of the frames.
    """

    def __init__(self, context: Context) -> None:
        n_fft, dtype = context.stft.n_fft, context.dtype
        channels = context.channels
        self._difference = new_frame(n_fft, channels, dtype)
        self._samples = fftw.zeros((channels, fftw.padded_length(n_fft, dtype.itemsize)), dtype)[:, :n_fft]
        pairs = list(zip(self._difference, self._samples))
        self._backward = in_sequence(fftw.plan(pairs, "estimate"))
        self._forward = in_sequence(fftw.plan([(samples, frame) for frame, samples in pairs], "estimate"))
        self._weights = np.empty(n_fft, dtype)

    def mix(self, old: ComplexArray, new: ComplexArray, weight: RealArray | float, out: ComplexArray) -> None:
        """`out`, which may be one of them, becomes `weight` parts of `new` and the rest of `old`.

        Args:
            old, new: shape (channels, bins).
            weight: one for all samples, 0 to 1, where 0 and 1 give `old` and `new` to the bit; or one
                for each of n_fft.
            out: shape (channels, bins).
        """
        if isinstance(weight, float) and weight in (0, 1):
            out[...] = new if weight else old
            return
        difference = self._difference
        np.subtract(new, old, out=difference)
        if isinstance(weight, float):
            difference *= weight
        else:
            self._backward()
            np.divide(weight, len(weight), out=self._weights)
            self._samples *= self._weights
            self._forward()
        np.add(old, difference, out=out)


class Fade:
    """A weight that goes from one value to another within 20 ms, a number for each sample.

    What one frame has been given holds for the samples that it shares with the next, so that a new aim
    shows behind them: one window later, or at the end of the fade that is under way.

    The steps are the integral of a Blackman-Harris window (Harris, Proc. IEEE 66(1), 1978): further than
    200 Hz away from a sine they leave less than -92 dB of it.

    Args:
        context: of the frames.

    Attributes:
        aim: where it goes.
    """

    def __init__(self, context: Context, value: float) -> None:
        self._hop = context.stft.hop_length
        self._width = context.stft.n_fft
        count = max(1, round(_FADE_S * context.samplerate))
        turns = 2 * np.pi * (np.arange(count) + 0.5) / count
        steps = np.cumsum(sum(term * np.cos(k * turns) for k, term in enumerate(_STEP_TERMS)))
        self._count = count
        self._steps = np.concatenate([np.zeros(self._width), steps / steps[-1], np.ones(self._width)])
        self._weights = np.empty(self._width)
        self.settle(value)

    def settle(self, value: float) -> None:
        """It is at `value`."""
        self.aim = self._before = self._after = value
        self._start = self._end = 0
        self._resting = True

    def over(self, index: int) -> RealArray | float:
        """Weights of the samples of frame `index`; a number, where all are the same."""
        if self._resting and self.aim == self._after:
            return self._after
        position = index * self._hop
        given = position - self._hop + self._width
        if self._resting or (self.aim != self._after and self._end <= given):
            self._before, self._after = self._after, self.aim
            self._start, self._end = given, given + self._count
            self._resting = False
        if position >= self._end:
            self._resting = True
            return self._after
        first = position - self._start + self._width
        weights = self._weights
        np.multiply(self._steps[first : first + self._width], self._after - self._before, out=weights)
        weights += self._before
        return weights
