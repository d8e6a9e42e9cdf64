"""What each plugin costs: microseconds a frame, without the transforms; and the suite in a row."""

import time
from typing import Any

import numpy as np
from harness import Row, show

import rtstft
from rtstft.places import registered

RATE = 48_000
GEOMETRY = rtstft.STFT(1024, 256)
HOP_US = 256 / RATE * 1e6
# Parameters with which a plugin has something to do.
BUSY: dict[str, dict[str, Any]] = {
    "compress": {"bands": "200:-40:4, 2000:-40:4"},
    "eq": {"bands": "low_shelf:100:3, peak:1000:-6:1.4, high_shelf:8000:2"},
    "filter": {"kind": "low", "frequency_hz": 4000.0},
    "freeze": {"hold": True},
    "gain": {"gain_db": -3.0},
    "harmonize": {},
    "pitch": {"semitones": 3.0},
    "shift": {"shift_hz": 100.0},
}
STEREO = ("pan", "width")


def run(*, quick: bool = False) -> Row:
    """Times every registered plugin of rtstft, and all that need no file in a row; prints both."""
    rounds = 3 if quick else 15
    rows: list[Row] = []
    for name, entry in registered().items():
        if entry.value.startswith("rtstft.") and name != "convolve":  # which has a benchmark of its own
            plugin = _made(name)
            channels = 2 if name in STEREO else 1
            cost = _microseconds([plugin], channels, rounds) - _microseconds([], channels, rounds, plugin.aux)
            rows.append({"plugin": name, "us": cost, "of_a_hop": cost / HOP_US, "channels": channels})
    show(
        "Plugins at 1024/256, float32, beyond the transforms",
        ["plugin", "us/frame", "% of a hop at 48 kHz", "channels"],
        [[row["plugin"], row["us"], 100 * row["of_a_hop"], row["channels"]] for row in rows],
    )
    names = [row["plugin"] for row in rows if row["plugin"] not in STEREO]
    suite = _microseconds([_made(name) for name in names], 1, rounds)
    show(
        "All of them in a row, mono, but convolve and the stereo ones; transforms included",
        ["us/frame", "% of a core at 48 kHz, hop 256"],
        [[suite, 100 * suite / HOP_US]],
    )
    return {"plugins": rows, "suite_us": suite}


def _made(name: str) -> rtstft.Plugin:
    return rtstft.plugin(name, **BUSY.get(name, {}))


def _microseconds(row: list[rtstft.Plugin], channels: int, rounds: int, aux: tuple[str, ...] = ()) -> float:
    names = sorted({*aux, *(name for plugin in row for name in plugin.aux)})
    processor = rtstft.Processor(row, GEOMETRY, RATE, channels, aux=dict.fromkeys(names, 1))
    rng = np.random.default_rng(0)
    blocks = rng.uniform(-0.3, 0.3, (200, 256, channels + len(names))).astype(np.float32)
    out = np.empty((256, channels), np.float32)
    for block in blocks:
        processor.process(block, out)
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        for block in blocks:
            processor.process(block, out)
        best = min(best, (time.perf_counter() - started) / len(blocks))
    return best * 1e6
