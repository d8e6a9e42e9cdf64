"""Ranges of frequencies, as weights of bins with soft edges."""

import math

import numpy as np
from numpy.typing import NDArray

from rtstft.plugin import Context
from rtstft.plugins._remarks import beyond

Weights = NDArray[np.float64]

_OCTAVES = 1 / 3
_LEAST_BINS = 4  # of the window's length: what a bin of a Hann window spreads over


def step(context: Context, edge_hz: float) -> Weights:
    """0 below `edge_hz`, 1 above, shape (bins,).

    A raised cosine over a third of an octave, or over the width of the window's main lobe if that
    is more: steeper, and frames would ring for longer than they are. Everywhere 1 for an edge at 0 Hz.
    """
    frequencies = context.stft.frequencies(context.samplerate)
    if edge_hz <= 0:
        return np.ones(len(frequencies))
    least = _LEAST_BINS * context.samplerate / context.stft.win_length
    width = max(edge_hz * (2 ** (_OCTAVES / 2) - 2 ** (-_OCTAVES / 2)), least)
    course = np.clip((frequencies - edge_hz) / width + 0.5, 0, 1)
    return 0.5 - 0.5 * np.cos(math.pi * course)


def between(context: Context, low_hz: float, high_hz: float) -> Weights:
    """1 from `low_hz` to `high_hz`, 0 elsewhere, shape (bins,); an edge above all bins is none."""
    if high_hz >= context.samplerate / 2:
        return step(context, low_hz)
    return np.maximum(step(context, low_hz) - step(context, high_hz), 0)


def remarks(context: Context, low_hz: float, high_hz: float) -> list[str]:
    """That there is nothing from `low_hz` to `high_hz`, parameters of these names, if so; see Remarks."""
    nyquist_hz = context.samplerate / 2
    if low_hz >= nyquist_hz:
        return [beyond("low_hz", nyquist_hz, "there is nothing above it")]
    return [] if low_hz < high_hz else ["low_hz is not below high_hz: there is nothing between them"]
