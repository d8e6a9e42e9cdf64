"""Steady state: a stream of any length runs in the memory it began with."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from strategies import noise

from rtstft import STFT, Plugin, Processor

GEOMETRY = STFT(256, 64)
WARM_UP = 200
BLOCKS = 10_000


@pytest.fixture
def memory() -> Iterator[Callable[[], tuple[int, int]]]:
    """Bytes in use, and the peak since the last look."""

    def look() -> tuple[int, int]:
        gc.collect()
        in_use, peak = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        return in_use, peak

    tracemalloc.start()
    yield look
    tracemalloc.stop()


class Gain(Plugin):
    def process(self, frame: Any) -> None:
        frame *= 0.5


@pytest.mark.parametrize("with_out", [True, False], ids=["out", "no out"])
@pytest.mark.parametrize("size", [64, 37, 200])
@pytest.mark.parametrize("channels", [1, 2])
def test_memory_does_not_grow(
    channels: int, size: int, with_out: bool, memory: Callable[[], tuple[int, int]]
) -> None:
    processor = Processor(Gain(), GEOMETRY, channels=channels)
    block = noise(size, channels, "float32")
    out = np.empty_like(block) if with_out else None
    for _ in range(WARM_UP):
        processor.process(block, out=out)
    before, _ = memory()
    for _ in range(BLOCKS):
        processor.process(block, out=out)
    after, _ = memory()
    assert after - before < 1000


@pytest.mark.parametrize("row", [Gain(), [Gain(), Gain()]], ids=["one", "two"])
@pytest.mark.parametrize("channels", [1, 2])
def test_no_buffer_is_allocated_a_block(
    channels: int, row: Any, memory: Callable[[], tuple[int, int]]
) -> None:
    processor = Processor(row, STFT(4096, 1024), channels=channels)
    block = noise(4096, channels, "float32")
    out = np.empty_like(block)
    for _ in range(WARM_UP):
        processor.process(block, out=out)
    before, _ = memory()
    for _ in range(WARM_UP):
        processor.process(block, out=out)
    _, peak = memory()
    assert peak - before < 4096


def test_reset_and_flush_leave_nothing_behind(memory: Callable[[], tuple[int, int]]) -> None:
    processor = Processor(Gain(), GEOMETRY)
    block = noise(100, 2, "float32")

    def signals(count: int) -> None:
        for _ in range(count):
            processor.process(block)
            processor.flush()
            processor.reset()

    signals(WARM_UP)
    before, _ = memory()
    signals(1000)
    after, _ = memory()
    assert after - before < 1000
