"""Sounds whose pitch, formants and phases are known, and measures of what became of them."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rtstft import STFT

Samples: TypeAlias = NDArray[np.floating[Any]]

# A tube of 17 cm, roughly: formants and bandwidths in Hz, one formant a kilohertz from the fourth on.
FORMANTS = [(700, 130), (1220, 110), (2600, 160), (3300, 250)]
FORMANTS += [(4300 + 1000 * i, 300) for i in range(20)]


def envelope(frequencies: Samples) -> Samples:
    """Amplitudes of a vowel's partials."""
    response = np.ones(len(frequencies), complex)
    for formant, bandwidth in FORMANTS:
        response *= formant**2 / (formant**2 - frequencies**2 + 1j * bandwidth * frequencies)
    found: Samples = np.abs(response) / (1 + frequencies / 100)
    return found


def harmonics(f0: float, highest: float) -> NDArray[np.float64]:
    """Multiples of `f0` up to `highest`."""
    return f0 * np.arange(1, int(highest / f0) + 1, dtype=float)


def vowel(f0: float, length: int, samplerate: float) -> Samples:
    """Partials up to 20 kHz at most, in random phases, peak 0.5."""
    time = np.arange(length) / samplerate
    rng = np.random.default_rng(0)
    x = np.zeros(length)
    frequencies = harmonics(f0, min(20_000, 0.45 * samplerate))
    for frequency, amplitude in zip(frequencies, envelope(frequencies)):
        x += amplitude * np.cos(2 * np.pi * frequency * time + rng.uniform(0, 2 * np.pi))
    x *= 0.5 / np.abs(x).max()
    return x


def amplitude_of(x: Samples, frequency: float, samplerate: float) -> complex:
    """Of a partial, with its phase at the first sample; others are to be four bins of a DFT away."""
    window = np.hanning(len(x))
    turns = np.exp(-2j * np.pi * frequency / samplerate * np.arange(len(x)))
    return complex(2 * np.sum(window * x * turns) / window.sum())


def formant_error_db(x: Samples, f0: float, samplerate: float, highest: float = 5000) -> float:
    """Rms over partials of the distance to the vowel with this fundamental, the overall level aside."""
    frequencies = harmonics(f0, highest)
    found = np.array([abs(amplitude_of(x, f, samplerate)) for f in frequencies])
    away = 20 * np.log10(found / envelope(frequencies) + 1e-12)
    return float(np.std(away))


def sine(frequency: float, length: int, samplerate: float, phase: float = 0.3) -> Samples:
    """Of amplitude 0.5."""
    x: Samples = 0.5 * np.sin(2 * np.pi * frequency / samplerate * np.arange(length) + phase)
    return x


def measure_sine(x: Samples, near: float, samplerate: float) -> tuple[float, float, float]:
    """Frequency in Hz, signal-to-rest ratio in dB and amplitude of the sine that fits `x` best."""
    half = len(x) // 2
    frequency = near
    for _ in range(3):  # by the phases of the two halves, half of `x` apart
        first, second = (amplitude_of(part, frequency, samplerate) for part in (x[:half], x[half : 2 * half]))
        advance = np.angle(second / first * np.exp(-2j * np.pi * frequency / samplerate * half))
        frequency += float(advance) / (2 * np.pi * half) * samplerate
    turns = 2 * np.pi * frequency / samplerate * np.arange(len(x))
    basis = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    weights = np.linalg.lstsq(basis, x, rcond=None)[0]
    rest = x - basis @ weights
    snr = 10 * np.log10(np.sum(x**2) / np.sum(rest**2))
    return float(frequency), float(snr), float(np.hypot(*weights))


def cents(found: float, expected: float) -> float:
    """Distance of two frequencies in hundredths of a semitone."""
    return float(1200 * np.log2(found / expected))


def partials(frequencies: Sequence[float], length: int, samplerate: float) -> Samples:
    """Sines of amplitude 0.2, in different phases."""
    parts = [0.4 * sine(f, length, samplerate, phase=0.3 + i) for i, f in enumerate(frequencies)]
    x: Samples = np.sum(parts, axis=0)
    return x


def syllables(length: int, samplerate: float) -> Samples:
    """A voice that glides between 120 and 180 Hz, and falls silent every 0.2 s for a moment."""
    time = np.arange(length) / samplerate
    f0 = 150 + 30 * np.sin(2 * np.pi * 2.3 * time)
    turns = np.cumsum(f0) / samplerate
    rng = np.random.default_rng(1)
    x = np.zeros(length)
    for harmonic in range(1, 30):
        x += np.cos(2 * np.pi * (harmonic * turns + rng.uniform())) / harmonic
    x *= 0.1 * np.clip(3 * np.sin(2 * np.pi * 2.5 * time) ** 2, 0, 1)
    return x + 3e-4 * rng.standard_normal(length)


def consistency_db(x: Samples, y: Samples, rate: float, geometry: STFT) -> float:
    """Distance of the magnitudes of y, which is x made faster by `rate`, to those of x at the same places."""
    hop, width, overlap = geometry.hop_length, geometry.win_length, geometry.overlap
    found = np.abs(geometry.stft(y))
    away = total = 0.0
    for k in range(overlap // hop, len(found) - overlap // hop):
        centre = (k * hop - overlap) + width / 2
        start = round(centre * rate - width / 2)
        if start < 0 or start + width > len(x):
            continue
        wanted = np.abs(np.fft.rfft(geometry.analysis_window * x[start : start + width]))
        away += float(np.sum((found[k] - wanted) ** 2))
        total += float(np.sum(wanted**2))
    return float(10 * np.log10(away / total))
