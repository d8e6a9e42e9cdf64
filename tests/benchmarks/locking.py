"""The phase vocoder with identity locking, as in the paper, of a whole array: what to be better than."""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtstft import STFT

sys.path.append(str(Path(__file__).parent.parent))
from sounds import Samples

_TURN = 2 * np.pi


def stretch(x: Samples, rate: float, geometry: STFT) -> Samples:
    """`x` made faster by `rate`, in round(len(x) / rate) samples; frames of a window of n_fft samples.

    Laroche and Dolson (IEEE Trans. Speech and Audio Processing, 1999): peaks are turned by the phase that
    their frequency has advanced by, and the bins around each keep their phases to it.
    """
    n_fft, hop = geometry.n_fft, geometry.hop_length
    length = round(len(x) / rate)
    bins = np.arange(geometry.bins)
    about_centre = np.exp(0.5j * _TURN * bins)
    padded = np.concatenate([np.zeros(2 * n_fft), x, np.zeros(4 * n_fft)])
    out = np.zeros(length + 4 * n_fft)
    last: Any = np.zeros(geometry.bins)
    last_phases = turned = last
    last_place = 0
    for index in range(1 - n_fft // hop, length // hop + 2):
        place = round((index * hop + n_fft / 2) * rate - n_fft / 2)
        start = max(0, place + 2 * n_fft)
        samples = padded[start : start + n_fft]
        if len(samples) < n_fft:
            break
        spectrum = np.fft.rfft(samples * geometry.analysis_window) * about_centre
        phases, levels = np.angle(spectrum), np.abs(spectrum)
        peaks = _peaks(levels)
        if not last.any() or not len(peaks):
            turned = phases
        else:
            advance = place - last_place
            beyond = phases[peaks] - last_phases[peaks] - _TURN * peaks * advance / n_fft
            frequencies = _TURN * peaks / n_fft + (beyond - _TURN * np.rint(beyond / _TURN)) / advance
            edges = [low + np.argmin(levels[low:high]) for low, high in pairwise(peaks)]
            owners = np.searchsorted(edges, bins)
            turned = phases + (turned[peaks] + hop * frequencies - phases[peaks])[owners]
        frame = np.fft.irfft(levels * np.exp(1j * turned) * about_centre.conj(), n_fft)
        first = index * hop + n_fft
        out[first : first + n_fft] += frame * geometry.synthesis_window
        last, last_phases, last_place = levels, phases, place
    return out[n_fft : n_fft + length]


def _peaks(levels: Samples) -> NDArray[np.intp]:
    """Bins above their two neighbours on each side."""
    around = np.pad(levels, 2, constant_values=-1)
    beside = np.max([around[:-4], around[1:-3], around[3:-1], around[4:]], axis=0)
    return np.flatnonzero(levels > beside)
