"""The parts of a live stream, each alone: ring, playout, load, round trip, command line."""

import gc
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import rtstft
from hypothesis import given
from hypothesis import strategies as st
from strategies import Samples, live_engine, noise, seeds

from rtstft import STFT, Chain, FileError, FrameInfo, PluginError, StreamError
from rtstft.cli import live
from rtstft.live import FakeDuplex, Stats, Stream
from rtstft.live.duplex import DeviceXruns, DuplexSettings
from rtstft.live.events import EventLog
from rtstft.live.overload import Overload
from rtstft.live.playout import FadeIn, Playout
from rtstft.live.priority import NoCollections
from rtstft.live.readahead import ReadAhead
from rtstft.live.ring import Ring
from rtstft.live.roundtrip import maximum_length_sequence, measure
from rtstft.live.settings import StreamSettings
from rtstft.live.stats import LoadHistogram


@given(st.integers(1, 100), st.integers(1, 3), st.integers(0, 10_000), seeds, st.data())
def test_ring_gives_back_what_lies_in_it(
    at_least: int, channels: int, start: int, seed: int, data: st.DataObject
) -> None:
    ring = Ring(at_least, channels)
    assert ring.size >= at_least
    assert ring.size & (ring.size - 1) == 0
    x = noise(data.draw(st.integers(0, ring.size)), channels, "float32", seed)
    ring.write(start, x)
    first = data.draw(st.integers(0, len(x)))
    assert np.array_equal(ring.copy(start + first, start + len(x)), x[first:])
    ring.clear(start, start + first)
    assert not ring.copy(start, start + first).any()
    assert np.array_equal(ring.copy(start + first, start + len(x)), x[first:])


class Device:
    """A clock and two rings, moved by hand; the wet signal is 2, the dry one rises to 1."""

    def __init__(self, headroom: int, engine: int, fade: int, *, dry: bool = True) -> None:
        self.clock = 0
        self.input, self.output = Ring(4096, 1), Ring(4096, 1)
        self.heard: list[float] = []
        self.playout = Playout(
            self.output,
            self.input if dry else None,
            headroom + engine,
            lambda: self.clock,
            lambda: self.clock,
            headroom=headroom,
            fade=fade,
            fade_in=FadeIn(0, 0),
        )

    def tick(self, count: int) -> None:
        ramp = np.minimum(np.arange(self.clock, self.clock + count, dtype=np.float32) / 256, 1)
        self.input.write(self.clock, ramp[:, np.newaxis])
        self.heard += self.output.copy(self.clock, self.clock + count)[:, 0].tolist()
        self.clock += count

    def put(self, count: int) -> None:
        self.playout.put(np.full((count, 1), 2, np.float32))


@given(
    st.integers(32, 200), st.integers(0, 300), st.integers(8, 32), st.lists(st.integers(0, 6), max_size=40)
)
def test_playout_never_steps_and_counts_every_sample(
    headroom: int, engine: int, fade: int, lags: list[int]
) -> None:
    device = Device(headroom, engine, fade)
    waiting = 0
    for lag in [*lags, 0, 0, 0, 0, 0, 0]:
        device.tick(32)
        waiting += 32
        if lag < 3:  # otherwise the worker is held up for this block
            device.put(waiting)
            waiting = 0
        else:
            device.playout.rescue()
    placed, dropped, starved = device.playout.counts
    assert placed + dropped == 32 * (len(lags) + 6)
    assert (starved == 0) == (dropped == 0)
    heard = np.array(device.heard)
    # At the steepest, a raised cosine takes the wet signal away while another brings, or takes, the
    # dry one. The first sample of all steps, for this wet signal has no latency.
    steps = np.abs(np.diff(heard))
    steps[headroom - 1 : headroom] = 0
    assert steps.max(initial=0) <= (2 + 1) * np.pi / 2 / fade + 1 / 256
    assert heard.max(initial=0) <= 2


def test_playout_covers_a_stall_with_the_dry_signal_alone() -> None:
    device = Device(headroom=64, engine=256, fade=16)
    for _ in range(40):
        device.tick(32)
        device.put(32)
    for _ in range(6):  # nobody writes anything, nor comes to the rescue
        device.tick(32)
    assert device.heard[-96:] == [1.0] * 96
    for _ in range(20):
        device.tick(32)
    assert device.heard[-96:] == [0.0] * 96


def test_load_histogram_is_exact_to_two_percent() -> None:
    loads = np.random.default_rng(0).lognormal(-3, 1, 20_000)
    histogram = LoadHistogram()
    assert histogram.percentile(50) == 0
    for load in loads:
        histogram.add(float(load), 1)
    for percent in (1, 50, 99, 99.9):
        assert histogram.percentile(percent) == pytest.approx(np.percentile(loads, percent), rel=0.02)
    assert histogram.largest == loads.max()
    assert histogram.recent == loads[-4096:].tolist()


