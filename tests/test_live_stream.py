"""A live stream on the fake device: exact whatever its blocks, and what it does when things go wrong."""

import json
import shlex
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import command
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Samples, geometries, noise, partitions, seeds

import rtstft
from rtstft import STFT, AudioError, FileError, Plugin, PluginError, Processor, Stream, StreamError
from rtstft.live import FakeDuplex, worker
from rtstft.live.duplex import DeviceXruns, DuplexSettings

RATE = 8000
FIRST = 64  # the silent block that starts the fake device
SMALL = STFT(64, 16)


def half(frame: Any) -> None:
    frame *= 0.5


def identity(frame: Any) -> None:
    pass


def play(fake: FakeDuplex, x: Samples, sizes: list[int]) -> Samples:
    """What comes out while `x` goes in, block by block, each processed before the next."""
    fake.settle()
    out = []
    start = 0
    for size in sizes:
        out.append(fake.tick(x[start : start + size]))
        fake.settle()
        start += size
    return np.concatenate([np.zeros((FIRST, x.shape[1]), np.float32), *out])


def offline(callbacks: Any, geometry: STFT, x: Samples, blocksize: int | None = None) -> Samples:
    """Processor's output for the device's first block and `x`."""
    processor = Processor(callbacks, geometry, samplerate=RATE, channels=x.shape[1], blocksize=blocksize)
    return processor.process(np.concatenate([np.zeros((FIRST, x.shape[1]), np.float32), x]))


def delayed(x: Samples, delay: int, length: int) -> Samples:
    return np.concatenate([np.zeros((delay, x.shape[1]), np.float32), x])[:length]


@given(geometries(longest=200), st.integers(1, 3), seeds, st.data())
@settings(max_examples=25)
def test_live_equals_offline_delayed_by_the_headroom(
    geometry: STFT, channels: int, seed: int, data: st.DataObject
) -> None:
    x = noise(3000, channels, "float32", seed)
    sizes = [size for size in data.draw(partitions(3000)) if size]
    headroom = max([FIRST, *sizes])
    fake = FakeDuplex(blocksize=FIRST)
    with Stream(
        half, geometry, samplerate=RATE, channels=channels, headroom_s=headroom / RATE, duplex=fake
    ) as stream:
        y = play(fake, x, sizes)
        assert stream.latency.total == geometry.latency() + headroom
    assert np.array_equal(y, delayed(offline(half, geometry, x), headroom, len(y)))
    stats = stream.stats
    assert (stats.samples_in, stats.samples_out, stats.dropped, stats.xruns) == (len(y), len(y), 0, 0)


@given(st.sampled_from([16, 24, 32, 64]), seeds)
@settings(max_examples=10)
def test_fixed_blocks_have_the_lower_latency(blocksize: int, seed: int) -> None:
    x = noise(40 * blocksize, 1, "float32", seed)
    fake = FakeDuplex(latencies=(7, 9), blocksize=blocksize)
    with Stream(
        half, SMALL, samplerate=RATE, blocksize=blocksize, headroom_s=2 * blocksize / RATE, duplex=fake
    ) as stream:
        out = [np.zeros((blocksize, 1), np.float32)]
        for start in range(0, len(x), blocksize):
            out.append(fake.tick(x[start : start + blocksize]))
            fake.settle()
        latency = stream.latency
    assert latency.engine == SMALL.latency(blocksize)
    assert latency.total == 7 + latency.engine + 2 * blocksize + 9
    assert latency.total_s == latency.total / RATE
    y = np.concatenate(out)
    processor = Processor(half, SMALL, channels=1, blocksize=blocksize)
    expected = processor.process(np.concatenate([out[0], x]))
    assert np.array_equal(y, delayed(expected, 2 * blocksize, len(y)))


@pytest.mark.parametrize("headroom", [0, 0.01])
def test_no_headroom_processes_in_the_device_callback(headroom: float) -> None:
    x = noise(2000, 2, "float32")
    fake = FakeDuplex(blocksize=FIRST)
    with Stream(half, SMALL, samplerate=RATE, channels=2, headroom_s=headroom, duplex=fake) as stream:
        y = play(fake, x, [50] * 40)
        assert stream.latency.headroom == RATE * headroom
    assert np.array_equal(y, delayed(offline(half, SMALL, x), round(RATE * headroom), len(y)))


class Stuck(Plugin):
    """A callback that, once, does not come back until it is let go."""

    __name__ = "Stuck"

    def __init__(self, at: int) -> None:
        self.at = at
        self.reached, self.go = threading.Event(), threading.Event()

    def process(self, frame: Any, info: Any) -> None:
        frame *= 0.5
        if info.index == self.at:
            self.reached.set()
            assert self.go.wait(30)


