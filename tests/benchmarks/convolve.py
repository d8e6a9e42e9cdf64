"""Convolve: five seconds of stereo reverberation, hop by hop, against scipy and pedalboard."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness import ForeignLoad, Row, show
from numpy.typing import NDArray

import rtstft
from rtstft.plugins.convolve import Convolve

RATE, HOP, TAPS_S = 48_000, 256, 5.0
MOST_ERROR, MOST_SHARE = 1e-5, 0.25
OVERLAP_SAVE = rtstft.STFT(2 * HOP, HOP, window="boxcar", synthesis=np.repeat([0.0, 1.0], HOP))
OVERLAP_ADD = rtstft.STFT(1024, HOP, 512, window="hann", synthesis="ola")

Samples = NDArray[np.float32]
Handle = Callable[[Samples], Any]


def room(rng: np.random.Generator) -> Samples:
    """Noise that decays by 60 dB, shape (taps, 2), of unit energy."""
    count = round(TAPS_S * RATE)
    decay = 10 ** (-3 * np.arange(count)[:, np.newaxis] / count)
    taps = rng.standard_normal((count, 2)) * decay
    return np.asarray(taps / np.sqrt((taps**2).sum(0)), np.float32)


def ours(geometry: rtstft.STFT, taps: Samples) -> tuple[Handle, int]:
    processor = rtstft.Processor(Convolve(taps), geometry, RATE, channels=2, blocksize=HOP)
    return processor.process, processor.latency


def scipy(taps: Samples) -> tuple[Handle, int]:
    """What oaconvolve can do for a stream: each block on its own, and the tails added up."""
    from scipy.signal import oaconvolve

    pending = np.zeros((len(taps) + HOP, 2), np.float32)

    def handle(block: Samples) -> Samples:
        pending[: len(taps) + HOP - 1] += oaconvolve(block, taps, axes=0)
        out = pending[:HOP].copy()
        pending[:-HOP] = pending[HOP:]
        pending[-HOP:] = 0
        return out

    return handle, 0


def pedalboard(taps: Samples) -> tuple[Handle, int]:
    """JUCE's convolution, in C++, through Python's call for each block."""
    import pedalboard as board
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "room.wav"
        soundfile.write(path, taps, RATE, "FLOAT")
        effect = board.Convolution(str(path), mix=1.0)
    return lambda block: effect.process(block, RATE, buffer_size=HOP, reset=False), 0


def contestants() -> dict[str, Callable[[Samples], tuple[Handle, int]]]:
    return {
        "rtstft, overlap-save 512/256": lambda taps: ours(OVERLAP_SAVE, taps),
        "rtstft, ola 512/256, n_fft 1024": lambda taps: ours(OVERLAP_ADD, taps),
        "scipy oaconvolve, block by block": scipy,
        "pedalboard Convolution": pedalboard,
    }


def timed(handle: Handle, blocks: list[Samples]) -> tuple[Samples, list[float]]:
    outputs, times = [], []
    for block in blocks:
        start = time.perf_counter()
        output = handle(block)
        times.append(time.perf_counter() - start)
        outputs.append(np.array(output))
    return np.concatenate(outputs), times


def expected(x: Samples, taps: Samples) -> NDArray[np.float64] | None:
    try:
        from scipy.signal import fftconvolve
    except ImportError:
        return None
    full: NDArray[np.float64] = fftconvolve(x.astype(float), taps.astype(float), axes=0)
    return full[: len(x)]


def error_of(found: Samples, exact: NDArray[np.float64], *, any_level: bool) -> float:
    """Largest deviation over the peak; `any_level`: at the level that fits best, after a second."""
    start = RATE if any_level else 0
    found, exact = found[start:], exact[start : len(found)]
    gain = np.vdot(found, exact) / np.vdot(found, found) if any_level else 1.0
    return float(np.abs(gain * found - exact).max() / np.abs(exact).max())


def run(*, quick: bool) -> Row:
    """Measures and prints the table; returns the rows."""
    rng = np.random.default_rng(0)
    taps = room(rng)
    hops = round((2 if quick else 8) * RATE / HOP)
    x = (rng.standard_normal((hops * HOP, 2)) * 0.1).astype(np.float32)
    blocks = [np.ascontiguousarray(block) for block in x.reshape(hops, HOP, 2)]
    exact = expected(x, taps)
    foreign = ForeignLoad()
    rows: list[Row] = []
    notes: list[str] = []
    for name, make in contestants().items():
        row: Row = {"contestant": name, "error": None, "median_ms": None, "p99_ms": None, "share": None}
        rows.append(row)
        try:
            handle, latency = make(taps)
        except ImportError as error:
            notes.append(f"{name}: not installed ({error}).")
            continue
        slow = name.startswith("scipy")
        some = blocks[: len(blocks) // 8] if slow else blocks
        output, times = timed(handle, some)
        row["median_ms"] = statistics.median(times) * 1e3
        row["p99_ms"] = float(np.quantile(times, 0.99)) * 1e3
        row["share"] = sum(times) / (len(some) * HOP / RATE)
        if exact is not None:
            row["error"] = error_of(output[latency:], exact, any_level=name.startswith("pedalboard"))
    if exact is None:
        notes.append("error: scipy is not installed.")
    notes.append("error: largest deviation from scipy's fftconvolve in float64, relative to its peak;")
    notes.append("of pedalboard, which normalises the response and fades in, at the best level from 1 s on.")
    notes.append(foreign.note())
    first = rows[0]
    met = first["share"] <= MOST_SHARE and (first["error"] is None or first["error"] <= MOST_ERROR)
    notes.append(
        f"Promised of overlap-save: error <= {MOST_ERROR:g}, share of a core <= {MOST_SHARE}: "
        f"{'met' if met else 'MISSED'}."
    )
    lines = [
        [row["contestant"], None if row["error"] is None else f"{row['error']:.1e}", *list(row.values())[2:]]
        for row in rows
    ]
    title = f"Convolution with {TAPS_S:g} s, stereo, {RATE} Hz, blocks of {HOP}, float32"
    show(title, ("contestant", "error", "ms/block", "p99", "share of a core"), lines, notes)
    return {"rows": rows, "met": met}
