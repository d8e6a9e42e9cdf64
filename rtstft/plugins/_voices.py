"""Transposed copies of a sound, made from one analysis of it."""

import math
from typing import Any

import numpy as np

from rtstft.geometry import STFT
from rtstft.plugin import Context
from rtstft.plugins._envelope import Envelope
from rtstft.plugins._phasors import from_angles
from rtstft.plugins._regions import Regions, Rotation, centre_of
from rtstft.types import ComplexArray, RealArray

_TURN = 2 * math.pi
_LARGEST_GAIN = math.log(100)  # 40 dB: what formants may lift or lower at most


class Voices:
    """Transposes frames; peaks and envelope are found once for all voices.

    Args:
        context: as a plugin's `prepare` has it.
        count: number of voices.

    Raises:
        GeometryError: the hop is more than half a window.
    """

    def __init__(self, context: Context, count: int) -> None:
        stft = context.stft
        bins = stft.bins
        self._hop = stft.hop_length
        self._channels = context.channels
        self._last_is_real = stft.n_fft % 2 == 0
        self._regions = Regions(stft, context.channels, context.complex_dtype, stft.hop_length)
        self._envelope = Envelope(context)
        self._turned = np.zeros((context.channels, bins), context.complex_dtype)
        # The last column takes what is moved beyond the spectrum.
        self._sum = np.zeros((context.channels, bins + 1), context.complex_dtype)
        self.voices = [_Voice(context) for _ in range(count)]

    def set_highest_f0(self, highest_hz: float) -> None:
        """Partials are told from formants up to this fundamental."""
        self._envelope.set_highest_f0(highest_hz)

    def reset(self) -> None:
        """Forgets all frames."""
        self._regions.reset()
        for voice in self.voices:
            voice.rotation.reset()

    def process(self, frame: ComplexArray, dry: float) -> None:
        """`frame` becomes `dry` times itself and the sum of all voices."""
        regions = self._regions
        regions.analyse(frame, self._hop)
        if any(voice.gain and voice.moves_formants for voice in self.voices):
            self._envelope.follow(regions)
        mixed = self._sum[:, :-1]
        np.multiply(frame, dry, out=mixed)
        for voice in self.voices:
            if not voice.gain:
                voice.rotation.reset()
                continue
            factors, targets = voice.step(regions, self._envelope)
            np.multiply(frame, factors, out=self._turned)
            for channel in range(self._channels):
                np.add.at(self._sum[channel], targets, self._turned[channel])
        frame[...] = mixed
        frame.imag[:, 0] = 0
        if self._last_is_real:
            frame.imag[:, -1] = 0


class _Voice:
    """Where one voice moves each bin, and by which factor.

    Attributes:
        gain: of the voice; 0 is off.
        moves_formants: it needs an envelope.
        rotation: of its regions.
    """

    def __init__(self, context: Context) -> None:
        stft = context.stft
        bins = stft.bins
        self.gain = 1.0
        self.moves_formants = False
        self.rotation = Rotation(bins)
        self._n_fft = stft.n_fft
        self._hop = stft.hop_length
        self._centre = centre_of(stft)
        self._loss = _loss_of_half_a_bin(stft)
        self._excess = 0.0
        self._wanted = 1.0
        self._bins = np.arange(bins)
        self._moves: RealArray = np.zeros(bins)
        self._levels = np.zeros(bins)
        self._shifts = np.zeros(bins, np.intp)
        self._targets = np.zeros(bins, np.intp)
        self._turns = np.zeros(bins, np.complex128)
        self._phasors = np.zeros(bins, context.complex_dtype)
        self._factors = np.zeros(bins, context.complex_dtype)
        self._places, self._gains = (np.zeros(bins) for _ in range(2))

    def tune(self, semitones: float, formant_semitones: float, *, formants_follow: bool, gain: float) -> None:
        """Interval of the partials, and that of the formants: on top of it, or by itself."""
        ratio = 2 ** (semitones / 12)
        formant_ratio = 2 ** (((semitones if formants_follow else 0) + formant_semitones) / 12)
        self.gain = gain
        self._excess = ratio - 1
        # A partial moved to ratio * f is to be as strong as the envelope is at ratio * f / formant_ratio.
        self._wanted = ratio / formant_ratio
        self.moves_formants = abs(self._wanted - 1) > 1e-9

    def step(self, regions: Regions, envelope: Envelope) -> tuple[ComplexArray, Any]:
        """Factors of all bins, and the bins they are moved to; the number of bins stands for "beyond"."""
        count, bins = regions.count, len(self._bins)
        angles = self.rotation.advance(regions, _TURN * self._excess * self._hop / self._n_fft)
        moves, shifts, gains = self._moves[:count], self._shifts[:count], self._levels[:count]
        np.multiply(regions.frequency[:count], self._excess, out=moves)
        gains[...] = moves
        np.rint(moves, out=moves)
        gains -= moves
        np.copyto(shifts, moves, casting="unsafe")
        np.take(shifts, regions.owner, out=self._targets, mode="clip")
        self._targets += self._bins
        # Negative ones wrap to huge ones, and are beyond, too.
        np.minimum(self._targets.view(np.uintp), bins, out=self._targets.view(np.uintp))

        # Angles hold for the window's centre: about it, a move by whole bins turns nothing.
        moves *= _TURN * self._centre / self._n_fft
        angles -= moves
        turns, phasors = self._turns[:count], self._phasors[:count]
        from_angles(angles, turns)
        np.square(gains, out=gains)
        gains *= 4 * self._loss * self.gain
        gains += self.gain
        if self.moves_formants:
            gains *= self._formant_gains(regions, envelope)
        turns.real *= gains
        turns.imag *= gains
        phasors[...] = turns
        np.take(phasors, regions.owner, out=self._factors, mode="clip")
        return self._factors, self._targets

    def _formant_gains(self, regions: Regions, envelope: Envelope) -> RealArray:
        places, gains = self._places[: regions.count], self._gains[: regions.count]
        np.multiply(regions.tops[: regions.count], self._wanted, out=places)
        envelope.at(places, regions, out=gains)
        gains -= envelope.levels[: regions.count]
        np.minimum(gains, _LARGEST_GAIN, out=gains)
        np.maximum(gains, -_LARGEST_GAIN, out=gains)
        np.exp(gains, out=gains)
        return gains


def _loss_of_half_a_bin(stft: STFT) -> float:
    """What is lost, as a share of what is left, where frames overlap half a bin off their frequency.

    For other distances the loss is as their square, within 0.01 dB.
    """
    weight = stft.analysis_window * stft.synthesis_window[: stft.win_length]
    away = np.arange(stft.win_length) - centre_of(stft)
    left = float(weight @ np.cos(math.pi * away / stft.n_fft) / weight.sum())
    return 1 / max(left, 0.5) - 1
