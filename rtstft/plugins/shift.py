"""Shift: moves frequencies by a number of Hz."""

import cmath
import math

import numpy as np

from rtstft.errors import GeometryError
from rtstft.params import Param
from rtstft.plugin import Context, Plugin
from rtstft.plugins._remarks import Remarks, beyond
from rtstft.types import ComplexArray

_TAPS = range(-2, 3)
_WORST = 0.03  # modulation that is refused
_WITHIN_FRAMES = 1e-4  # weight of what a frame errs against that of what the sum of frames does


class Shift(Plugin):
    """Moves every frequency up or down by the same number of Hz: harmonics become bell-like.

    It is a frequency shift, as of a single-sideband modulator, and no change of pitch. What would end up
    below 0 or above half the samplerate goes; that all of it would is a ResponseWarning. A sine comes out
    at its frequency plus `shift_hz`; within three bins of 0 and of half the samplerate, where positive and
    negative frequencies overlap, its amplitude is not constant.

    Algorithm: Laroche and Dolson, New phase-vocoder techniques for pitch-shifting, WASPAA 1999, with one
    shift for all: bins move by a whole number, the rotation of each frame's centre advances by
    2 pi shift_hz hop_s. The fraction of a bin is a filter of five taps over the bins, which multiplies
    each frame in time by a function as long as the window; the taps are those with which these functions,
    windowed and overlap-added, come closest to the shift's own oscillation (least squares). What remains
    is a gain that repeats with every hop: an amplitude modulation of at most -97 dB at 75 % overlap of
    Hann windows (-45 dB if only whole bins moved), -62 dB at 50 %. Over 3 % the geometry is refused.
    Cost: five complex multiplications and additions a bin; when the shift changes, the least squares of five
    weights over a window. Latency: none.
    """

    shift_hz = Param(100.0, min=-24_000.0, max=24_000.0, doc="what to add to every frequency")

    def prepare(self, context: Context) -> None:
        """Allocates."""
        stft = context.stft
        self._hop, self._n_fft, self._bins = stft.hop_length, stft.n_fft, stft.bins
        self._bin_hz = context.samplerate / stft.n_fft
        self._hop_s = context.hop_s
        self._nyquist_hz = context.samplerate / 2
        self._remarks = Remarks(self)
        self._product = stft.analysis_window * stft.synthesis_window[: stft.win_length]
        time = np.arange(stft.win_length)
        self._centre = float(np.sum(time * self._product) / np.sum(self._product))
        self._turn = 2j * math.pi / stft.n_fft * time
        self._whole = self._product * np.exp(np.multiply.outer(np.array(_TAPS), self._turn))
        # Any window of `bins` of these is the frame, moved.
        self._margin = stft.bins + len(_TAPS)
        width = stft.bins + 2 * self._margin
        self._source = np.zeros((context.channels, width), context.complex_dtype)
        self._middle = self._source[:, self._margin : self._margin + stft.bins]
        self._scratch = np.empty_like(self._source)[:, : stft.bins]
        # Bins that are real, and stand for one frequency where all others stand for two.
        self._real = [0, stft.bins - 1] if stft.n_fft % 2 == 0 else [0]
        self._cycles = 0.0
        _, modulation = self._fraction(0.5)
        if modulation > _WORST:
            raise GeometryError(
                f"{stft}: a shift by half a bin would modulate amplitudes by {modulation:.0%} at every hop, "
                f"expected at most {_WORST:.0%}: shorten the hop, say to {max(1, stft.win_length // 4)}"
            )

    def update(self) -> None:
        """Takes over the shift."""
        if abs(self.shift_hz) < self._nyquist_hz:
            self._remarks.make([])
        else:
            self._remarks.make([beyond("the size of shift_hz", self._nyquist_hz, "nothing is left")])
        shift = self.shift_hz / self._bin_hz
        whole = round(shift)
        weights, _ = self._fraction(shift - whole)
        # Frames begin at their first sample, the rotation is that of their centre.
        weights *= cmath.exp(-2j * math.pi * shift * self._centre / self._n_fft)
        bins, margin = self._bins, self._margin
        far = bins + _TAPS[-1]
        start = margin - max(-far, min(far, whole))
        self._moved = [
            (self._source[:, start - tap : start - tap + bins], weight)
            for tap, weight in zip(_TAPS, weights.tolist())
        ]
        self._advance = self.shift_hz * self._hop_s

    def process(self, frame: ComplexArray) -> None:
        """Moves the frame."""
        self._middle[...] = frame
        for real in self._real:
            self._middle[:, real] *= 0.5
        self._cycles = (self._cycles + self._advance) % 1.0
        rotation = cmath.exp(2j * math.pi * self._cycles)
        scratch = self._scratch
        first, *others = self._moved
        np.multiply(first[0], first[1] * rotation, out=frame)
        for moved, weight in others:
            np.multiply(moved, weight * rotation, out=scratch)
            frame += scratch
        for real in self._real:
            frame.real[:, real] *= 2
            frame.imag[:, real] = 0

    def reset(self) -> None:
        """The rotation begins anew."""
        self._cycles = 0.0

    def _fraction(self, rest: float) -> tuple[ComplexArray, float]:
        """Weights that shift by `rest` bins, phase 0 at the first sample; the modulation they leave."""
        frames = self._whole * np.exp(-rest * self._turn)
        length = len(self._product)
        hops = -(-length // self._hop)
        padded = np.zeros((len(_TAPS), hops * self._hop), complex)
        padded[:, :length] = frames
        added = padded.reshape(len(_TAPS), hops, self._hop).sum(axis=1)
        system = np.concatenate([added, _WITHIN_FRAMES * frames], axis=1).T
        target = np.concatenate([np.ones(self._hop), _WITHIN_FRAMES * self._product])
        weights: ComplexArray = np.linalg.lstsq(system, target, rcond=None)[0]
        return weights, float(np.abs(weights @ added - 1).max())