@pytest.mark.parametrize("policy", ["dry", "mute", "hold"])
def test_stuck_callback_is_covered_and_then_exact_again(policy: Any) -> None:
    step = 64
    time = np.arange(40_000)[:, np.newaxis] / RATE
    x = (0.5 * np.sin(2 * np.pi * 200 * time)).astype(np.float32)
    stuck = Stuck(at=400)
    fake = FakeDuplex(blocksize=FIRST)
    geometry = STFT(256, 64)
    with Stream(stuck, geometry, samplerate=RATE, headroom_s=0.02, on_overload=policy, duplex=fake) as stream:
        out = []
        for i, start in enumerate(range(0, len(x) - step, step)):
            out.append(fake.tick(x[start : start + step]))
            if i < 399 or i >= 425:  # frame 400 is complete with block 399
                fake.settle()
            else:
                assert stuck.reached.wait(10)
                fake.attended()
            if i == 424:
                stuck.go.set()
        stats = stream.stats
        headroom = stream.latency.headroom
    y = np.concatenate([np.zeros((FIRST, 1), np.float32), *out])
    assert stats.starved == 1
    assert stats.dropped > 1000
    assert stats.samples_in == stats.samples_out + stats.dropped
    expected = delayed(offline(half, geometry, x), headroom, len(y))
    same = np.flatnonzero((y != expected).any(axis=1))
    assert same.min() >= 400 * 64 - 256  # exact before,
    assert same.max() < 400 * 64 + 1600 + 1500  # and after;
    # in between no step that the sine itself has not, crossfades and dry level included.
    assert np.abs(np.diff(y, axis=0)).max() < 1.5 * np.abs(np.diff(x, axis=0)).max()
    if policy == "dry":
        middle = y[400 * 64 + 900 : 400 * 64 + 1500]
        assert np.abs(middle).max() > 0.4


def test_stop_waits_for_the_end_also_in_the_thread_that_called_the_handler() -> None:
    for _ in range(20):
        fake = FakeDuplex(blocksize=64)
        with Stream(half, STFT(256, 64), samplerate=RATE, headroom_s=0, duplex=fake) as stream:
            fake.tick(np.zeros((64, 1), np.float32))
            stream.stop()
            assert not stream.active


