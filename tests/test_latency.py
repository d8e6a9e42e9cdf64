"""Latency: an exact integer, the least possible, constant from the first sample to the last."""

from math import ceil, lcm
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    Samples,
    dtypes,
    geometries,
    loudest,
    low_delay_pairs,
    noise,
    partitions,
    rounding,
    seeds,
    streamed,
)

from rtstft import STFT, Context, Plugin, Processor, StreamError

GEOMETRY = STFT(64, 16, 48)
BLOCKSIZES = st.one_of(st.integers(1, 8), st.integers(1, 700))


class Delay(Plugin):
    """Hands every frame back `lookahead` frames later."""

    def __init__(self, lookahead: int) -> None:
        self.lookahead = lookahead

    def prepare(self, context: Context) -> None:
        self._empty = np.zeros((self.lookahead, context.channels, context.stft.bins), complex)
        self.reset()

    def process(self, frame: Any) -> Any:
        self._frames.append(frame.copy())
        return self._frames.pop(0)

    def reset(self) -> None:
        self._frames = list(self._empty)


def supports(geometry: STFT) -> tuple[int, int]:
    """n0 and We of DESIGN.md section 5."""
    first = np.flatnonzero(geometry.synthesis_window)[0]
    last = np.flatnonzero(geometry.analysis_window)[-1]
    return int(first), int(last) + 1


def least_latency(geometry: STFT, blocksize: int) -> int:
    """By exhaustion: a frame's first output sample must not be due before the block that completes it."""
    n0, end = supports(geometry)
    hop = geometry.hop_length
    latencies = []
    for complete in range(hop, lcm(hop, blocksize) + hop, hop):
        emitted_before = (ceil(complete / blocksize) - 1) * blocksize
        latencies.append(emitted_before - (complete - end + n0))
    return max(latencies)


def impulse(length: int, position: int, dtype: str = "float64") -> Samples:
    x = np.zeros(length, dtype)
    x[position] = 1
    return x


