"""Powers of bins, in memory that is there.

Rows of a frame lie apart, those of other arrays do not: where an operation has both, or numbers of two types,
numpy takes buffers of its own, as large as the frame. Copies need none; they come first, or last.
"""

import math

import numpy as np

from rtstft.geometry import STFT
from rtstft.types import ComplexArray, RealArray

LEAST = 1e-12
"""Under any noise worth the name: of a frame of 1024 samples, some -145 dB below full scale."""

_MOST = 1e20  # with it, the ratio of two powers is a float32


def power_of(frame: ComplexArray, out: RealArray, scratch: RealArray) -> None:
    """|frame|^2 into `out`, limited so that ratios of powers cannot overflow."""
    out[...] = frame.real
    scratch[...] = frame.imag
    np.square(out, out=out)
    np.square(scratch, out=scratch)
    out += scratch
    np.minimum(out, _MOST, out=out)


def magnitude_of(frame: ComplexArray, out: RealArray) -> None:
    """|frame| into `out`."""
    if len(frame) == 1:
        np.abs(frame, out=out)
        return
    for row, magnitudes in zip(frame, out):
        np.abs(row, out=magnitudes)


def over_bins(power: RealArray, out: RealArray) -> None:
    """Each bin's power and those of its neighbours, in the shares 1/4, 1/2, 1/4, into `out`."""
    np.add(power[:, :-2], power[:, 2:], out=out[:, 1:-1])
    np.multiply(power[:, 1], 2, out=out[:, 0])
    np.multiply(power[:, -2], 2, out=out[:, -1])
    out *= 0.5
    out += power
    out *= 0.5


def share_within(hop_s: float, time_s: float) -> float:
    """What a frame moves a mean of time constant `time_s`: 63 % of a step after that time; 1 for 0."""
    return -math.expm1(-hop_s / time_s) if time_s > 0 else 1.0


def energy(stft: STFT) -> float:
    """Of the analysis window: what white noise of variance 1 has as power, in every bin."""
    return float(np.square(stft.analysis_window).sum())


def sine_power(stft: STFT) -> float:
    """What a sine of amplitude 1 has as power, in the bin of its frequency."""
    return float(stft.analysis_window.sum() / 2) ** 2
