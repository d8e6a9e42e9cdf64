"""What each plugin costs: microseconds a frame, without the transforms; and the suite in a row."""

import time
from typing import Any

import numpy as np
from harness import Row, show

import rtstft
from rtstft.places import registered
from rtstft.plugins.convolve import Convolve

RATE = 48_000
GEOMETRY = rtstft.STFT(1024, 256)
# Convolve needs a hop of taps in every frame: the longest window that leaves them.
PADDED = rtstft.STFT(1024, 256, 768, synthesis="ola")
RESPONSE_S = 0.5
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
    """Times every registered plugin of rtstft, and rows of all that 1024/256 can hold; prints both."""
    rounds = 3 if quick else 15
    rows: list[Row] = []
    for name, entry in registered().items():
        if entry.value.startswith("rtstft."):
            plugin, geometry = _made(name), PADDED if name == "convolve" else GEOMETRY
            channels = 2 if name in STEREO else 1
            cost = _microseconds([plugin], channels, rounds, geometry=geometry)
            cost -= _microseconds([], channels, rounds, plugin.aux, geometry)
            rows.append({"plugin": name, "us": cost, "of_a_hop": cost / HOP_US, "channels": channels})
    show(
        "Plugins at 1024/256, float32, beyond the transforms",
        ["plugin", "us/frame", "% of a hop at 48 kHz", "channels"],
        [[row["plugin"], row["us"], 100 * row["of_a_hop"], row["channels"]] for row in rows],
        [f"convolve: a response of {RESPONSE_S:g} s, in a window of {PADDED.win_length} padded to 1024"],
    )
    stereo = [row["plugin"] for row in rows if row["plugin"] != "convolve"]
    mono = [name for name in stereo if name not in STEREO]
    suites = {
        channels: _microseconds([_made(name) for name in names], channels, rounds)
        for channels, names in ((1, mono), (2, stereo))
    }
    show(
        "All of them in a row, but convolve, and in mono those for stereo; transforms included",
        ["channels", "us/frame", "% of a core at 48 kHz, hop 256"],
        [[channels, suite, 100 * suite / HOP_US] for channels, suite in suites.items()],
    )
    return {"plugins": rows, "suite_us": suites[1], "suite_stereo_us": suites[2]}


def _made(name: str) -> rtstft.Plugin:
    if name == "convolve":
        return Convolve(np.random.default_rng(0).standard_normal(round(RESPONSE_S * RATE)) / RATE)
    return rtstft.plugin(name, **BUSY.get(name, {}))


def _microseconds(
    row: list[rtstft.Plugin],
    channels: int,
    rounds: int,
    aux: tuple[str, ...] = (),
    geometry: rtstft.STFT = GEOMETRY,
) -> float:
    names = sorted({*aux, *(name for plugin in row for name in plugin.aux)})
    processor = rtstft.Processor(row, geometry, RATE, channels, aux=dict.fromkeys(names, 1))
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
