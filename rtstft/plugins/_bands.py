"""Bands and breakpoints of an equaliser: their text, and the response of a band."""

import math
from dataclasses import dataclass

import numpy as np

from rtstft.errors import ParameterError
from rtstft.plugins._shaper import Magnitude
from rtstft.plugins._text import entries, numbers_of
from rtstft.types import RealArray

_KINDS = ("low_shelf", "peak", "high_shelf")
_DEFAULT_Q = {"low_shelf": math.sqrt(0.5), "peak": 1.0, "high_shelf": math.sqrt(0.5)}
_MOST_DB = 60.0


@dataclass(frozen=True)
class Band:
    """One band: its kind, middle or corner, gain there, and quality."""

    kind: str
    frequency_hz: float
    gain_db: float
    q: float

    def magnitude(self, frequencies: RealArray, samplerate: float) -> Magnitude:
        """Of the digital filter with Bristow-Johnson's coefficients, at `frequencies` in Hz."""
        amplitude = 10 ** (self.gain_db / 40)
        turn = 2 * math.pi * self.frequency_hz / samplerate
        if turn >= math.pi:  # a band above all there is
            return np.full(len(frequencies), amplitude**2 if self.kind == "low_shelf" else 1.0)
        cosine, alpha = math.cos(turn), math.sin(turn) / (2 * self.q)
        if self.kind == "peak":
            above = (1 + alpha * amplitude, -2 * cosine, 1 - alpha * amplitude)
            below = (1 + alpha / amplitude, -2 * cosine, 1 - alpha / amplitude)
        else:
            # A high shelf is the low shelf mirrored at a quarter of the samplerate.
            cosine = -cosine if self.kind == "high_shelf" else cosine
            more, less, root = amplitude + 1, amplitude - 1, 2 * math.sqrt(amplitude) * alpha
            above = (
                amplitude * (more - less * cosine + root),
                2 * amplitude * (less - more * cosine),
                amplitude * (more - less * cosine - root),
            )
            below = (more + less * cosine + root, -2 * (less + more * cosine), more + less * cosine - root)
            if self.kind == "high_shelf":
                above, below = ((a, -b, c) for a, b, c in (above, below))
        delay = np.exp(-2j * np.pi / samplerate * frequencies)
        return np.abs(np.polyval(above[::-1], delay) / np.polyval(below[::-1], delay))


def parse_bands(text: str) -> list[Band]:
    """Bands as Eq.bands has them; ParameterError says which one cannot be."""
    bands = []
    for entry in entries(text):
        kind, *numbers = (part.strip() for part in entry.split(":"))
        expected = f"kind:Hz:dB or kind:Hz:dB:Q, kind one of {', '.join(_KINDS)}"
        if kind not in _KINDS or len(numbers) not in (2, 3):
            raise ParameterError(f"band {entry!r}, expected {expected}")
        frequency, gain, *q = numbers_of(entry, numbers, expected)
        band = Band(kind, frequency, gain, q[0] if q else _DEFAULT_Q[kind])
        if not (frequency > 0 and abs(gain) <= _MOST_DB and 0.01 <= band.q <= 100):
            raise ParameterError(
                f"band {entry!r}, expected a frequency above 0 Hz, -{_MOST_DB:g} to {_MOST_DB:g} dB, "
                "and a Q of 0.01 to 100"
            )
        bands.append(band)
    return bands


def parse_curve(text: str) -> list[tuple[float, float]]:
    """Breakpoints (Hz, dB) as Eq.curve has them; ParameterError says which one cannot be."""
    points: list[tuple[float, float]] = []
    for entry in entries(text):
        expected = f"Hz:dB with rising frequencies above 0 Hz, and -{_MOST_DB:g} to {_MOST_DB:g} dB"
        parts = entry.split(":")
        if len(parts) != 2:
            raise ParameterError(f"breakpoint {entry!r}, expected {expected}")
        frequency, gain = numbers_of(entry, parts, expected)
        if not (frequency > (points[-1][0] if points else 0) and abs(gain) <= _MOST_DB):
            raise ParameterError(f"breakpoint {entry!r}, expected {expected}")
        points.append((frequency, gain))
    return points
