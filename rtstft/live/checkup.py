"""check_up: how long frames take on this machine when they come at the pace of a sound card."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from rtstft.geometry import STFT
from rtstft.live.engine import LiveEngine
from rtstft.live.events import EventLog
from rtstft.live.priority import WORKER, CalmCollector, raise_priority


@dataclass(frozen=True)
class Checkup:
    """From the moment a hop of input is complete to the moment its output is, in seconds."""

    frames: int
    p50_s: float
    p99_s: float
    p999_s: float
    max_s: float
    gc_pause_max_s: float
    priority: str


def check_up(
    callbacks: Iterable[Any],
    geometry: STFT,
    samplerate: float,
    channels: int,
    *,
    seconds: float,
    busy: bool,
) -> Checkup:
    """Processes noise hop by hop for `seconds`, on a thread like a stream's.

    Args:
        callbacks: as for `Processor`.
        geometry, samplerate, channels: as for `Processor`.
        seconds: how long.
        busy: have another thread compute in Python meanwhile.

    Raises:
        PluginError: a callback failed.
    """
    engine = LiveEngine(
        callbacks,
        geometry,
        samplerate=samplerate,
        channels=channels,
        blocksize=geometry.hop_length,
        on_overload="dry",
        on_error="dry",
        returns=True,
        planner_effort="estimate",
        events=EventLog(),
    )
    engine.overload.enabled = False  # what is measured is the callbacks
    hop = geometry.hop_length
    hop_s = hop / samplerate
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (hop, channels)).astype(np.float32)
    out = np.empty_like(noise)
    count = max(1, round(seconds / hop_s))
    taken = np.empty(count)
    priority: list[str] = []

    def run() -> None:
        priority.append(raise_priority(WORKER))
        engine.run(noise.copy(), out)
        due = time.perf_counter()
        for i in range(count):
            due = max(due + hop_s, time.perf_counter() - hop_s)
            time.sleep(max(0.0, due - time.perf_counter()))
            engine.run(noise.copy(), out)
            taken[i] = time.perf_counter() - due

    worker = threading.Thread(target=run, name="rtstft doctor", daemon=True)
    with CalmCollector() as collector, _busy_thread() if busy else nullcontext():
        worker.start()
        worker.join()
    if engine.first_error is not None:
        raise engine.first_error
    p50, p99, p999 = np.percentile(taken, (50, 99, 99.9))
    return Checkup(
        count, float(p50), float(p99), float(p999), float(taken.max()), collector.longest_s, priority[0]
    )


def recommend_headroom(timing: Checkup, block_s: float) -> float:
    """Seconds: one and a half times the longest that was seen, and a block, in steps of 5 ms."""
    steps = int(np.ceil((1.5 * timing.max_s + block_s) / 0.005))
    return steps * 0.005


@contextmanager
def _busy_thread() -> Iterator[None]:
    stop = threading.Event()

    def spin() -> None:
        number = 0
        while not stop.is_set():
            number = (number * 1103515245 + 12345) % 2**31

    thread = threading.Thread(target=spin, name="busy", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
