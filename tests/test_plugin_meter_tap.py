"""Meter and tap: what they tell, and that readers in other threads see nothing half-done."""

import sys
import threading
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import Samples, channel_counts, dtypes, geometries, noise, processed

from rtstft import STFT, Context, FrameInfo, Processor
from rtstft.plugins.meter import Levels, Meter, _Board
from rtstft.plugins.tap import Tap
from rtstft.types import ComplexArray

RATE = 48_000


@pytest.fixture
def switching() -> Iterator[None]:
    """Threads take turns a hundred times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-5)
    yield
    sys.setswitchinterval(before)


def measured(x: Samples, geometry: STFT, rate: int = RATE, **params: float) -> Levels:
    meter = Meter(**params)
    Processor(meter, geometry, rate, x.shape[1], dtype=str(x.dtype)).process(x)
    return meter.read()


@given(geometry=geometries(longest=200), dtype=dtypes, channels=channel_counts, frames=st.integers(1, 9))
def test_a_frame_has_the_mean_square_of_what_it_weights(
    geometry: STFT, dtype: str, channels: int, frames: int
) -> None:
    x = noise(frames * geometry.hop_length, channels, dtype)
    found = measured(x, geometry, integration_s=0)
    window = geometry.analysis_window[: geometry.analysis_support]
    last = np.concatenate([np.zeros((len(window), channels)), x])[-len(window) :]
    squares = (window**2 @ last**2) / np.sum(window**2)
    assert found.index == frames - 1
    assert np.abs(found.rms_db - 10 * np.log10(np.maximum(squares, 1e-20))).max() < 1e-3


def test_levels_of_noise() -> None:
    x = noise(10 * RATE, 3, "float64") * [1, 0.1, 1e-4]
    found = measured(x, STFT(1024, 256), integration_s=2)
    assert np.abs(found.rms_db - 10 * np.log10(1 / 3) - [0, -20, -80]).max() < 0.2


@pytest.mark.parametrize("geometry", [STFT(1024, 256), STFT(2048, 512, 1024), STFT(511, 128), STFT(512, 100)])
def test_a_sine(geometry: STFT) -> None:
    time = np.arange(RATE)
    x = np.sin(2 * np.pi * round(geometry.n_fft / 8) / geometry.n_fft * time)[:, np.newaxis]
    found = measured(x, geometry)
    assert abs(found.rms_db[0] + 3.01) < 0.3
    assert abs(found.peak_db[0]) < 0.01


def test_silence_and_how_levels_fall() -> None:
    geometry = STFT(1024, 240)
    meter = Meter(integration_s=0.5)
    assert meter.read().index == -1
    processor = Processor(meter, geometry, RATE, 1)
    assert meter.read().rms_db.tolist() == [-200]
    assert meter.read().index == -1
    processor.process(noise(RATE, 1, "float32"))
    processor.process(np.zeros((4800, 1), np.float32))
    before = meter.read()
    processor.process(np.zeros((RATE, 1), np.float32))
    after = meter.read()
    assert after.index - before.index == 200
    for name in ("rms_db", "peak_db"):
        fall = getattr(after, name) - getattr(before, name)
        assert abs(fall[0] + 10 * np.log10(np.e) * 1 / 0.5) < 0.01  # a second of it


def test_a_reset_leaves_the_last_reading() -> None:
    meter = Meter()
    processor = Processor(meter, STFT(256, 64), RATE, 1)
    processor.process(noise(5000, 1, "float32"))
    before = meter.read()
    processor.reset()
    assert meter.read().index == before.index
    assert meter.read().rms_db == before.rms_db
    processor.process(np.zeros((64, 1), np.float32))
    assert meter.read().index == 0
    assert meter.read().rms_db == -200


def test_a_reader_that_was_overtaken_reads_again() -> None:
    board = _Board(1)
    copies, overtaking = board._copies, iter(range(1, 17))

    class Overtaken:
        def __getitem__(self, slot: int) -> Samples:
            row: Samples = copies[slot]
            for index in overtaking:
                board.write(np.full((2, 1), index), index)
            return row

        def __setitem__(self, slot: int, value: Samples) -> None:
            copies[slot] = value

    board.write(np.zeros((2, 1)), 0)
    board._copies = cast(Any, Overtaken())
    index, levels = board.read()
    assert index == 16
    assert (levels == 16).all()


@pytest.mark.usefixtures("switching")
def test_the_meter_is_read_whole() -> None:
    meter = Meter(integration_s=0)
    context = Context(STFT(8, 4), RATE, 64, np.dtype("float64"))
    meter.prepare(context)
    meter.update()
    stop = threading.Event()
    frame = np.zeros((64, 5), np.complex128)

    def write() -> None:
        index = 0
        while not stop.is_set():
            frame[:] = index + 1
            meter.process(frame, FrameInfo(index, 0))
            index += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        last = -1
        for _ in range(2000):
            found = meter.read()
            assert found.index >= last
            if found.index >= 0:
                one = 20 * np.log10((found.index + 1) / np.sqrt(context.stft.analysis_window.sum() ** 2 / 4))
                assert np.abs(found.peak_db - one).max() < 1e-9
            last = found.index
    finally:
        stop.set()
        writer.join()
    assert last > 0


@given(geometry=geometries(longest=100), sizes=st.lists(st.integers(0, 300), max_size=8))
def test_tap_gives_every_frame_once(geometry: STFT, sizes: list[int]) -> None:
    tap = Tap(capacity_s=3600 / RATE)
    processor = Processor(tap, geometry, RATE, 2, dtype="float64")
    x = noise(sum(sizes), 2, "float64")
    indices: list[int] = []
    frames: list[ComplexArray] = []
    start = 0
    for size in sizes:
        processed(processor, x[start : start + size])
        start += size
        got = tap.read()
        indices.extend(got[0].tolist())
        frames.extend(got[1])
    expected = geometry.stft(x)
    assert indices == list(range(len(indices)))
    assert len(indices) == sum(sizes) // geometry.hop_length
    assert np.array_equal(np.array(frames).reshape(-1, 2, geometry.bins), expected[: len(frames)])
    assert tap.lost == 0


def test_a_full_tap_counts_what_it_loses() -> None:
    geometry, tap = STFT(256, 64), Tap(capacity_s=10 * 64 / RATE)
    assert [part.size for part in tap.read()] == [0, 0]
    processor = Processor(tap, geometry, RATE, 1)
    x = noise(64 * 25, 1, "float32")
    processor.process(x)
    indices, frames = tap.read()
    assert indices.tolist() == list(range(10))
    assert frames.dtype == np.complex64
    assert tap.lost == 15
    processor.process(x[: 64 * 3])
    assert tap.read()[0].tolist() == [25, 26, 27]
    assert np.array_equal(frames, geometry.stft(x)[:10])  # a copy, which stays
    assert tap.lost == 15


@pytest.mark.usefixtures("switching")
def test_the_tap_is_read_while_it_is_written() -> None:
    tap = Tap(capacity_s=7 * 4 / RATE)
    context = Context(STFT(8, 4), RATE, 16, np.dtype("float64"))
    tap.prepare(context)
    stop = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        frame = np.zeros((16, 5), np.complex128)
        while not stop.is_set():
            frame[:] = written
            tap.process(frame, FrameInfo(written, 0))
            written += 1

    writer = threading.Thread(target=write)
    writer.start()
    seen: list[int] = []
    try:
        while len(seen) < 1000:
            indices, frames = tap.read()
            assert (frames == indices[:, np.newaxis, np.newaxis]).all()
            seen.extend(indices.tolist())
    finally:
        stop.set()
        writer.join()
    seen.extend(tap.read()[0].tolist())
    assert seen == sorted(set(seen))
    assert len(seen) + tap.lost == written
