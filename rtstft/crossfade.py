"""Crossfades of frames that are smooth in time: weights that change from sample to sample."""

import numpy as np

from rtstft import fftw, windows
from rtstft.analysis import in_sequence, new_frame
from rtstft.plugin import Context
from rtstft.types import ComplexArray, RealArray

_FADE_S = 0.02


class Crossfade:
    """Mixes one frame with another, sample by sample of what they are the transform of.

    Weights that are the same for a sample in all frames that it is in come out as they are, whatever the
    windows: a gain for each frame would repeat at multiples of the frame rate what the windows leave.

    The steps of a Fade are the integral of a Blackman-Harris window (Harris, Proc. IEEE 66(1), 1978): further
    than 200 Hz away from a sine they leave less than -92 dB of it.

    Args:
        context: of the frames.

    Attributes:
        hop, width: samples from one frame to the next, and of each.
        duration: of a Fade, in samples.
        steps: its weights, after `width` zeros and before as many ones.
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
        self.hop, self.width = context.stft.hop_length, n_fft
        self.duration = max(1, round(_FADE_S * context.samplerate))
        steps = np.cumsum(windows.make(("blackmanharris", "symmetric"), self.duration))
        self.steps: RealArray = np.concatenate([np.zeros(n_fft), steps / steps[-1], np.ones(n_fft)])

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
    shows behind them: one window later, or where the step before it ends.

    Args:
        crossfade: what its weights are for.
        value: where it is.

    Attributes:
        aim: where it goes.
    """

    def __init__(self, crossfade: Crossfade, value: float) -> None:
        self._crossfade = crossfade
        self._weights, self._step = np.empty((2, crossfade.width))
        self.settle(value)

    def settle(self, value: float) -> None:
        """It is at `value`."""
        self.aim = self._before = self._after = value
        self._steps: list[tuple[int, float]] = []  # where they begin, and by how much; each after the last

    def over(self, index: int) -> RealArray | float:
        """Weights of the samples of frame `index`; a number, where all are the same."""
        steps = self._steps
        if not steps and self.aim == self._after:
            return self._after
        crossfade = self._crossfade
        position = index * crossfade.hop
        given = position - crossfade.hop + crossfade.width
        if self.aim != self._after and (not steps or steps[-1][0] + crossfade.duration <= given):
            steps.append((given, self.aim - self._after))
            self._after = self.aim
        while steps and steps[0][0] + crossfade.duration <= position:
            self._before += steps.pop(0)[1]
        if not steps:
            self._before = self._after
            return self._after
        weights = self._weights
        weights[...] = self._before
        for start, change in steps:
            first = max(0, position - start + crossfade.width)
            np.multiply(crossfade.steps[first : first + crossfade.width], change, out=self._step)
            weights += self._step
        return weights
