"""What a stream tells about itself: its latency, part by part, and its counts."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Latency:
    """Samples between a sound at the microphone and the same sound, processed, at the loudspeaker."""

    input: int
    """Microphone to program, as the driver reports it."""
    engine: int
    """`STFT.latency` of the stream's block size; exact."""
    lookahead: int
    """What the callbacks' lookahead adds; exact."""
    headroom: int
    """What the processing may be late by; exact."""
    output: int
    """Program to loudspeaker, as the driver reports it."""
    samplerate: float

    @property
    def total(self) -> int:
        """Sum of the parts, in samples."""
        return self.input + self.engine + self.lookahead + self.headroom + self.output

    @property
    def total_s(self) -> float:
        """Sum of the parts, in seconds."""
        return self.total / self.samplerate

    def __str__(self) -> str:
        parts = ", ".join(
            f"{name} {getattr(self, name)}" for name in ("input", "engine", "lookahead", "headroom", "output")
        )
        return f"{self.total} samples, {self.total_s * 1e3:.2f} ms ({parts})"


@dataclass(frozen=True)
class Counts:
    """Samples processed, placed in time and dropped, and times starved: as in Stats."""

    samples_in: int = 0
    samples_out: int = 0
    dropped: int = 0
    starved: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.samples_in + other.samples_in,
            self.samples_out + other.samples_out,
            self.dropped + other.dropped,
            self.starved + other.starved,
        )


@dataclass(frozen=True)
class Stats:
    """A snapshot of a stream's counts, all since it was made.

    `samples_in == samples_out + dropped` in every snapshot.
    """

    samples_in: int = 0
    """Input samples processed."""
    samples_out: int = 0
    """Processed samples handed to the device in time."""
    dropped: int = 0
    """Processed samples that came too late, their place taken by the fallback."""
    frames: int = 0
    """Frames processed."""
    late_frames: int = 0
    """Frames that took longer than a hop lasts."""
    callback_errors: int = 0
    """Frames left dry because a callback raised or returned a bad frame."""
    bad_input: int = 0
    """Input samples that were NaN or Inf, and were taken as 0."""
    xruns: int = 0
    """Losses of any kind: the four that drivers report, and `starved`."""
    input_underflows: int = 0
    input_overflows: int = 0
    output_underflows: int = 0
    output_overflows: int = 0
    starved: int = 0
    """Times the device ran past the processed samples and played the fallback."""
    overloads: int = 0
    """Times the callbacks were left out because they took longer than their hops over a window."""
    restarts: int = 0
    """Times the device was started anew."""
    load_p50: float = 0.0
    """Time of a frame over the time of a hop: median,"""
    load_p99: float = 0.0
    """99th percentile,"""
    load_max: float = 0.0
    """and largest."""
    gc_pause_max_s: float = 0.0
    """Longest pause of Python's garbage collector in this process."""
    peak_in: float = 0.0
    """Input level: the largest magnitude, full scale being 1, falling by 20 dB a second since."""
    peak_out: float = 0.0
    """Output level, likewise."""
    slowest: str = ""
    """Name of the callback that takes the most time, lately."""


class LoadHistogram:
    """Percentiles of the load, to within 2 %, in constant memory; the largest is exact."""

    _PER_OCTAVE = 36
    _SMALLEST = 1e-5

    def __init__(self) -> None:
        self._counts = np.zeros(self._PER_OCTAVE * 30, np.int64)
        self.largest = 0.0
        self._recent = np.zeros(4096)
        self._added = 0

    @property
    def recent(self) -> list[float]:
        """The loads of the last few thousand frames, oldest first."""
        newest = self._added % len(self._recent)
        ordered = np.roll(self._recent, -newest)
        return [float(load) for load in ordered[-self._added or len(ordered) :]]

    def add(self, load: float, frames: int) -> None:
        """Counts `frames` frames of the same load."""
        octave = math.log2(max(load, self._SMALLEST) / self._SMALLEST)
        self._counts[min(int(octave * self._PER_OCTAVE), len(self._counts) - 1)] += frames
        self.largest = max(self.largest, load)
        self._recent[self._added % len(self._recent)] = load
        self._added += 1

    def percentile(self, percent: float) -> float:
        """The load that `percent` of the frames do not exceed; 0 before the first."""
        reached = np.cumsum(self._counts)
        if not reached[-1]:
            return 0.0
        bin_ = int(np.searchsorted(reached, reached[-1] * percent / 100))
        return min(float(self._SMALLEST * 2.0 ** ((bin_ + 0.5) / self._PER_OCTAVE)), self.largest)