def test_maximum_length_sequence_is_white() -> None:
    sequence = maximum_length_sequence(15)
    spectrum = np.abs(np.fft.fft(sequence)) ** 2
    assert len(sequence) == 2**15 - 1
    assert np.allclose(spectrum[1:], 2**15, rtol=1e-3)


class Loop(FakeDuplex):
    """A cable from output to input: a device that ticks by itself whenever it is waited for."""

    def __init__(self, delay: int, *, gain: float = 1.0, latencies: tuple[int, int]) -> None:
        super().__init__(latencies, blocksize=64)
        self._cable = np.zeros((delay, 1), np.float32)
        self._gain = gain

    def wait(self, clock: int, timeout: float) -> None:
        while self.failure == "" and self._running and self.captured < clock:
            self._cable = np.concatenate([self._cable, self.tick(self._gain * self._cable[:64])])[64:]
        super().wait(clock, 0.0 if self.captured >= clock else timeout)


@pytest.mark.parametrize("gain", [1.0, -0.1])
@pytest.mark.parametrize(("extra", "latencies"), [(0, (100, 50)), (13, (64, 64)), (-5, (200, 0))])
def test_round_trip_is_measured_to_the_sample(extra: int, latencies: tuple[int, int], gain: float) -> None:
    delay = sum(latencies) + extra
    settings = StreamSettings(STFT(256, 64), 8000, 1, headroom_s=0.02)
    found = measure(settings, Loop(delay, gain=gain, latencies=latencies))
    assert found.processing_deviation == 0
    assert found.device == delay
    assert found.device_deviation == extra
    assert found.total == found.budget.total + extra


def test_round_trip_without_a_cable_is_an_error() -> None:
    settings = StreamSettings(STFT(256, 64), 8000, 1, headroom_s=0.02)
    with pytest.raises(StreamError, match="did not come back"):
        measure(settings, Loop(100, gain=0.0, latencies=(50, 50)))


def test_fake_device_says_what_is_wrong() -> None:
    fake = FakeDuplex()
    with pytest.raises(StreamError, match="does not run"):
        fake.tick(np.zeros((4, 1), np.float32))
    fake.unplug()
    with pytest.raises(StreamError, match="not plugged in"):
        Stream([], STFT(64, 16), duplex=fake)
    fake.plug()
    ring = Ring(128, 1)
    fake.open(DuplexSettings(8000, None, "low", (None, None), ring, ring))
    fake.start()
    with pytest.raises(StreamError, match="left the rings"):
        fake.tick(np.zeros((100, 1), np.float32))


def test_xruns_add_up() -> None:
    some, more = DeviceXruns(1, 2, 3, 4), DeviceXruns(10, 20, 30, 40)
    assert some.total == 10
    assert (some + more) - some == more
    assert set(vars(some)) <= set(vars(Stats()))


@pytest.mark.parametrize(
    ("input", "output", "refused"),
    [
        ("Built-in Microphone", "Built-in Output", True),
        ("MacBook Pro Microphone", "MacBook Pro Speakers", True),
        ("HDA Intel PCH: ALC287 Analog (hw:0,0)", "HDA Intel PCH: ALC287 Analog (hw:0,0)", True),
        ("default", "default", True),
        ("Built-in Microphone", "External Headphones", False),
        ("USB Audio Device", "Built-in Output", False),
        ("system", "system", False),
    ],
)
@pytest.mark.usefixtures("command_folder")
def test_feedback_is_refused_where_it_is_likely(
    input: str,
    output: str,
    refused: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    monkeypatch.setattr("rtstft.live.portaudio.names", lambda _: (input, output))
    monkeypatch.setattr(live, "Stream", lambda *_, **__: (_ for _ in ()).throw(StreamError("went on")))
    assert rtstft("live") == 2
    said = capsys.readouterr().err
    assert ("--yes" in said) == refused
    assert ("went on" in said) != refused
    assert rtstft("live", "--yes") == 2
    assert "went on" in capsys.readouterr().err


@pytest.mark.usefixtures("command_folder")
def test_missing_portaudio_is_explained(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    class Missing:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    assert rtstft("devices") == 2
    assert "apt install libportaudio2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--duration", "0"], "--duration 0"),
        (["--callback", "nothing.py:f"], "there is no file nothing.py"),
        (["--source", "nothing.wav"], "nothing.wav does not exist"),
        (["--headroom-ms", "-1"], "headroom_s=-0.001"),
        (
            ["--watch", "--callback", "gain"],
            "no --plugin comes from a file, such as file.py:Name",
        ),
        (["--watch"], "--watch, but no --plugin comes from a file"),
        (["--on-overload", "louder"], "louder"),
    ],
)
@pytest.mark.usefixtures("command_folder")
def test_live_command_names_bad_words(words: list[str], message: str, capsys: Any) -> None:
    assert rtstft("live", "--no-isolate", "--yes", *words) == 2
    assert message in capsys.readouterr().err