@pytest.mark.parametrize(("headroom_s", "waits"), [(0.5, True), (0.01, False)])
def test_supervisor_gives_way_to_the_worker_while_there_is_time(
    headroom_s: float, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(worker, "sleep", waited.append)
    stuck = Stuck(at=4)
    fake = FakeDuplex(blocksize=64)
    with Stream(stuck, STFT(256, 64), samplerate=RATE, headroom_s=headroom_s, duplex=fake):
        for _ in range(stuck.at - 1):  # the first block came with the start
            fake.tick(np.zeros((64, 1), np.float32))
            fake.settle()
        fake.tick(np.zeros((64, 1), np.float32))
        assert stuck.reached.wait(10)
        waited.clear()
        fake.attended()
        assert bool(waited) is waits
        stuck.go.set()


def raising(at: int, returns: Any = None) -> Callable[[Any, Any], Any]:
    def failing(frame: Any, info: Any) -> Any:
        frame *= 0.5
        if info.index == at:
            if returns is None:
                raise ValueError("no luck")
            return returns(frame)
        return None

    return failing


FAILURES: dict[str, Any] = {
    "raises": None,
    "nan": lambda frame: frame * np.nan,
    "inf": lambda frame: frame + np.inf,
    "huge": lambda frame: frame + np.float32(1e30),
    "shape": lambda frame: frame[:, :-1],
    "type": lambda _: "frame",
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("headroom", [0, 0.01])
def test_failed_frame_is_dry_and_raised_at_the_end(failure: str, headroom: float) -> None:
    x = noise(4000, 1, "float32")
    fake = FakeDuplex(blocksize=FIRST)
    callback = raising(30, FAILURES[failure])
    with (
        pytest.raises(PluginError, match="frame 30") as caught,
        Stream(callback, SMALL, samplerate=RATE, headroom_s=headroom, duplex=fake) as stream,
    ):
        y = play(fake, x, [40] * 100)
        assert stream.active
        assert stream.stats.callback_errors == 1
    assert caught.value.callback == "failing"

    def dry_once(frame: Any, info: Any) -> None:
        if info.index != 30:
            frame *= 0.5

    expected = delayed(offline(dry_once, SMALL, x), round(RATE * headroom), len(y))
    assert np.array_equal(y, expected)


def test_stop_on_error_stops_at_once() -> None:
    fake = FakeDuplex(blocksize=FIRST)
    with (
        pytest.raises(PluginError, match="no luck"),
        Stream(raising(3), SMALL, samplerate=RATE, on_error="stop", duplex=fake) as stream,
    ):
        fake.tick(noise(FIRST, 1, "float32"))
        assert stream.wait(10)
        assert not stream.active
        with pytest.raises(StreamError):
            fake.tick(noise(FIRST, 1, "float32"))


class Delay(Plugin):
    """Half its input, one frame late; fails at one frame."""

    lookahead = 1

    def __init__(self, fails_at: int) -> None:
        self.fails_at = fails_at

    def prepare(self, context: rtstft.Context) -> None:
        self.before = np.zeros((context.channels, context.stft.bins), np.complex64)

    def process(self, frame: Any, info: Any) -> Any:
        now = frame * 0.5
        late, self.before = self.before, now
        if info.index == self.fails_at:
            raise ArithmeticError
        return late


def test_dry_frame_has_the_lookahead_of_the_callback() -> None:
    x = noise(4000, 1, "float32")
    fake = FakeDuplex(blocksize=FIRST)
    with (
        pytest.raises(PluginError),
        Stream(Delay(50), SMALL, samplerate=RATE, headroom_s=0.01, duplex=fake) as stream,
    ):
        y = play(fake, x, [40] * 100)
        latency = stream.latency
    assert latency.lookahead == SMALL.hop_length

    def dry_once(frame: Any, info: Any) -> None:
        if info.index != 50 - 1:
            frame *= 0.5

    expected = delayed(offline(dry_once, SMALL, x), latency.headroom + latency.lookahead, len(y))
    assert np.array_equal(y, expected)


class Poisoned(Plugin):
    """Remembers: a single NaN in its memory spoils all later frames until it is reset."""

    def reset(self) -> None:
        self.memory = 0.0

    def prepare(self, _: rtstft.Context) -> None:
        self.reset()

    def process(self, frame: Any, info: Any) -> None:
        self.memory += np.nan if info.index == 20 else 0.0
        frame += self.memory


def test_plugin_that_left_nan_is_reset() -> None:
    fake = FakeDuplex(blocksize=FIRST)
    with (
        pytest.raises(PluginError, match="NaN"),
        Stream(Poisoned(), SMALL, samplerate=RATE, headroom_s=0.01, duplex=fake) as stream,
    ):
        y = play(fake, noise(4000, 1, "float32"), [40] * 100)
        assert stream.stats.callback_errors == 1
    assert np.isfinite(y).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_bad_input_is_silence_and_counted(bad: float) -> None:
    x = noise(2000, 1, "float32")
    mended = x.copy()
    x[777] = bad
    mended[777] = 0
    fake = FakeDuplex(blocksize=FIRST)
    with Stream(half, SMALL, samplerate=RATE, headroom_s=0.01, duplex=fake) as stream:
        y = play(fake, x, [40] * 50)
    assert stream.stats.bad_input == 1
    assert np.array_equal(y, delayed(offline(half, SMALL, mended), 80, len(y)))


def test_unplugged_device_ends_the_stream() -> None:
    fake = FakeDuplex(blocksize=FIRST)
    with (
        pytest.raises(StreamError, match="unplugged"),
        Stream(identity, SMALL, samplerate=RATE, duplex=fake) as stream,
    ):
        fake.unplug()
        assert stream.wait(10)
        assert not stream.active


def test_error_in_the_block_is_not_hidden_by_the_stream() -> None:
    fake = FakeDuplex(blocksize=FIRST)
    with pytest.raises(KeyError) as caught, Stream(identity, SMALL, samplerate=RATE, duplex=fake) as stream:
        fake.unplug()
        stream.wait(10)
        raise KeyError
    assert "unplugged" in caught.value.__notes__[0]


def test_device_that_comes_back_is_taken_up_again() -> None:
    fake = FakeDuplex(blocksize=FIRST)
    with Stream(half, SMALL, samplerate=RATE, headroom_s=0.01, reconnect=True, duplex=fake) as stream:
        before = play(fake, noise(800, 1, "float32"), [40] * 20)
        fake.unplug()
        x = noise(4000, 1, "float32", 3)
        fake.plug()
        while stream.stats.restarts == 0:  # it looks again every quarter of a second
            stream.wait(0.01)
        y = play(fake, x, [40] * 100)
    assert before.any()
    stats = stream.stats
    assert stats.restarts == 1
    assert stats.samples_in == stats.samples_out + stats.dropped
    expected = delayed(offline(half, SMALL, x), 80, len(y))
    faded = 80 + SMALL.latency() + round(0.05 * RATE)
    assert np.array_equal(y[faded:], expected[faded:])
    assert np.abs(y[:faded]).sum() < 0.8 * np.abs(expected[:faded]).sum()


def test_device_that_has_let_go_of_its_rings_is_started_anew() -> None:
    fake = FakeDuplex(blocksize=FIRST)
    with Stream(half, SMALL, samplerate=RATE, headroom_s=0.01, duplex=fake) as stream:
        play(fake, noise(800, 1, "float32"), [40] * 20)
        fake.let_go()
        while stream.stats.restarts == 0:
            stream.wait(0.01)
        x = noise(4000, 1, "float32", 3)
        y = play(fake, x, [40] * 100)
    expected = delayed(offline(half, SMALL, x), 80, len(y))
    faded = 80 + SMALL.latency() + round(0.05 * RATE)
    assert np.array_equal(y[faded:], expected[faded:])
    assert stream.stats.restarts == 1


def test_callback_that_never_comes_back_ends_the_stream() -> None:
    stuck = Stuck(at=10)
    fake = FakeDuplex(blocksize=FIRST)
    with (
        pytest.raises(StreamError, match="'Stuck' has not come back"),
        Stream(stuck, SMALL, samplerate=RATE, headroom_s=0.01, reconnect=True, duplex=fake) as stream,
    ):
        for _ in range(10):
            fake.tick(noise(40, 1, "float32"))
        assert stuck.reached.wait(10)
        fake.unplug()
        fake.plug()
        assert stream.wait(10)
        with pytest.raises(StreamError, match="make a new one"):
            stream.start()
    stuck.go.set()


def test_stream_may_be_stopped_by_its_own_callback() -> None:
    streams: list[Stream] = []

    def stops(_: Any, info: Any) -> None:
        if info.index == 5:
            streams[0].stop()

    fake = FakeDuplex(blocksize=FIRST)
    with Stream(stops, SMALL, samplerate=RATE, headroom_s=0.01, duplex=fake) as stream:
        streams.append(stream)
        fake.tick(noise(FIRST, 1, "float32"))
        assert stream.wait(10)
    assert stream.stats.callback_errors == 0


def test_stream_that_ended_of_itself_can_be_started_again() -> None:
    fake = FakeDuplex(blocksize=FIRST)
    stream = Stream(half, SMALL, samplerate=RATE, headroom_s=0.01, duplex=fake)
    stream.start()
    fake.unplug()
    assert stream.wait(10)
    fake.plug()
    with stream:
        x = noise(2000, 1, "float32")
        assert np.array_equal(play(fake, x, [40] * 50)[80:], offline(half, SMALL, x)[:-80])


class Ahead(Plugin):
    """Identity, three frames late."""

    lookahead = 3

    def prepare(self, context: rtstft.Context) -> None:
        self.shape = (context.channels, context.stft.bins)
        self.reset()

    def reset(self) -> None:
        self.kept = [np.zeros(self.shape, np.complex64)] * 3

    def process(self, frame: Any) -> Any:
        self.kept.append(frame.copy())
        return self.kept.pop(0)


def test_bypass_of_a_callback_with_lookahead_is_aligned_and_leaves_no_trace() -> None:
    x = noise(4000, 1, "float32")
    fake = FakeDuplex(blocksize=FIRST)
    with Stream(Ahead(), SMALL, samplerate=RATE, headroom_s=0.01, duplex=fake) as stream:
        parts = []
        for i in range(4):
            stream.bypass = i % 2 == 1
            parts.append(play(fake, x[1000 * i :][:1000], [40] * 25)[FIRST:])
        delay = stream.latency.headroom + stream.latency.lookahead
    y = np.concatenate([np.zeros((FIRST, 1), np.float32), *parts])
    assert np.array_equal(y, delayed(offline([], SMALL, x), delay, len(y)))


class HalfDeaf(FakeDuplex):
    """Once it is deaf, it plays on but hears nothing: what is left of a device whose input ring ran full."""

    deaf = False

    def open(self, settings: DuplexSettings) -> None:
        self.deaf = False
        super().open(settings)

    def tick(self, samples: Samples) -> Samples:
        out = super().tick(samples)
        if self.deaf:
            self.captured -= len(samples)
        return out


def test_recordings_stay_on_the_same_time_when_the_device_does_not(tmp_path: Path) -> None:
    dry, wet = tmp_path / "dry.wav", tmp_path / "wet.wav"
    fake = HalfDeaf(blocksize=FIRST)
    with Stream(
        half, SMALL, samplerate=RATE, headroom_s=0.02, record_dry=dry, record_wet=wet, duplex=fake
    ) as stream:
        play(fake, noise(800, 1, "float32"), [40] * 20)
        fake.deaf = True
        for _ in range(10):
            fake.tick(noise(40, 1, "float32"))
        fake.let_go()
        while stream.stats.restarts == 0:
            stream.wait(0.01)
        play(fake, noise(800, 1, "float32"), [40] * 20)
    lengths = [soundfile.info(path).frames for path in (dry, wet)]
    assert lengths == [2 * (FIRST + 800)] * 2


def test_nothing_of_long_ago_is_played_again() -> None:
    stuck = Stuck(at=5000)  # of 16 samples: after the rings have gone round
    fake = FakeDuplex(blocksize=FIRST)
    x = np.ones((4000, 1), np.float32)
    with Stream(stuck, SMALL, samplerate=RATE, headroom_s=0.6, on_overload="mute", duplex=fake) as stream:
        fake.settle()
        for _ in range(19):
            fake.tick(x)
            fake.settle()
            fake.attended()
        out = [fake.tick(x)]
        assert stuck.reached.wait(10)
        for _ in range(4):
            out.append(fake.tick(x))
            fake.attended()
        stuck.go.set()
    y = np.concatenate(out)
    assert y[:4000] == pytest.approx(0.5)
    assert not y[-8000:].any()
    assert stream.stats.starved == 1


def test_recordings_hold_what_went_in_and_out(tmp_path: Any) -> None:
    x = noise(3000, 2, "float32") * 3  # beyond full scale, and kept
    dry, wet = tmp_path / "dry.wav", tmp_path / "wet.wav"
    fake = FakeDuplex(blocksize=FIRST)
    with Stream(
        half, SMALL, samplerate=RATE, channels=2, headroom_s=0.02, record_dry=dry, record_wet=wet, duplex=fake
    ):
        y = play(fake, x, [60] * 50)
        assert not dry.exists()
        assert not wet.exists()
    for path, samples in ((dry, np.concatenate([np.zeros((FIRST, 2), np.float32), x])), (wet, y)):
        recorded, samplerate = soundfile.read(path, dtype="float32")
        assert samplerate == RATE
        assert np.array_equal(recorded, samples)
    with pytest.raises(FileError, match="exists"):
        Stream(half, SMALL, samplerate=RATE, channels=2, record_dry=dry, duplex=FakeDuplex())
    assert list(tmp_path.iterdir()) == [dry, wet] or set(tmp_path.iterdir()) == {dry, wet}


@pytest.mark.parametrize("kind", ["array", "file"])
def test_source_plays_to_its_end(kind: str, tmp_path: Any) -> None:
    x = noise(1500, 1, "float32")
    source: Any = x
    if kind == "file":
        source = tmp_path / "x.wav"
        soundfile.write(source, x, RATE, "FLOAT")
    fake = FakeDuplex(blocksize=FIRST)
    out = []
    with Stream(half, SMALL, samplerate=RATE, headroom_s=0.02, source=source, duplex=fake) as stream:
        silence = np.zeros((40, 1), np.float32)
        while stream.active:
            try:
                out.append(fake.tick(silence))
            except StreamError:
                break  # it has ended between the two
            fake.settle()
    y = np.concatenate([np.zeros((FIRST, 1), np.float32), *out])
    processor = Processor(half, SMALL, samplerate=RATE, channels=1)
    expected = np.concatenate([processor.process(x), processor.flush()])
    assert len(y) >= len(expected) + 160
    assert np.array_equal(y[160 : 160 + len(expected)], expected)
    assert np.abs(y[160 + len(expected) :]).max(initial=0) < 1e-6


def test_source_is_read_ahead_and_covers_for_a_late_callback() -> None:
    stuck = Stuck(at=100)
    fake = FakeDuplex(blocksize=FIRST)
    x = np.ones((RATE, 1), np.float32)
    silence = np.zeros((40, 1), np.float32)
    with Stream(stuck, SMALL, samplerate=RATE, headroom_s=0.01, source=x, duplex=fake) as stream:
        fake.settle()
        out = []
        for i in range(140):
            out.append(fake.tick(silence))
            if FIRST + 40 * (i + 1) < 101 * 16 or stuck.go.is_set():
                fake.settle()
            else:
                assert stuck.reached.wait(10)
                fake.attended()
            if i == 100:
                stuck.go.set()
        assert stream.stats.starved == 1
    y = np.concatenate(out)[:, 0]
    assert y[101 * 16 + 500 : 100 * 40] == pytest.approx(1)


def test_files_that_would_overwrite_each_other_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "x.wav"
    soundfile.write(source, np.zeros(100), RATE)
    for options, message in (
        ({"source": source, "record_dry": source}, "recorded over"),
        ({"record_dry": tmp_path / "y.wav", "record_wet": tmp_path / "." / "y.wav"}, "two files"),
        ({"record_wet": tmp_path / "y.xyz"}, "ending in .wav"),
        ({"flight_recorder_s": 1, "flight_recorder_folder": tmp_path / "none"}, "no folder"),
    ):
        with pytest.raises(FileError, match=message):
            Stream(half, SMALL, samplerate=RATE, overwrite=True, duplex=FakeDuplex(), **options)
    assert list(tmp_path.iterdir()) == [source]


def test_source_of_another_samplerate_or_channels_is_refused(tmp_path: Any) -> None:
    soundfile.write(tmp_path / "x.wav", np.zeros(100), 44_100)
    with pytest.raises(FileError, match="samplerate=44100"):
        Stream(half, SMALL, source=tmp_path / "x.wav", duplex=FakeDuplex())
    with pytest.raises(AudioError, match="source has 2 channels"):
        Stream(half, SMALL, source=np.zeros((10, 2), np.float32), duplex=FakeDuplex())


@pytest.mark.parametrize("headroom", [0, 0.01])
def test_without_output_callbacks_only_look(headroom: float) -> None:
    x = noise(2000, 1, "float32")
    seen: list[Any] = []

    def look(frame: Any) -> str:
        seen.append(frame.copy())
        return "whatever"

    fake = FakeDuplex(blocksize=FIRST)
    with Stream(look, SMALL, samplerate=RATE, output=False, headroom_s=headroom, duplex=fake) as stream:
        assert not play(fake, x, [40] * 50).any()
        assert stream.latency.total == SMALL.latency()
    frames = SMALL.stft(np.concatenate([np.zeros((FIRST, 1), np.float32), x]))
    assert np.array_equal(np.array(seen), frames[: len(seen)])
    assert stream.stats.frames == len(seen) == (2000 + FIRST) // 16


class Gain(Plugin):
    def __init__(self) -> None:
        self.factor = 1.0

    def process(self, frame: Any) -> None:
        frame *= self.factor


def test_parameters_and_bypass_are_steered_while_it_plays() -> None:
    x = np.ones((4000, 1), np.float32)
    fake = FakeDuplex(blocksize=FIRST)
    with Stream([Gain(), half], SMALL, samplerate=RATE, headroom_s=0.01, duplex=fake) as stream:
        levels = []
        for step in range(4):
            if step == 1:
                stream.set(factor=4.0)
            if step == 2:
                stream.bypass = True
            if step == 3:
                stream.bypass = False
                stream.set("Gain", factor=0.5)
            levels.append(float(play(fake, x[:1000], [50] * 20)[-1, 0]))
        with pytest.raises(StreamError, match="no callback asked, of 0 Gain, 1 half"):
            stream.set(volume=1)
        with pytest.raises(StreamError, match="no callback asked"):
            stream.set(1, factor=1.0)
        with pytest.raises(StreamError, match="no callback is called 'Nobody'"):
            stream.set("Nobody", factor=1.0)
        stream.set(0, factor=1.0)
        levels.append(float(play(fake, x[:1000], [50] * 20)[-1, 0]))
    assert levels == pytest.approx([0.5, 2.0, 1.0, 0.25, 0.5])


def test_stream_can_be_stopped_and_started_again() -> None:
    x = noise(2000, 1, "float32")
    fake = FakeDuplex(blocksize=FIRST)
    stream = Stream(half, SMALL, samplerate=RATE, headroom_s=0.01, duplex=fake)
    try:
        outputs = []
        for _ in range(2):
            stream.start()
            with pytest.raises(StreamError, match="already"):
                stream.start()
            outputs.append(play(fake, x, [40] * 50))
            stream.stop()
            assert not stream.active
        assert np.array_equal(outputs[0], outputs[1])
        assert stream.stats.samples_in == 2 * len(outputs[0])
    finally:
        stream.close()
    stream.close()
    with pytest.raises(StreamError, match="closed"):
        stream.start()


def test_headroom_shorter_than_a_block_is_refused() -> None:
    with (
        pytest.raises(StreamError, match=r"at least 0\.008"),
        Stream(half, SMALL, samplerate=RATE, headroom_s=0.004, duplex=FakeDuplex(blocksize=FIRST)),
    ):
        pass


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"headroom_s": -1}, "headroom_s"),
        ({"headroom_s": float("nan")}, "headroom_s"),
        ({"fade_in_s": "x"}, "fade_in_s"),
        ({"on_overload": "wet"}, "'dry', 'hold', 'mute'"),
        ({"on_error": "ignore"}, "'dry', 'stop'"),
        ({"latency": "medium"}, "'low', 'high'"),
        ({"device": (1, 2, 3)}, "pair"),
        ({"output": False, "source": np.zeros(5, np.float32)}, "frames"),
        ({"output": False, "record_wet": "x.wav"}, "record_wet"),
        ({"samplerate": 0}, "samplerate"),
        ({"device": 1.5}, "device=1.5"),
        ({"device": ("mic", b"x")}, "index"),
        ({"channels": 0}, "channels"),
    ],
)
def test_arguments_that_cannot_be_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(AudioError, match=message):
        Stream(half, SMALL, duplex=FakeDuplex(), **options)


