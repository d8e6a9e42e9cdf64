"""Robotize: one pitch for all."""

import math

import numpy as np

from rtstft.params import Param
from rtstft.plugin import Context, Plugin
from rtstft.plugins._smoothing import Envelope
from rtstft.types import ComplexArray

_REACH = 3.0  # half the width of a window's transform that is used, in units of samplerate / win_length
_FINE = 64  # points of it a bin, between which it is interpolated
_SWEEP = 40  # harmonics that a period sweeps over


class Robotize(Plugin):
    """Gives speech a constant pitch: its spectral envelope on harmonics of it.

    Algorithm: robotization (Zoelzer, DAFX, 2011, chapter 7) sets all phases to zero, which puts
    one impulse in the middle of each frame: a pitch of samplerate / hop. Here the periods are those of
    `pitch_hz`, whatever the hop: the frame's envelope, an average of the power over `width_hz`, is
    multiplied by the windowed transform of a sum of harmonics, whose phases go on from frame to frame, and
    through changes of pitch. The level stays. So do peaks, within 2 dB of those of speech, where impulses
    would have 5 dB more and clip: phases that grow with the square of the harmonic's number spread
    their energy over the period (Schroeder, IEEE Trans. IT, 1970).
    A window shorter than a period of the voice follows single periods, and the pitch of the voice is heard.
    Cost: two running sums, and a product for each harmonic that reaches a bin (3 at 100 Hz and 1024/256,
    48 kHz). Latency: none.
    """

    pitch_hz = Param(110.0, min=20.0, max=2000.0, doc="of the robot")
    width_hz = Param(
        300.0, min=0.0, max=5000.0, doc="details of the spectrum finer than this, as harmonics, go"
    )

    def prepare(self, context: Context) -> None:
        """Allocates, and transforms the window."""
        stft = context.stft
        n_fft, window = stft.n_fft, stft.analysis_window
        self._hop_s = context.hop_s
        self._bin_hz = context.samplerate / n_fft
        self._dtype = context.complex_dtype
        self._envelope = Envelope(context, context.channels)
        self._factor = np.zeros((context.channels, stft.bins), context.complex_dtype)
        self._train = np.empty(stft.bins, context.complex_dtype)
        energy = float(np.sum(window**2))
        centre = float(np.sum(window**2 * np.arange(len(window)))) / energy
        self._bin = np.arange(stft.bins)
        self._to_start = np.exp(-2j * math.pi * centre / n_fft * self._bin) / math.sqrt(n_fft * energy)
        # Centred, the transform is smooth enough to be interpolated linearly.
        self._reach = _REACH * n_fft / stft.win_length
        points = math.ceil(self._reach * _FINE)
        offsets = np.arange(-points, points + 1)
        self._offset = offsets / _FINE
        fine = np.fft.fft(window, _FINE * n_fft)[offsets % (_FINE * n_fft)]
        self._lobe = fine * np.exp(2j * math.pi * centre / n_fft * self._offset)
        self._cycles = 0.0
        self._phases = np.ones(1, complex)

    def update(self) -> None:
        """Takes over pitch and width."""
        self._envelope.set_width(self.width_hz)
        spacing = self.pitch_hz / self._bin_hz
        highest = max(1, math.ceil((self._bin[-1] + 1) / spacing) - 1)
        order = np.arange(-highest, highest + 1)
        turn = 2j * math.pi * order
        self._phases = np.exp(turn * self._cycles)
        self._advance = self.pitch_hz * self._hop_s
        self._turns = np.exp(turn * self._advance)
        self._harmonics = np.empty(len(order), self._dtype)
        # Harmonics that reach a bin, negative frequencies among them: (reaching, bins).
        reaching = math.floor(2 * self._reach / spacing) + 1
        first = np.ceil((self._bin - self._reach) / spacing).astype(np.intp)
        order = first + np.arange(reaching)[:, np.newaxis]
        offset = self._bin - order * spacing
        there = (np.abs(order) <= highest) & (order != 0) & (np.abs(offset) <= self._reach)
        lobe = np.interp(offset, self._offset, self._lobe)
        lobe = lobe * np.exp(-1j * math.pi / _SWEEP * order * np.abs(order))
        self._weights = (np.where(there, lobe, 0) * self._to_start * math.sqrt(spacing)).astype(self._dtype)
        self._places = np.clip(order + highest, 0, 2 * highest)
        self._parts = np.empty(self._weights.shape, self._dtype)

    def process(self, frame: ComplexArray) -> None:
        """Replaces the frame by harmonics in its envelope."""
        self._cycles = (self._cycles + self._advance) % 1.0
        self._phases *= self._turns
        self._harmonics[...] = self._phases
        np.take(self._harmonics, self._places, out=self._parts, mode="clip")
        np.multiply(self._parts, self._weights, out=self._parts)
        np.add.reduce(self._parts, axis=0, out=self._train)
        np.sqrt(self._envelope(frame), out=self._factor.real)
        np.multiply(self._train, self._factor, out=frame)

    def reset(self) -> None:
        """The periods begin anew."""
        self._cycles = 0.0
        self._phases[...] = 1
