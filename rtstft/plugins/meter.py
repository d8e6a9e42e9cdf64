"""Meter: the level of each channel, for any thread to read."""

from dataclasses import dataclass

import numpy as np

from rtstft.params import Param
from rtstft.plugin import Context, FrameInfo, Plugin
from rtstft.plugins._power import energy, power_of, share_within, sine_power
from rtstft.types import ComplexArray, RealArray

_SILENCE = 1e-20
_COPIES = 16


@dataclass(frozen=True)
class Levels:
    """Levels of the channels in dB, of full scale; float64, shape (channels,); -200 for silence.

    Attributes:
        index: of the latest frame in them, -1 before the first.
        rms_db: a sine of amplitude 1 has -3.01.
        peak_db: of the strongest bin; a sine of amplitude 1 has 0, and with Hann windows up to 1.4 less
            where it lies between two bins.
    """

    index: int
    rms_db: RealArray
    peak_db: RealArray


class Meter(Plugin):
    """Measures the level of each channel and leaves the signal alone; `read()` tells it, in any thread.

        meter = rtstft.plugin("meter")
        with rtstft.Stream([effect, meter], geometry):
            print(meter.read().rms_db)

    Reading and measuring never wait for each other. In a process of its own (`isolate=True`), a
    plugin measures there, and the one here reads silence.

    Algorithm: mean square by Parseval's theorem (Oppenheim and Schafer, Discrete-time signal processing,
    1989), from windowed frames; its mean over time is exponential, the peak rises at once and falls as that
    does.
    Cost: some 8 operations a bin. Latency: none.
    """

    integration_s = Param(0.3, min=0.0, max=60.0, doc="time constant of mean and fall; 0: each frame alone")

    _board: "_Board | None" = None

    def prepare(self, context: Context) -> None:
        """Makes the accumulators, and copies of the results."""
        stft = context.stft
        shape = (context.channels, stft.bins)
        self._hop_s = context.hop_s
        self._power = np.empty(shape, context.dtype)
        self._scratch = np.empty(shape, context.dtype)
        # Of all bins but the first, and the last of an even length, there is a mirror image.
        weights = np.full(stft.bins, 2.0)
        weights[0] = 1
        if stft.n_fft % 2 == 0:
            weights[-1] = 1
        self._weights = (weights / (stft.n_fft * energy(stft))).astype(context.dtype)
        self._sine_power = sine_power(stft)
        self._now = np.zeros((2, context.channels), context.dtype)
        self._levels = np.zeros((2, context.channels))
        self._board = _Board(context.channels)

    def update(self) -> None:
        """Takes over the time constant."""
        self._share = share_within(self._hop_s, self.integration_s)

    def process(self, frame: ComplexArray, info: FrameInfo) -> None:
        """Measures the frame."""
        now, levels = self._now, self._levels
        power_of(frame, self._power, self._scratch)
        np.dot(self._power, self._weights, out=now[0])
        np.maximum.reduce(self._power, axis=1, out=now[1])
        now[1] /= self._sine_power

        levels *= 1 - self._share
        levels[0] += self._share * now[0]
        np.maximum(levels[1], now[1], out=levels[1])
        levels[levels < _SILENCE] = 0
        if self._board is not None:
            self._board.write(levels, info.index)

    def read(self) -> Levels:
        """The levels up to the latest frame; a reset leaves them to be read until the next one."""
        index, levels = (-1, np.zeros((2, 0))) if self._board is None else self._board.read()
        rms_db, peak_db = 10 * np.log10(np.maximum(levels, _SILENCE))
        return Levels(index, rms_db, peak_db)

    def reset(self) -> None:
        """Back to silence."""
        self._levels[...] = 0


class _Board:
    """Where one thread writes and others read: each value into the oldest of some copies.

    A reader that was so slow that its copy may have been overwritten meanwhile takes another.
    """

    def __init__(self, channels: int) -> None:
        self._copies = np.zeros((_COPIES, 2, channels))
        self._indices = [-1] * _COPIES
        self._written = 0

    def write(self, levels: RealArray, index: int) -> None:
        slot = (self._written + 1) % _COPIES
        self._copies[slot] = levels
        self._indices[slot] = index
        self._written += 1

    def read(self) -> tuple[int, RealArray]:
        while True:
            written = self._written
            index = self._indices[written % _COPIES]
            levels = self._copies[written % _COPIES].copy()
            if self._written - written < _COPIES - 1:
                return index, levels
