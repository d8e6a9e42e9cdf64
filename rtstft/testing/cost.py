"""What a plugin takes in a rig: memory that grows, memory within a frame, time."""

import gc
import time
import tracemalloc

import numpy as np

from rtstft.processor import Processor
from rtstft.testing.bench import Fresh
from rtstft.testing.rig import Rig
from rtstft.types import RealArray

_SETTLING_FRAMES = 64
_STRETCH_FRAMES = 256
_STRETCHES = 3  # what an interpreter caches, up to some kB, is not in all of them
_GROWTH = 512  # bytes in each; an item of a list takes 8 a frame


def check_memory(rig: Rig, fresh: Fresh) -> None:
    """Memory does not grow with the frames."""
    processor = rig.processor(fresh())
    x = rig.noise()[: rig.geometry.hop_length]
    out = np.empty((len(x), rig.channels), rig.dtype)
    for _ in range(_SETTLING_FRAMES):
        processor.process(x, out)
    tracemalloc.start()
    try:
        held = [tracemalloc.get_traced_memory()[0]]
        for _ in range(_STRETCHES):
            for _ in range(_STRETCH_FRAMES):
                processor.process(x, out)
            gc.collect(0)  # of the young alone, which are a stretch's: all would take longer than the frames
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    grown = int(np.diff(held).min())
    assert grown < _GROWTH, (
        f"memory grew by {grown} bytes or more in every {_STRETCH_FRAMES} frames: allocate in prepare"
    )


def cost(rig: Rig, fresh: Fresh) -> tuple[float, int]:
    """Seconds a frame, without those of the transforms; the most bytes allocated within a frame."""
    processor = rig.processor(fresh())
    idle = rig.processor([])
    x = rig.noise()[: rig.geometry.hop_length]
    out = np.empty((len(x), rig.channels), rig.dtype)
    frame_s = max(0.0, _fastest(processor, x, out) - _fastest(idle, x, out))
    tracemalloc.start()
    try:
        processor.process(x, out)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        processor.process(x, out)
        allocated = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    return frame_s, allocated


def _fastest(processor: Processor, x: RealArray, out: RealArray) -> float:
    """Seconds per hop: the best of some runs, for others share the machine."""
    taken = []
    for _ in range(7):
        started = time.perf_counter()
        for _ in range(30):
            processor.process(x, out)
        taken.append((time.perf_counter() - started) / 30)
    return min(taken)
