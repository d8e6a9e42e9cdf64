"""Time stretching against librosa and plain identity locking: length, accuracy, purity, consistency, time.

`--audio DIR` names a folder with the folder `speech`: the consistency of those recordings is then
measured beside that of a synthetic voice.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import locking
import numpy as np
import soundfile
from harness import ForeignLoad, Row, show

import rtstft
from rtstft.stretch import Stretcher

sys.path.append(str(Path(__file__).parent.parent))
from sounds import Samples, cents, consistency_db, measure_sine, sine, syllables

RATE, WINDOW = 48_000, 2048
RATES = (1.25, 0.8, 1 / 1.5, 0.5)
LEAST_CONSISTENCY_DB = (-20.9, -21.4, -19.3, -17.2)
"""Of identity locking, on other speech: what to be as good as on the synthetic voice."""
MOST_CENTS = 0.01
Stretch: TypeAlias = Callable[[Samples, float, rtstft.STFT], Samples]


def ours(x: Samples, rate: float, geometry: rtstft.STFT) -> Samples:
    stretcher = Stretcher(rate, geometry, 1)
    parts = [stretcher.process(block) for block in np.array_split(x.astype(np.float32), len(x) // 4096 + 1)]
    return np.concatenate([*parts, stretcher.flush()])[:, 0].astype(float)


def librosa(x: Samples, rate: float, geometry: rtstft.STFT) -> Samples:
    from librosa.effects import time_stretch

    found: Samples = time_stretch(x, rate=rate, n_fft=geometry.n_fft, hop_length=geometry.hop_length)
    return found


CONTESTANTS: dict[str, Stretch] = {
    "rtstft": ours,
    "identity locking": locking.stretch,
    "librosa": librosa,
}


def speech(audio: Path | None) -> dict[str, tuple[Samples, int]]:
    """A synthetic voice, and ten seconds of each recording."""
    found: dict[str, tuple[Samples, int]] = {"synthetic": (syllables(2 * RATE, RATE), RATE)}
    if audio is not None:
        for path in sorted((audio / "speech").glob("*.wav")):
            x, samplerate = soundfile.read(path, always_2d=True)
            found[path.stem] = (x[: 10 * samplerate, 0], samplerate)
    return found


def geometry_at(samplerate: int) -> rtstft.STFT:
    """A quarter of a window as long at any samplerate."""
    n_fft = 128 * max(1, round(samplerate * WINDOW / RATE / 128))
    return rtstft.STFT(n_fft, n_fft // 4)


def run(*, quick: bool, audio: Path | None = None) -> Row:
    """Measures and prints the tables; returns the rows."""
    foreign = ForeignLoad()
    rows: list[Row] = []
    details: list[Row] = []
    notes: list[str] = []
    material = speech(audio)
    geometry = geometry_at(RATE)
    frequencies = np.geomspace(221, 3520, 3 if quick else 7)
    for name, stretch in CONTESTANTS.items():
        try:
            stretch(sine(440, 10_000, RATE), 1.25, geometry)
        except ImportError as error:
            notes.append(f"{name}: not installed ({error}).")
            continue
        for rate in RATES:
            row: Row = {"contestant": name, "rate": rate, "wrong_length": 0, "cents": 0.0, "snr_db": np.inf}
            for frequency in frequencies:
                x = sine(frequency, round(24_001 * rate), RATE)
                y = stretch(x, rate, geometry)
                row["wrong_length"] = max(row["wrong_length"], abs(len(y) - round(len(x) / rate)))
                found, snr, _ = measure_sine(y[6000:-6000], frequency, RATE)
                row["cents"] = max(row["cents"], abs(cents(found, frequency)))
                row["snr_db"] = min(row["snr_db"], snr)
            consistency = {}
            for what, (x, samplerate) in material.items():
                at = geometry_at(samplerate)
                consistency[what] = consistency_db(x, stretch(x, rate, at), rate, at)
                details.append(
                    {"contestant": name, "rate": rate, "speech": what, "consistency_db": consistency[what]}
                )
            row["consistency_db"] = consistency["synthetic"]
            others = [value for what, value in consistency.items() if what != "synthetic"]
            row["recordings_db"] = float(np.mean(others)) if others else None
            row["times_real_time"] = _speed(stretch, rate, geometry, rounds=1 if quick else 3)
            rows.append(row)
    first = rows[: len(RATES)]
    promise = ", ".join(f"{least:g}" for least in LEAST_CONSISTENCY_DB)
    met = all(
        row["wrong_length"] == 0 and row["cents"] <= MOST_CENTS and row["consistency_db"] <= least
        for row, least in zip(first, LEAST_CONSISTENCY_DB)
    )
    consistencies = [[r["consistency_db"] for r in details if r["contestant"] == who] for who in CONTESTANTS]
    better = all(found < other for found, other in zip(*consistencies[:2]))
    notes += [
        "Consistency: distance of the output's magnitudes to the input's; of recordings, the mean.",
        foreign.note(),
        f"Promised of rtstft: exact length, {MOST_CENTS} cents, synthetic voice {promise} dB: "
        + ("met." if met else "MISSED."),
        "More consistent than identity locking, at every rate and of every sound: "
        + ("yes." if better else "NO."),
    ]
    header = (
        "contestant",
        "rate",
        "samples off",
        "worst cents",
        "worst SNR dB",
        "consistency dB",
        "recordings",
    )
    lines = [
        [row["contestant"], row["rate"], row["wrong_length"], f"{row['cents']:.1e}", *list(row.values())[4:]]
        for row in rows
    ]
    title = f"Time stretching: {RATE} Hz, mono, Hann {WINDOW}, hop {WINDOW // 4}"
    show(title, (*header, "x real time"), lines, notes)
    if audio is not None:
        lines = [list(row.values()) for row in details]
        show("Consistency of each", ("contestant", "rate", "speech", "dB"), lines)
    return {"rows": rows, "consistency": details, "met": met and better}


def _speed(stretch: Stretch, rate: float, geometry: rtstft.STFT, rounds: int) -> float:
    """Seconds of output in a second."""
    x = syllables(5 * RATE, RATE)
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        stretch(x, rate, geometry)
        best = min(best, time.perf_counter() - started)
    return len(x) / rate / RATE / best
