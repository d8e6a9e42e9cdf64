"""`rtstft demo`: makes a noisy signal, cleans it with a callback, and says where both are."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from rtstft.file.job import process_file
from rtstft.file.target import check_writable
from rtstft.geometry import STFT
from rtstft.types import ComplexArray, RealArray

_SAMPLERATE = 44_100
_NOISE = 0.02
_NOTES_HZ = (220.0, 277.18, 329.63, 440.0, 329.63, 277.18, 220.0, 164.81)


def demo(
    folder: Annotated[Path, typer.Argument(help="Where to write the two files.")] = Path(),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace them if they exist.")] = False,
) -> None:
    """Make a noisy melody, subtract its noise in the frequency domain, write both."""
    import soundfile

    noisy, cleaned = folder / "rtstft-demo-noisy.wav", folder / "rtstft-demo-cleaned.wav"
    for path in (noisy, cleaned):
        check_writable(path, overwrite)
    melody = _melody()
    noise = np.random.default_rng(0).normal(0, _NOISE, len(melody))
    soundfile.write(noisy, melody + noise, _SAMPLERATE, "PCM_16")

    geometry = STFT(n_fft=2048, hop_length=512)
    noise_power = _NOISE**2 * np.sum(geometry.analysis_window**2)

    def subtract_noise(frame: ComplexArray) -> None:
        power = np.abs(frame) ** 2 + 1e-20
        frame *= np.maximum(1 - 3 * noise_power / power, 0.05)

    report = process_file(noisy, cleaned, subtract_noise, geometry, overwrite=overwrite)
    rest = soundfile.read(cleaned)[0] - melody
    gained = 20 * np.log10(_NOISE / np.sqrt(np.mean(rest**2)))
    print(f"noisy:   {noisy}")
    print(f"cleaned: {cleaned}, {gained:.1f} dB less noise, at {report.speed:.0f}x real time")


def _melody() -> RealArray:
    """Plucked notes, six decaying harmonics each, half a second apart."""
    time = np.arange(_SAMPLERATE) / _SAMPLERATE
    step = _SAMPLERATE // 2
    melody = np.zeros(step * (len(_NOTES_HZ) + 1))
    for k, pitch in enumerate(_NOTES_HZ):
        harmonics = (np.sin(2 * np.pi * pitch * h * time) * np.exp(-4 * h * time) / h for h in range(1, 7))
        melody[k * step : k * step + len(time)] += 0.25 * sum(harmonics)
    return melody
