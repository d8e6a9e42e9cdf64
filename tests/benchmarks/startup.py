"""What a program pays before and beside the signal: import time, and memory per block."""

import gc
import statistics
import sys
import tracemalloc

import numpy as np
from child import run_child
from harness import Row, show
from numpy.typing import NDArray

import rtstft

# What it takes to have a transform in hand: librosa loads its parts when they are asked for.
IMPORTS = {
    "numpy": "import numpy",
    "rtstft": "from rtstft import STFT, Processor",
    "scipy.signal": "from scipy.signal import ShortTimeFFT",
    "librosa": "from librosa import stft, istft",
    "torch": "from torch import stft, istft",
}
BLOCKS = (64, 256, 4096)
# With its bytecode kept, as Python does where nothing forbids it, and as of every installed package.
_TIMED_IMPORT = """
import sys, time
sys.dont_write_bytecode = False
start = time.perf_counter()
{statement}
print(time.perf_counter() - start)
"""


def import_times(rounds: int) -> tuple[list[Row], list[str]]:
    """Milliseconds and peak memory of a fresh interpreter's import, the modules in turn."""
    costs: dict[str, list[tuple[float, float]]] = {module: [] for module in IMPORTS}
    notes: list[str] = []
    for turn in range(rounds + 1):
        for module, statement in IMPORTS.items():
            if turn and not costs[module]:
                continue
            try:
                cost = run_child([sys.executable, "-c", _TIMED_IMPORT.format(statement=statement)])
            except RuntimeError as error:
                notes.append(f"{module}: {str(error).splitlines()[-1]}")
                continue
            costs[module].append((float(cost.output) * 1e3, cost.peak_mb))
    rows: list[Row] = []
    for module, found in costs.items():
        row: Row = {"module": module}
        if found:
            # The first round fills the system's file cache, and that of bytecode.
            row["ms"] = statistics.median(ms for ms, _ in found[1:])
            row["peak_mb"] = statistics.median(peak for _, peak in found[1:])
        rows.append(row)
    return rows, notes


def callback(frame: NDArray[np.complex64]) -> None:
    """Allocates nothing."""


def memory_per_block(count: int) -> list[Row]:
    """Bytes that a block takes at its height, and that remain of it after `count` blocks."""
    rows: list[Row] = []
    for length in BLOCKS:
        for reuse in (False, True):
            processor = rtstft.Processor(callback, rtstft.STFT(1024, 256), channels=2)
            block = np.zeros((length, 2), np.float32)
            out = np.empty_like(block) if reuse else None
            for _ in range(count):
                processor.process(block, out)
            heights = np.zeros(count, np.int64)
            gc.collect()
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            for i in range(count):
                tracemalloc.reset_peak()
                start = tracemalloc.get_traced_memory()[0]
                processor.process(block, out)
                heights[i] = tracemalloc.get_traced_memory()[1] - start
            gc.collect()
            remain = tracemalloc.get_traced_memory()[0] - before
            tracemalloc.stop()
            rows.append(
                {
                    "block": length,
                    "out": "given" if reuse else "new",
                    "output_bytes": 0 if reuse else block.nbytes,
                    "median_bytes": int(np.median(heights)),
                    "most_bytes": int(heights.max()),
                    "remaining_bytes": remain,
                    "blocks": count,
                }
            )
    return rows


def run(*, quick: bool) -> Row:
    """Measures and prints both tables; returns the rows."""
    imports, notes = import_times(rounds=2 if quick else 7)
    lines = [[row["module"], row.get("ms"), row.get("peak_mb")] for row in imports]
    show("Import in a fresh interpreter", ("module", "ms", "peak MB"), lines, notes)
    memory = memory_per_block(300 if quick else 2000)
    show(
        "Bytes per block, at its height: n_fft 1024, hop 256, stereo, float32",
        ("block", "out", "output bytes", "median", "most", "remaining", "blocks"),
        [list(row.values()) for row in memory],
    )
    return {"imports": imports, "memory": memory}
