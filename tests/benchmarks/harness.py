"""What every benchmark needs: fair timing, tables, and the facts about the machine."""

import gc
import importlib.metadata
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]
PACKAGES = (
    "rtstft",
    "numpy",
    "scipy",
    "pyfftw",
    "librosa",
    "stftpitchshift",
    "torch",
    "pyroomacoustics",
    "aubio-ledfx",
    "soundfile",
    "sounddevice",
    "rtmixer",
    "noisereduce",
    "pesq",
    "pystoi",
)


@dataclass(frozen=True)
class Contestant:
    """`run` handles `frames` frames of one signal; it is called again and again, after `warm_up`."""

    name: str
    block: str
    frames: int
    run: Callable[[], object]
    warm_up: Callable[[], object] = lambda: None


def stream(
    name: str, block: str, frames: int, handle: Callable[[Any], object], blocks: list[Any]
) -> Contestant:
    """A contestant that takes one block after the other; what is timed is its steady state."""
    first = blocks[: max(1, len(blocks) // 8)]

    def run(which: list[Any] = blocks) -> None:
        for block in which:
            handle(block)

    return Contestant(name, block, frames, run, lambda: run(first))


@dataclass(frozen=True)
class Laps:
    """Microseconds per frame of every round: a contestant's, and the reference's beside it."""

    own: list[float]
    reference: list[float]

    @property
    def us(self) -> float:
        """Median microseconds per frame."""
        return statistics.median(self.own)

    def best_over_reference(self) -> float:
        """Ratio of the two undisturbed times; the least of the ratios would reward a disturbed reference."""
        return min(self.own) / min(self.reference)

    def over(self, other: Sequence[float]) -> list[float]:
        """Ratio to `other`, round by round."""
        return [mine / theirs for mine, theirs in zip(self.own, other, strict=True)]


def race(reference: Contestant, contestants: Sequence[Contestant], rounds: int) -> list[Laps]:
    """Times all contestants in turn, `rounds` times over.

    The reference runs before and after each of them, so that a ratio compares two moments a few
    milliseconds apart: clock rates and neighbours change in the course of a run.
    """
    for contestant in (reference, *contestants):
        contestant.run()
    laps = [Laps([], []) for _ in contestants]
    enabled = gc.isenabled()
    for _ in range(rounds):
        gc.collect()
        gc.disable()
        before = _lap(reference)
        for lap, contestant in zip(laps, contestants, strict=True):
            lap.own.append(_lap(contestant))
            after = _lap(reference)
            lap.reference.append((before + after) / 2)
            before = after
        if enabled:
            gc.enable()
    return laps


def _lap(contestant: Contestant) -> float:
    contestant.warm_up()
    start = time.perf_counter()
    contestant.run()
    return (time.perf_counter() - start) / contestant.frames * 1e6


def show(
    title: str, header: Sequence[str], lines: Sequence[Sequence[object]], notes: Sequence[str] = ()
) -> None:
    """Prints a table: text to the left, numbers to the right, "-" for what there is not."""
    cells = [[cell(value) for value in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    left = [all(isinstance(line[i], str) for line in lines) for i in range(len(header))]

    def row(values: Sequence[str]) -> str:
        fitted = (v.ljust(w) if text else v.rjust(w) for v, w, text in zip(values, widths, left, strict=True))
        return "  ".join(fitted).rstrip()

    print(f"\n{title}\n")
    print(row(header))
    print("  ".join("-" * width for width in widths))
    for values in cells:
        print(row(values))
    for note in notes:
        print(f"  {note}")
    sys.stdout.flush()


def cell(value: object) -> str:
    """A value as the tables show it."""
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


class ForeignLoad:
    """How busy other programs kept the machine since this was made: they spoil any comparison."""

    def __init__(self) -> None:
        self._start = self._now()

    @staticmethod
    def _now() -> tuple[float, float] | None:
        """Clock, and processor seconds of all programs but this one and its children; Linux only."""
        stat = Path("/proc/stat")
        if not stat.exists():
            return None
        user, nice, system, _, _, irq, softirq = map(int, stat.read_text().split()[1:8])
        busy = (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
        return time.perf_counter(), busy - sum(os.times()[:4])

    def note(self) -> str:
        """One line for under a table."""
        end = self._now()
        if self._start is None or end is None:
            return "Load by other programs: unknown."
        cores = max(0.0, (end[1] - self._start[1]) / (end[0] - self._start[0]))
        warning = ": NOT a quiet machine, measure again" if cores > 0.1 else ""
        return f"Load by other programs: {cores:.2f} of {os.cpu_count()} cores{warning}."


def environment() -> Row:
    """Versions and processor; a number without them means nothing."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
