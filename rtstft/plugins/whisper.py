"""Whisper: the voice without its pitch."""

import math

import numpy as np

from rtstft.params import Param
from rtstft.plugin import Context, Plugin
from rtstft.plugins._phasors import from_angles
from rtstft.plugins._smoothing import Envelope
from rtstft.types import ComplexArray

_SEED = 1


class Whisper(Plugin):
    """Replaces the excitation by noise and keeps the spectral envelope: speech becomes a whisper.

    Algorithm: whisperization (Zoelzer, DAFX, 2011, chapter 7): magnitudes with random phases. There, a
    short window keeps harmonics out of the magnitudes; here, in any geometry, an average of the power
    over `width_hz` does. Frames of random phase do not add up in phase, which is made good:
    noise keeps its level. The phases are the same in all channels, so that the image stays where it is.
    Cost: a random number, a sine and a cosine a bin, and two running sums. Latency: none.
    """

    width_hz = Param(
        300.0, min=0.0, max=5000.0, doc="details of the spectrum finer than this, as harmonics, go"
    )

    def prepare(self, context: Context) -> None:
        """Allocates."""
        stft = context.stft
        self._envelope = Envelope(context, context.channels)
        self._angles = np.empty(stft.bins, context.dtype)
        self._factor = np.zeros((context.channels, stft.bins), context.complex_dtype)
        self._noise = np.empty(stft.bins, context.complex_dtype)
        # Noise of variance 1 leaves sum(a**2) in a bin and sum(a**2) / n_fft in a sample of a frame of
        # random phases; independent frames, 1 / hop of them a sample, add up by their powers.
        energies = np.sum(stft.analysis_window**2) * np.sum(stft.synthesis_window**2)
        self._gain = math.sqrt(stft.n_fft * stft.hop_length / float(energies))
        self.reset()

    def update(self) -> None:
        """Takes over the width."""
        self._envelope.set_width(self.width_hz)

    def process(self, frame: ComplexArray) -> None:
        """Replaces the frame by noise of its envelope."""
        self._random.random(out=self._angles, dtype=self._angles.dtype)
        self._angles *= 2 * math.pi
        from_angles(self._angles, self._noise)
        self._noise *= self._gain
        np.sqrt(self._envelope(frame), out=self._factor.real)
        np.multiply(self._noise, self._factor, out=frame)

    def reset(self) -> None:
        """The noise begins anew."""
        self._random = np.random.Generator(np.random.SFC64(_SEED))
