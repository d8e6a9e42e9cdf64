"""Signals to measure with, and what is measured: levels in dB, frequencies in Hz."""

from collections.abc import Sequence

import numpy as np
from strategies import Samples

from rtstft import STFT, Plugin, Processor

RATE = 48_000


def seconds(length_s: float) -> Samples:
    """Times of samples."""
    return np.arange(round(length_s * RATE), dtype=np.float64) / RATE


def sine(frequency_hz: float, length_s: float, amplitude: float = 0.5) -> Samples:
    """A sine."""
    x: Samples = amplitude * np.sin(2 * np.pi * frequency_hz * seconds(length_s))
    return x


def white(length_s: float, seed: int = 0, level: float = 0.1) -> Samples:
    """White noise of that RMS level."""
    return np.random.default_rng(seed).normal(0, level, round(length_s * RATE))


def voice(pitch_hz: float, length_s: float, formants_hz: Sequence[float] = (700, 1200, 2600)) -> Samples:
    """A vowel: harmonics under resonances of 150 Hz width."""
    t = seconds(length_s)
    harmonics = np.arange(pitch_hz, 10_000, pitch_hz)
    x = sum(resonance(h, formants_hz) * np.sin(2 * np.pi * h * t + 0.1 * h) for h in harmonics)
    return np.asarray(x) * 0.1


def resonance(frequency_hz: float, formants_hz: Sequence[float]) -> float:
    """Gain at a frequency of resonances of 150 Hz width."""
    return float(sum(1 / (1 + ((frequency_hz - f) / 75) ** 2) ** 0.5 for f in formants_hz))


def through(
    plugin: Plugin,
    *columns: Samples,
    geometry: STFT | None = None,
    channels: int = 1,
    dtype: str = "float64",
) -> Samples:
    """`columns` through a plugin, those beyond `channels` as its sidechain; aligned with them."""
    x = np.column_stack(columns).astype(dtype)
    extra = len(columns) - channels
    aux = {"sidechain": extra} if extra else None
    processor = Processor(plugin, geometry or STFT(1024, 256), RATE, channels, dtype=dtype, aux=aux)
    y = np.concatenate([processor.process(x), processor.flush()])[processor.latency :]
    return y[:, 0] if channels == 1 else y


def middle(y: Samples, length_s: float = 0.5) -> Samples:
    """So much from the middle."""
    half = round(length_s * RATE / 2)
    return y[len(y) // 2 - half : len(y) // 2 + half]


def rms_db(y: Samples) -> float:
    """Level in dB."""
    return float(10 * np.log10(np.mean(y**2) + 1e-30))


def strongest_hz(y: Samples) -> float:
    """Frequency of the strongest sine, to a few mHz."""
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y)), 8 * len(y)))
    k = int(spectrum.argmax())
    a, b, c = np.log(spectrum[k - 1 : k + 2])
    return float((k + 0.5 * (a - c) / (a - 2 * b + c)) * RATE / (8 * len(y)))


def residual_db(y: Samples, *frequencies_hz: float) -> float:
    """What is left of `y`, in dB of it, without sines of these frequencies, their best fit."""
    t = np.arange(len(y)) / RATE
    base = np.concatenate([[np.cos(2 * np.pi * f * t), np.sin(2 * np.pi * f * t)] for f in frequencies_hz])
    fit = np.linalg.solve(base @ base.T, base @ y) @ base
    return rms_db(y - fit) - rms_db(y)


def octaves_db(y: Samples, low_hz: float = 500, count: int = 4) -> Samples:
    """Levels in octaves."""
    power = np.abs(np.fft.rfft(y * np.hanning(len(y)))) ** 2
    f = np.fft.rfftfreq(len(y), 1 / RATE)
    lows = low_hz * 2.0 ** np.arange(count)
    return 10 * np.log10([power[(low <= f) & (f < 2 * low)].sum() / len(y) ** 2 for low in lows])


def periodicity(y: Samples, pitch_hz: float) -> float:
    """Correlation of `y` with itself one period later, 1 if it repeats."""
    lag = round(RATE / pitch_hz)
    return float(np.dot(y[lag:], y[:-lag]) / np.dot(y, y))