class Slow(Plugin):
    """Takes as long as it is told, as its own clock measures it."""

    def __init__(self, clock: "Clock") -> None:
        self.clock = clock
        self.seconds = 0.0

    def process(self, frame: Any) -> None:
        frame *= 0.5
        self.clock.now += self.seconds


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time by which engine, guards and overload measure, moved by hand."""
    clock = Clock()
    for module in ("engine", "guard", "overload"):
        monkeypatch.setattr(f"rtstft.live.{module}.perf_counter", clock)
    return clock


@pytest.mark.parametrize(("policy", "level"), [("dry", 1.0), ("mute", 0.0), ("hold", 0.5)])
def test_callback_that_is_too_slow_is_left_out_until_it_is_fast(
    policy: Any, level: float, clock: Clock
) -> None:
    hop_s = 16 / RATE
    x = np.ones((16, 1), np.float32)
    slow = Slow(clock)
    fake = FakeDuplex(blocksize=FIRST)

    def run(blocks: int) -> float:
        for _ in range(blocks):
            clock.now += hop_s
            out = fake.tick(x)
            fake.settle()
        return float(out[-1, 0])

    with Stream(
        slow, SMALL, samplerate=RATE, headroom_s=0.01, blocksize=16, on_overload=policy, duplex=fake
    ) as stream:
        assert run(100) == pytest.approx(0.5)
        slow.seconds = 3 * hop_s
        assert run(1000) == pytest.approx(level, abs=1e-5)
        assert stream.stats.overloads == 1
        assert any("Slow takes 3.0 times" in event.text for event in stream.events)
        slow.seconds = 0.0
        assert run(1000) == pytest.approx(0.5)
        assert [event.text for event in stream.events][-1] == "overload over"
        assert stream.stats.overloads == 1
        assert stream.stats.late_frames > 0


def test_one_long_call_is_no_overload(clock: Clock) -> None:
    slow = Slow(clock)
    fake = FakeDuplex(blocksize=FIRST)
    x = np.ones((16, 1), np.float32)
    with Stream(slow, SMALL, samplerate=RATE, headroom_s=0.01, blocksize=16, duplex=fake) as stream:
        for step in range(500):
            slow.seconds = 0.3 if step == 100 else 0.0
            fake.tick(x)
            fake.settle()
        stats = stream.stats
    assert (stats.overloads, stats.late_frames) == (0, 1)
    assert stats.load_max == pytest.approx(0.3 / (16 / RATE))


@pytest.mark.parametrize("headroom", [0, 0.01])
def test_fade_in_begins_at_silence(headroom: float) -> None:
    fake = FakeDuplex(blocksize=FIRST)
    x = np.ones((2000, 1), np.float32)
    with Stream(identity, SMALL, samplerate=RATE, headroom_s=headroom, fade_in_s=0.1, duplex=fake) as stream:
        y = play(fake, x, [40] * 50)[:, 0]
        start = stream.latency.total
    assert not y[:start].any()
    assert np.abs(np.diff(y)).max() < 0.02  # where the ones begin
    assert y[start + FIRST + 300] < 0.5
    assert y[start + 800 :] == pytest.approx(1)


def test_fade_in_holds_for_the_dry_signal_too() -> None:
    stuck = Stuck(at=20)
    fake = FakeDuplex(blocksize=FIRST)
    x = np.ones((3000, 1), np.float32)
    with Stream(stuck, SMALL, samplerate=RATE, headroom_s=0.01, fade_in_s=0.3, duplex=fake) as stream:
        out = []
        for i in range(70):
            out.append(fake.tick(x[:40]))
            if i < 6:
                fake.settle()
            elif i < 40:
                assert stuck.reached.wait(10)
                fake.attended()
            elif i == 40:
                stuck.go.set()
                fake.settle()
        assert stream.stats.starved >= 1
    y = np.concatenate(out)[:, 0]
    assert y[:1200].max() < 0.5
    assert np.abs(np.diff(y[:1400])).max() < 0.02


def test_flight_recorder_writes_what_led_to_an_xrun(tmp_path: Any) -> None:
    stuck = Stuck(at=100)
    fake = FakeDuplex(blocksize=FIRST)
    x = noise(8000, 1, "float32")
    with Stream(
        stuck,
        SMALL,
        samplerate=RATE,
        headroom_s=0.01,
        flight_recorder_s=0.1,
        flight_recorder_folder=tmp_path,
        duplex=fake,
    ) as stream:
        for start in range(0, 2400, 40):
            fake.tick(x[start : start + 40])
            if not stuck.reached.is_set() and start < 1500:
                fake.settle()
        stuck.go.set()
        fake.settle()
        while not any("flight recorder wrote" in event.text for event in stream.events):
            stream.wait(0.01)
    (wav,), (record,) = tmp_path.glob("*.wav"), tmp_path.glob("*.json")
    facts = json.loads(record.read_text())
    recorded, _ = soundfile.read(wav, dtype="float32")
    assert len(recorded) >= 0.1 * RATE
    fed = np.concatenate([np.zeros(FIRST, np.float32), x[:, 0]])
    first = facts["first_sample"]
    assert np.array_equal(recorded, fed[first : first + len(recorded)])
    assert facts["why"] == "xrun"
    assert facts["geometry"]["hop_length"] == SMALL.hop_length
    assert facts["replay"] is None  # no words make a Stuck(at=100)
    assert len(facts["loads"]) > 10


def test_flight_recording_can_be_replayed(command_folder: Path) -> None:
    file = command_folder / "fx.py"
    file.write_text("def third(frame):\n    frame /= 3\n")
    geometry = STFT(128, 32, 96, ("kaiser", 7.0), "same")
    fake = FakeDuplex(blocksize=FIRST)
    with Stream(
        f"{file}:third", geometry, samplerate=RATE, headroom_s=0.01, flight_recorder_s=10, duplex=fake
    ) as stream:
        play(fake, noise(2000, 1, "float32"), [40] * 50)
        fake.attended()
        fake.xruns = DeviceXruns(input_overflows=1)
        while not any("flight recorder wrote" in event.text for event in stream.events):
            stream.wait(0.01)
        assert stream.stats.xruns == stream.stats.input_overflows == 1
    (record,) = command_folder.glob("*.json")
    words = shlex.split(json.loads(record.read_text())["replay"])
    assert command.rtstft(*words[1:], "--quiet") == 0
    recorded, _ = soundfile.read(record.with_suffix(".wav"))
    replayed, _ = soundfile.read(record.with_name(f"{record.stem}-replay.wav"))
    assert len(recorded) == 2000 + FIRST
    assert np.abs(replayed - recorded / 3).max() < 1e-6


def test_callbacks_by_name(tmp_path: Any) -> None:
    file = tmp_path / "fx.py"
    file.write_text("def silence(frame):\n    frame[:] = 0\n")
    fake = FakeDuplex(blocksize=FIRST)
    with Stream(f"{file}:silence", SMALL, samplerate=RATE, headroom_s=0.01, duplex=fake):
        assert not play(fake, noise(1000, 1, "float32"), [40] * 25).any()


def test_isolated_stream_names_a_callback_that_cannot_be_sent() -> None:
    with pytest.raises(PluginError, match="top of a module"):
        Stream(lambda frame: frame, SMALL, isolate=True)


def test_lock_is_handed_over_soon_while_a_stream_runs() -> None:
    before = sys.getswitchinterval()
    streams = [Stream([], SMALL, samplerate=RATE, duplex=FakeDuplex(blocksize=FIRST)) for _ in range(2)]
    assert sys.getswitchinterval() == before
    for stream in streams:
        stream.start()
        assert sys.getswitchinterval() == pytest.approx(0.001)
    streams[0].close()
    assert sys.getswitchinterval() == pytest.approx(0.001)
    streams[1].close()
    assert sys.getswitchinterval() == before