BROKEN = """
import rtstft

class Prepares(rtstft.Plugin):
    def prepare(self, context):
        raise KeyError("no good")

class Made(rtstft.Plugin):
    def __init__(self):
        raise KeyError("no good")
"""


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["-p", "pan"], 2, "Pan: needs 2 channels"),
        (["-p", "broken.py:Prepares"], 1, "callback 'Prepares': prepare raised KeyError: 'no good'"),
        (["-p", "broken.py:Made"], 2, "callback 'broken.py:Made' raised KeyError: 'no good'"),
        (["-p", "voice.toml"], 2, "from -120 to 60 dB (in the preset voice.toml)"),
        (["-i", "no such device"], 2, ""),
    ],
)
@pytest.mark.usefixtures("command_folder")
def test_isolated_live_command_ends_with_the_same_line(
    words: list[str], code: int, line: str, capsys: Any
) -> None:
    Path("broken.py").write_text(BROKEN)
    Path("voice.toml").write_text('plugin = "gain"\nparameters.gain_db = 999.0\n')
    told = []
    for option in ("--no-isolate", "--isolate"):
        assert rtstft("live", "--yes", "--duration", "0.01", option, *words) == code
        told.append(capsys.readouterr().err)
    assert told[0] == told[1]
    assert line in told[0]


def test_failure_of_a_callback_that_came_later_is_named_with_the_streams_frame() -> None:
    def fails(frame: Any, info: FrameInfo) -> None:  # noqa: ARG001
        if info.index == 100:
            raise ValueError("no good")

    chain = Chain()
    events = EventLog()
    engine = live_engine(chain, STFT(64, 16), events)
    block = np.zeros((640, 1), "float32")
    engine.run(block, block)
    chain.append(fails)
    for _ in range(2):
        engine.run(block, block)
    assert engine.first_error is not None
    assert (engine.first_error.callback, engine.first_error.frame) == ("fails", 100)
    (event,) = events.all
    assert asdict(event) == {
        "time_s": event.time_s,
        "text": "callback 'fails', frame 100: raised ValueError: no good",
        "kind": "PluginError",
        "plugin": "fails",
        "frame": 100,
        "message": "raised ValueError: no good",
    }


def test_event_has_the_parts_of_the_error_behind_it() -> None:
    log = EventLog()
    log.add("overload over")
    log.add("fx.py was saved, but the old one stays: no", FileError("no"))
    log.add("left out", PluginError("Gate", -3, "left NaN"))
    overload = Overload(0.005, "dry", log)
    overload.observe(2.0, 1000, "Slow")
    assert [(event.kind, event.plugin, event.frame, event.message) for event in log.all] == [
        (None, None, None, "overload over"),
        ("FileError", None, None, "no"),
        ("PluginError", "Gate", -3, "left NaN"),
        ("overload", "Slow", None, "takes 2.0 times the hop's time"),
    ]
    assert log.all[2].text == "left out"


def test_blocks_are_read_ahead_in_order_and_errors_come_at_their_place() -> None:
    def blocks() -> Iterator[Samples]:
        for value in range(20):
            yield np.full((3, 1), value, np.float32)
        raise FileError("damaged")

    ahead = ReadAhead(blocks())
    found = []
    with pytest.raises(FileError, match="damaged"):
        for block in ahead:
            found.append(block[0, 0])
    assert found == list(range(20))
    ahead.close()


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_reading_ahead_goes_only_so_far_and_can_be_ended(taken: int) -> None:
    read = []

    def blocks() -> Iterator[Samples]:
        for value in range(1000):
            read.append(value)
            yield np.full((3, 1), value, np.float32)

    ahead = ReadAhead(blocks())
    assert [block[0, 0] for block, _ in zip(ahead, range(taken))] == list(range(taken))
    ahead.close()
    assert taken <= len(read) < 40
    assert not [thread for thread in threading.enumerate() if thread.name == "rtstft reader"]


@pytest.mark.parametrize("enabled", [True, False])
def test_collections_go_on_after_the_last_of_those_that_forbid_them(enabled: bool) -> None:
    one, other = NoCollections(), NoCollections()
    try:
        if not enabled:
            gc.disable()
        one.__enter__()
        other.__enter__()
        one.__exit__()
        assert not gc.isenabled()
        other.__exit__()
        assert gc.isenabled() is enabled
    finally:
        gc.enable()