def in_blocks(length: int, blocksize: int) -> list[int]:
    return [blocksize] * (length // blocksize)


@given(geometry=geometries(), blocksize=BLOCKSIZES, position=st.integers(0, 400), dtype=dtypes)
def test_impulse_arrives_exactly_latency_later(
    geometry: STFT, blocksize: int, position: int, dtype: str
) -> None:
    length = blocksize * (1 + position // blocksize)
    processor = Processor([], geometry, channels=1, blocksize=blocksize, dtype=dtype)
    y = streamed(processor, impulse(length, position, dtype), in_blocks(length, blocksize))
    expected = impulse(length + processor.latency, position + processor.latency)
    assert y.shape == expected.shape
    assert loudest(y - expected) <= rounding(geometry, dtype)


@given(geometry=low_delay_pairs(), blocksize=BLOCKSIZES, position=st.integers(0, 400))
def test_impulse_arrives_exactly_latency_later_through_low_delay_pairs(
    geometry: STFT, blocksize: int, position: int
) -> None:
    length = blocksize * (1 + position // blocksize)
    processor = Processor([], geometry, channels=1, blocksize=blocksize, dtype="float64")
    y = streamed(processor, impulse(length, position), in_blocks(length, blocksize))
    expected = impulse(length + processor.latency, position + processor.latency)
    assert loudest(y - expected) <= rounding(geometry, "float64")


@given(data=st.data(), geometry=geometries(), length=st.integers(1, 900), seed=seeds)
def test_latency_is_constant_for_blocks_of_any_length(
    data: st.DataObject, geometry: STFT, length: int, seed: int
) -> None:
    x = noise(length, 2, "float64", seed)
    processor = Processor([], geometry, channels=2, dtype="float64")
    y = streamed(processor, x, data.draw(partitions(length)))
    expected = np.pad(x, ((processor.latency, 0), (0, 0)))
    assert loudest(y - expected) <= rounding(geometry, "float64")


@given(geometry=geometries(), blocksize=st.one_of(st.none(), BLOCKSIZES))
def test_latency_is_the_formula(geometry: STFT, blocksize: int | None) -> None:
    n0, end = supports(geometry)
    grain = 1 if blocksize is None else int(np.gcd(geometry.hop_length, blocksize))
    processor = Processor([], geometry, channels=1, blocksize=blocksize)
    assert processor.latency == geometry.latency(blocksize) == end - n0 - grain


@given(geometry=geometries(), blocksize=BLOCKSIZES)
def test_latency_is_the_least_that_causality_allows(geometry: STFT, blocksize: int) -> None:
    assert geometry.latency(blocksize) == least_latency(geometry, blocksize)


@given(geometry=geometries())
def test_latency_of_varying_blocks_is_the_worst_of_all_blocksizes(geometry: STFT) -> None:
    worst = max(least_latency(geometry, blocksize) for blocksize in range(1, geometry.hop_length + 2))
    assert geometry.latency() == worst


@pytest.mark.parametrize(
    ("geometry", "blocksize", "latency"),
    [
        (STFT(1024, 160, 512, "hamming"), 128, 480),
        (STFT(1024, 160, 512, "hamming"), 160, 352),
        (STFT(1024, 160, 512, "hamming"), 480, 352),
        (STFT(1024, 160, 512, "hamming"), None, 511),
        (STFT(1024, 256, window="hamming"), 256, 768),
        (STFT(1024, 256, window="hamming"), 128, 896),
        (STFT(1024, 256, window="hann"), 256, 767),
        (STFT(1024, 256, 512, "hamming", "ola"), 256, 256),
        (STFT(64, 64, window="boxcar"), 64, 0),
        (STFT.for_latency(0.002, 48_000, blocksize=96), 96, 95),
    ],
    ids=repr,
)
def test_latency_of_known_geometries(geometry: STFT, blocksize: int | None, latency: int) -> None:
    assert Processor([], geometry, blocksize=blocksize).latency == latency


@pytest.mark.parametrize("blocksize", [1, 7, 16, 48, None])
@pytest.mark.parametrize("lookaheads", [[1], [2], [1, 3], [0, 40]], ids=str)
def test_lookahead_of_plugins_is_added_and_exact(lookaheads: list[int], blocksize: int | None) -> None:
    x = noise(336, 1, "float64")
    plugins = [Delay(frames) for frames in lookaheads]
    processor = Processor(plugins, GEOMETRY, channels=1, blocksize=blocksize, dtype="float64")
    assert processor.latency == GEOMETRY.latency(blocksize) + sum(lookaheads) * 16
    y = streamed(processor, x, in_blocks(336, blocksize or 21))
    assert loudest(y - np.pad(x, ((processor.latency, 0), (0, 0)))) < 1e-14


@given(
    geometry=geometries(longest=100),
    blocksize=st.one_of(st.none(), BLOCKSIZES),
    channels=st.integers(1, 3),
    length=st.integers(0, 300),
)
def test_flush_returns_exactly_latency_samples(
    geometry: STFT, blocksize: int | None, channels: int, length: int
) -> None:
    processor = Processor([], geometry, channels=channels, blocksize=blocksize)
    processor.process(noise(length, channels, "float32"))
    tail = processor.flush()
    assert tail.shape == (processor.latency, channels)
    assert tail.dtype == np.float32


@given(geometry=geometries(), blocksize=BLOCKSIZES, length=st.integers(1, 900), seed=seeds)
def test_short_last_block_and_flush_are_right(geometry: STFT, blocksize: int, length: int, seed: int) -> None:
    x = noise(length, 1, "float64", seed)
    sizes = in_blocks(length, blocksize)
    processor = Processor([], geometry, channels=1, blocksize=blocksize, dtype="float64")
    y = streamed(processor, x, [*sizes, length - sum(sizes)])
    assert len(y) == length + processor.latency
    assert loudest(y[processor.latency :] - x) <= rounding(geometry, "float64")


def test_short_block_ends_the_stream_until_reset() -> None:
    x = noise(48, 1, "float64")
    processor = Processor([], GEOMETRY, channels=1, blocksize=16, dtype="float64")
    first = processor.process(x[:37])
    for _ in range(2):
        with pytest.raises(StreamError, match=r"37 samples, no multiple of 16.*blocksize=None.*reset\(\)"):
            processor.process(x)
    y = np.concatenate([first, processor.flush()])
    assert np.allclose(y[processor.latency :], x[:37], rtol=0, atol=1e-14)
    processor.reset()
    assert np.allclose(streamed(processor, x)[processor.latency :], x, rtol=0, atol=1e-14)


def test_blocks_may_be_any_multiple_of_the_common_divisor() -> None:
    x = noise(500, 1, "float64")
    processor = Processor([], GEOMETRY, channels=1, blocksize=20, dtype="float64")
    y = streamed(processor, x, [4, 0, 100, 396])
    assert np.allclose(y[processor.latency :], x, rtol=0, atol=1e-14)


def test_flush_ends_the_stream_until_reset() -> None:
    processor = Processor([], GEOMETRY, channels=1)
    processor.flush()
    with pytest.raises(StreamError, match=r"flushed.*reset\(\)"):
        processor.process(np.zeros((1, 1), "float32"))
    with pytest.raises(StreamError, match="flush"):
        processor.flush()
    processor.reset()
    assert not processor.flush().any()


def test_processor_without_latency_has_nothing_to_flush() -> None:
    geometry = STFT(64, 64, window="boxcar")
    x = noise(192, 1, "float64")
    processor = Processor([], geometry, channels=1, blocksize=64, dtype="float64")
    assert np.allclose(processor.process(x[:128]), x[:128], rtol=0, atol=1e-15)
    assert np.allclose(processor.process(x[128:150]), x[128:150], rtol=0, atol=1e-15)
    assert processor.flush().shape == (0, 1)
