"""File to file through the command line, against ffmpeg's afftfilt: time and peak memory."""

import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from child import Cost, run_child
from harness import ForeignLoad, Row, cell, show

SAMPLERATE = 44_100
HEADER = ("contestant", "minutes", "seconds", "x real time", "x rtstft", "cpu seconds", "peak MB")
FASTER, PEAK_MB = 3.0, 120.0


def make_input(path: Path, minutes: float) -> None:
    """Stereo noise, PCM_16, a second at a time."""
    rng = np.random.default_rng(0)
    noise = rng.integers(-8000, 8000, (SAMPLERATE, 2), dtype=np.int16)
    left = round(minutes * 60 * SAMPLERATE)
    with soundfile.SoundFile(path, "w", SAMPLERATE, 2, "PCM_16") as file:
        while left:
            part = noise[:left]
            file.write(np.roll(part, left % 997, axis=0))
            left -= len(part)


def commands(source: Path, target: Path) -> dict[str, Sequence[str]]:
    """Identity with a periodic Hann window of 1024 and an overlap of 75 %."""
    identity = "afftfilt=real='re':imag='im':win_size=1024:overlap=0.75"
    ours = [sys.executable, "-m", "rtstft", "process", str(source), str(target)]
    ffmpeg = ["ffmpeg", "-nostdin", "-v", "error", "-y"]
    rest = ["-i", str(source), "-af", identity, "-c:a", "pcm_s16le", str(target)]
    return {
        "rtstft process": [*ours, "--n-fft", "1024", "--hop-length", "256", "--overwrite", "--quiet"],
        "ffmpeg afftfilt": [*ffmpeg, *rest],
        # As it comes, a thread a channel; on few cores they wait for each other for most of the time.
        "ffmpeg, 1 thread": [*ffmpeg, "-filter_threads", "1", *rest],
    }


def measure(minutes: float, rounds: int) -> tuple[dict[str, list[Cost]], list[str]]:
    """Costs of every round, the contestants in turn; and why one of them is missing."""
    costs: dict[str, list[Cost]] = {}
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="rtstft-benchmark-") as folder:
        source, target = Path(folder, "in.wav"), Path(folder, "out.wav")
        make_input(source, minutes)
        for name, command in commands(source, target).items():
            costs[name] = []
            if shutil.which(command[0]) is None:
                notes.append(f"{name}: skipped, {command[0]} is not installed.")
        missing = {note.partition(":")[0] for note in notes}
        for _ in range(rounds):
            for name, command in commands(source, target).items():
                if name in missing:
                    continue
                try:
                    costs[name].append(run_child(command))
                    _check(source, target, exact=name.startswith("rtstft"))
                except RuntimeError as error:
                    missing.add(name)
                    notes.append(f"{name}: FAILED, {error}")
                    costs[name].clear()
                target.unlink(missing_ok=True)
    return costs, notes


def _check(source: Path, target: Path, *, exact: bool) -> None:
    """That the work was done: as many samples, and from rtstft the same, to the last bit but one."""
    before, after = soundfile.info(source).frames, soundfile.info(target).frames
    if before != after:
        raise RuntimeError(f"the output has {after} samples, the input {before}")
    if exact:
        parts = (soundfile.blocks(path, SAMPLERATE, dtype="int32") for path in (source, target))
        error = max(int(np.abs(a // 65536 - b // 65536).max()) for a, b in zip(*parts))
        if error > 1:
            raise RuntimeError(f"an identity changed the samples by up to {error} of 32768")


def run(*, quick: bool, minutes: float | None = None) -> Row:
    """Measures and prints the table; returns the rows."""
    length = minutes or (1.0 if quick else 10.0)
    foreign = ForeignLoad()
    costs, notes = measure(length, rounds=1 if quick or length > 15 else 3)
    notes.append(foreign.note())
    reference = costs["rtstft process"]
    rows: list[Row] = []
    for name, found in costs.items():
        row: Row = {"contestant": name, "minutes": length}
        if found:
            seconds = statistics.median(cost.seconds for cost in found)
            row["seconds"] = seconds
            row["times_real_time"] = length * 60 / seconds
            row["cpu_seconds"] = statistics.median(cost.cpu_seconds for cost in found)
            row["peak_mb"] = max(cost.peak_mb for cost in found)
        if found and reference:
            row["times_rtstft"] = statistics.median(a.seconds / b.seconds for a, b in zip(found, reference))
        rows.append(row)
    columns = ("minutes", "seconds", "times_real_time", "times_rtstft", "cpu_seconds", "peak_mb")
    lines = [[row["contestant"], *map(row.get, columns)] for row in rows]
    bars = [
        _verdict("peak MB of rtstft", rows[0].get("peak_mb"), PEAK_MB, at_most=True),
        _verdict("x rtstft of ffmpeg afftfilt", rows[1].get("times_rtstft"), FASTER, at_most=False),
    ]
    title = f"File to file: {SAMPLERATE} Hz, stereo, PCM_16, identity, n_fft 1024, hop 256"
    promises = [f"{b['what']} {b['bar']}: {b['verdict']} ({cell(b['found'])})" for b in bars]
    show(title, HEADER, lines, notes + promises)
    return {"rows": rows, "bars": bars, "notes": notes}


def _verdict(what: str, found: float | None, limit: float, *, at_most: bool) -> Row:
    verdict = "not measured"
    if found is not None:
        verdict = "met" if (found <= limit if at_most else found >= limit) else "MISSED"
    return {"what": what, "bar": f"{'<=' if at_most else '>='} {limit:g}", "found": found, "verdict": verdict}
