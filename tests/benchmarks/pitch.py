"""Pitch shifting against stftpitchshift and librosa: accuracy, purity, formants, time."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from harness import ForeignLoad, Row, show

import rtstft
from rtstft.plugins.pitch import Pitch

sys.path.append(str(Path(__file__).parent.parent))
from sounds import Samples, cents, formant_error_db, measure_sine, sine, vowel

RATE, WINDOW = 48_000, 2048
SEMITONES = (-5.0, -2.5, 3.0, 7.0, 12.0)
FUNDAMENTALS, INTERVALS = (80.0, 110.0, 150.0, 180.0, 220.0, 250.0), (-7.0, -5.0, 5.0, 7.0)
MAX_F0_HZ = 300.0  # Pitch's default
MOST_CENTS, LEAST_SNR_DB, MOST_FORMANT_DB = 0.1, 70.0, 2.0
HEADER = (
    "contestant",
    "hop",
    "worst cents",
    "worst SNR dB",
    "level dB",
    "formants moved",
    "kept",
    "x real time",
    "keeping",
)
Shift: TypeAlias = Callable[[Samples, float, bool], Samples]
"""Of a sound, by semitones, with the formants kept or not: the sound, aligned or delayed."""


def ours(hop: int) -> Shift:
    geometry = rtstft.STFT(WINDOW, hop)

    def shift(x: Samples, semitones: float, keep: bool) -> Samples:
        plugin = Pitch(semitones=semitones, formants="keep" if keep else "move")
        processor = rtstft.Processor(plugin, geometry, RATE, channels=1)
        return processor.process(x.astype(np.float32)).astype(float)

    return shift


def stftpitchshift(hop: int) -> Shift:
    from stftpitchshift import StftPitchShift

    shifter = StftPitchShift(WINDOW, hop, RATE)

    def shift(x: Samples, semitones: float, keep: bool) -> Samples:
        quefrency = 1 / (2 * MAX_F0_HZ) if keep else 0
        found: Samples = shifter.shiftpitch(x.copy(), 2 ** (semitones / 12), quefrency)
        return found

    return shift


def librosa(hop: int) -> Shift:
    from librosa.effects import pitch_shift

    def shift(x: Samples, semitones: float, keep: bool) -> Samples:
        if keep:
            raise NotImplementedError("librosa moves formants with the pitch")
        options: dict[str, Any] = {"n_fft": WINDOW, "hop_length": hop}
        found: Samples = pitch_shift(x, sr=RATE, n_steps=semitones, **options)
        return found

    return shift


CONTESTANTS: dict[str, Callable[[int], Shift]] = {
    "rtstft": ours,
    "stftpitchshift": stftpitchshift,
    "librosa": librosa,
}


def accuracy(shift: Shift, frequencies: Samples) -> tuple[float, float, float]:
    """Worst error in cents, worst signal-to-rest ratio, and largest error of the level, of sines."""
    worst_cents, worst_snr, worst_level = 0.0, np.inf, 0.0
    for frequency in frequencies:
        for semitones in SEMITONES:
            wanted = frequency * 2 ** (semitones / 12)
            y = shift(sine(frequency, 30_000, RATE), semitones, False)[8000:-8000]
            found, snr, amplitude = measure_sine(y, wanted, RATE)
            worst_cents = max(worst_cents, abs(cents(found, wanted)))
            worst_snr = min(worst_snr, snr)
            worst_level = max(worst_level, abs(20 * float(np.log10(amplitude / 0.5))))
    return worst_cents, float(worst_snr), worst_level


def formants(shift: Shift, *, keep: bool) -> float | None:
    """Largest rms error over partials of vowels up to 5 kHz, in dB."""
    errors = []
    for f0 in FUNDAMENTALS:
        x = vowel(f0, 36_000, RATE)
        for semitones in INTERVALS:
            try:
                y = shift(x, semitones, keep)[12_000:-8000]
            except NotImplementedError:
                return None
            errors.append(formant_error_db(y, f0 * 2 ** (semitones / 12), RATE))
    return max(errors)


def speed(shift: Shift, seconds: float, rounds: int, *, keep: bool) -> float | None:
    """Times real time, of a vowel in noise."""
    length = round(seconds * RATE)
    x = vowel(150.0, length, RATE) + 0.01 * np.random.default_rng(0).standard_normal(length)
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        try:
            shift(x, 5.0, keep)
        except NotImplementedError:
            return None
        best = min(best, time.perf_counter() - started)
    return seconds / best


def run(*, quick: bool) -> Row:
    """Measures and prints the table; returns the rows."""
    frequencies = np.geomspace(221, 3520, 3 if quick else 9)
    foreign = ForeignLoad()
    rows: list[Row] = []
    notes: list[str] = []
    for name, make in CONTESTANTS.items():
        for hop in (WINDOW // 8, WINDOW // 4):
            try:
                shift = make(hop)
            except ImportError as error:
                notes.append(f"{name}: not installed ({error}).")
                break
            worst_cents, worst_snr, worst_level = accuracy(shift, frequencies)
            seconds, rounds = (2.0, 1) if quick else (5.0, 3)
            rows.append(
                {
                    "contestant": name,
                    "hop": hop,
                    "cents": worst_cents,
                    "snr_db": worst_snr,
                    "level_db": worst_level,
                    "formants_moved_db": formants(shift, keep=False),
                    "formants_kept_db": formants(shift, keep=True),
                    "times_real_time": speed(shift, seconds, rounds, keep=False),
                    "times_real_time_keeping": speed(shift, seconds, rounds, keep=True),
                }
            )
    first = rows[0]
    promise = f"{MOST_CENTS} cents, {LEAST_SNR_DB:g} dB, formants within {MOST_FORMANT_DB:g} dB"
    met = (
        first["cents"] <= MOST_CENTS
        and first["snr_db"] >= LEAST_SNR_DB
        and first["formants_kept_db"] <= MOST_FORMANT_DB
    )
    notes += [
        "Sines of 221 to 3520 Hz, -5 to +12 semitones; vowels of 80 to 250 Hz, -7 to +7 semitones, rms over",
        f"partials to 5 kHz; stftpitchshift liftered at {1e3 / (2 * MAX_F0_HZ):.3g} ms; rtstft in float32.",
        foreign.note(),
        f"Promised of rtstft at an eighth: {promise}: {'met' if met else 'MISSED'}.",
    ]
    lines = [[row["contestant"], row["hop"], f"{row['cents']:.1e}", *list(row.values())[3:]] for row in rows]
    show(f"Pitch: {RATE} Hz, mono, Hann {WINDOW}", HEADER, lines, notes)
    return {"rows": rows, "met": met}
