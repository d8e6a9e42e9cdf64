"""Transposed copies of a sound, made from one analysis of it."""

import math
from typing import Any

import numpy as np

from rtstft.geometry import STFT
from rtstft.plugin import Context
from rtstft.plugins._envelope import TrueEnvelope
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
        self._samplerate = context.samplerate
        self._max_f0_hz = 0.0
        self._hop = stft.hop_length
        self._channels = context.channels
        self._last_is_real = stft.n_fft % 2 == 0
        self._regions = Regions(stft, context.channels, context.complex_dtype, stft.hop_length)
        self._true_envelope = TrueEnvelope(stft.n_fft, context.dtype)
        self._envelope = np.zeros(bins, context.dtype)
        self._turned = np.zeros((context.channels, bins), context.complex_dtype)
        # The last column takes what is moved beyond the spectrum.
        self._sum = np.zeros((context.channels, bins + 1), context.complex_dtype)
        self.voices = [_Voice(context) for _ in range(count)]

    def set_highest_f0(self, max_f0_hz: float) -> None:
        """The envelope leaves out the ripple of partials this far apart, and of closer ones."""
        if max_f0_hz != self._max_f0_hz:
            self._max_f0_hz = max_f0_hz
            self._true_envelope.set_order(self._samplerate / (2 * max_f0_hz))

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
            self._true_envelope.of(regions.power, self._envelope)
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
        self._formant_ratio = 0.0
        self._bins = np.arange(bins)
        self._moves: RealArray = np.zeros(bins)
        self._levels = np.zeros(bins)
        self._shifts = np.zeros(bins, np.intp)
        self._targets = np.zeros(bins, np.intp)
        self._turns = np.zeros(bins, np.complex128)
        self._phasors = np.zeros(bins, context.complex_dtype)
        self._factors = np.zeros(bins, context.complex_dtype)
        self._below = np.zeros(bins, np.intp)
        self._above = np.zeros(bins, np.intp)
        self._share = np.zeros(bins, context.dtype)
        self._wanted = np.zeros(bins + 1, context.dtype)
        self._gains = np.zeros(bins, context.dtype)
        self._spare = np.zeros(bins, context.dtype)

    def tune(self, semitones: float, formant_semitones: float, *, formants_follow: bool, gain: float) -> None:
        """Interval of the partials, and that of the formants: on top of it, or by itself."""
        ratio = 2 ** (semitones / 12)
        formant_ratio = 2 ** (((semitones if formants_follow else 0) + formant_semitones) / 12)
        self.gain = gain
        self._excess = ratio - 1
        self.moves_formants = abs(formant_ratio - ratio) > 1e-9
        if formant_ratio == self._formant_ratio:
            return
        self._formant_ratio = formant_ratio
        # At bin k the envelope is wanted that the input has at bin k / formant_ratio.
        np.clip(self._bins / formant_ratio, 0, len(self._bins) - 1, out=self._moves)
        np.floor(self._moves, out=self._below, casting="unsafe")
        np.minimum(self._below + 1, len(self._bins) - 1, out=self._above)
        np.subtract(self._moves, self._below, out=self._share, casting="same_kind")

    def step(self, regions: Regions, envelope: RealArray) -> tuple[ComplexArray, Any]:
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
        np.multiply(angles, 1j, out=turns)
        np.exp(turns, out=turns)
        np.square(gains, out=gains)
        gains *= 4 * self._loss * self.gain
        gains += self.gain
        turns *= gains
        phasors[...] = turns
        np.take(phasors, regions.owner, out=self._factors, mode="clip")
        if self.moves_formants:
            self._apply_formants(envelope)
        return self._factors, self._targets

    def _apply_formants(self, envelope: RealArray) -> None:
        wanted, gains, spare = self._wanted[:-1], self._gains, self._spare
        np.take(envelope, self._below, out=wanted, mode="clip")
        np.take(envelope, self._above, out=spare, mode="clip")
        spare -= wanted
        spare *= self._share
        wanted += spare
        np.take(self._wanted, self._targets, out=gains, mode="clip")
        gains -= envelope
        np.clip(gains, -_LARGEST_GAIN, _LARGEST_GAIN, out=gains)
        np.exp(gains, out=gains)
        self._factors *= gains


def _loss_of_half_a_bin(stft: STFT) -> float:
    """What is lost, as a share of what is left, where frames overlap half a bin off their frequency.

    For other distances the loss is as their square, within 0.01 dB.
    """
    weight = stft.analysis_window * stft.synthesis_window[: stft.win_length]
    away = np.arange(stft.win_length) - centre_of(stft)
    left = float(weight @ np.cos(math.pi * away / stft.n_fft) / weight.sum())
    return 1 / max(left, 0.5) - 1
