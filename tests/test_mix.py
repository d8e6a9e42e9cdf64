"""The dry path: mix and bypass, aligned to the sample, and changed without a click."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import (
    channel_counts,
    dtypes,
    geometries,
    live_engine,
    noise,
    partitions,
    quiet_stft,
    streamed,
)

from rtstft import STFT, Chain, Context, FrameInfo, Plugin, Processor
from rtstft.crossfade import Crossfade, Fade
from rtstft.delay import FrameDelay
from rtstft.live.events import EventLog
from rtstft.plugins.gain import Gain

SETTINGS: list[dict[str, Any]] = [{"mix": 0.0}, {"bypass": True}, {"mix": 0, "bypass": True}]


class Delayed(Plugin):
    """Delays by its lookahead and multiplies by a number; returns a new array if asked."""

    def __init__(self, look: int = 0, factor: float = 0.0, returns: bool = False, **params: Any) -> None:
        super().__init__(**params)
        self.lookahead = look
        self.factor = factor
        self.returns = returns
        self.heard = 0.0

    def prepare(self, context: Context) -> None:
        shape = (context.channels, context.stft.bins)
        self._delay = FrameDelay(self.lookahead, shape, context.complex_dtype)

    def process(self, frame: Any) -> Any:
        self.heard = float(np.abs(frame).max())
        late = self._delay.push(frame)
        if self.returns:
            return late * self.factor
        np.multiply(late, self.factor, out=frame)
        return None

    def reset(self) -> None:
        self._delay.reset()


@given(
    data=st.data(),
    geometry=geometries(longest=120),
    look=st.integers(0, 5),
    dtype=dtypes,
    channels=channel_counts,
    setting=st.sampled_from(SETTINGS),
    returns=st.booleans(),
    row=st.sampled_from(["alone", "list", "chain", "among others"]),
    length=st.integers(0, 500),
)
def test_dry_is_the_identity_to_the_bit(
    data: st.DataObject,
    geometry: STFT,
    look: int,
    dtype: str,
    channels: int,
    setting: dict[str, Any],
    returns: bool,
    row: str,
    length: int,
) -> None:
    x = noise(length, channels, dtype)
    plugin = Delayed(look, returns=returns, **setting)
    callbacks: Any = {"alone": plugin, "list": [plugin], "chain": Chain([plugin])}.get(
        row, [np.positive, plugin]
    )
    identity = Processor(lambda _: None, geometry, channels=channels, dtype=dtype)
    dry = Processor(callbacks, geometry, channels=channels, dtype=dtype)
    late = look * geometry.hop_length
    assert dry.latency == identity.latency + late
    expected = streamed(identity, x)
    for _ in range(2):
        y = streamed(dry, x, data.draw(partitions(length)))
        assert not y[:late].any()
        assert np.array_equal(y[late:], expected)
        dry.reset()


@pytest.mark.parametrize("returns", [False, True])
@pytest.mark.parametrize("look", [0, 1, 5])
@settings(max_examples=15)
@given(geometry=geometries(longest=120), mix=st.floats(0, 1))
def test_mix_is_the_weighted_mean_of_both(look: int, returns: bool, geometry: STFT, mix: float) -> None:
    frames: list[Any] = []

    def watch(frame: Any) -> None:
        frames.append(frame.copy())

    x = noise(300, 2, "float64")
    plugin = Delayed(look, -3.0, returns, mix=mix)
    Processor([watch, plugin, watch], geometry, dtype="float64").process(x)
    for dry, frame in zip(frames[::2], frames[1::2][look:]):
        assert frame == pytest.approx(mix * -3.0 * dry + (1 - mix) * dry, rel=1e-12, abs=1e-12)


def test_half_is_the_exact_average() -> None:
    x = noise(2000, 2, "float32")
    half = streamed(Processor(Delayed(2, mix=0.5), STFT(64, 16)), x)
    whole = streamed(Processor(Delayed(2, 0.5), STFT(64, 16)), x)
    assert np.array_equal(half, whole)


def test_wet_is_not_touched() -> None:
    x = noise(2000, 2, "float32")
    wet = streamed(Processor(Delayed(1, 0.3), STFT(64, 16)), x)
    plain = streamed(Processor(lambda frame: frame * np.float32(0.3), STFT(64, 16)), x)
    assert np.array_equal(wet[16:], plain)


def test_plugin_keeps_listening_while_bypassed() -> None:
    plugin = Delayed(bypass=True)
    Processor(plugin, STFT(64, 16)).process(noise(64, 2, "float32"))
    assert plugin.heard > 0


def test_bypass_on_and_off_again_is_as_if_nothing_had_been() -> None:
    x = noise(96_000, 1, "float32")
    plugin = Delayed(3, 0.5)
    processor = Processor(plugin, STFT(256, 64), channels=1)
    y = []
    for start in range(0, 96_000, 24_000):
        plugin.bypass = start == 24_000
        y.append(processor.process(x[start : start + 24_000]))
    never = Processor(Delayed(3, 0.5), STFT(256, 64), channels=1).process(x)
    always = Processor(Delayed(3, 0.5, bypass=True), STFT(256, 64), channels=1).process(x)
    assert np.array_equal(y[0], never[:24_000])
    assert np.array_equal(y[1][4000:], always[28_000:48_000])
    assert np.array_equal(y[2][4000:], never[52_000:72_000])


@given(
    geometry=geometries(longest=120),
    samplerate=st.integers(50, 20_000),
    aims=st.dictionaries(st.integers(0, 60), st.floats(0, 1), max_size=8),
)
def test_a_sample_has_one_weight_in_all_frames_whatever_is_asked_for_meanwhile(
    geometry: STFT, samplerate: int, aims: dict[int, float]
) -> None:
    crossfade = Crossfade(Context(geometry, samplerate, 1, np.dtype("float64")))
    fade = Fade(crossfade, 1.0)
    width, hop = crossfade.width, crossfade.hop
    found = np.full(60 * hop + width, np.nan)
    for index in range(61):
        fade.aim = aims.get(index, fade.aim)
        here = found[index * hop : index * hop + width]
        weights = np.broadcast_to(fade.over(index), width)
        before = here[: max(0, width - hop)]
        if index:
            assert weights[: len(before)] == pytest.approx(before, abs=1e-9)
        here[...] = weights
    assert found.min() > -1e-9
    assert found.max() < 1 + 1e-9


SAMPLERATE = 48_000
TONE_HZ = 997.0
GEOMETRIES = {
    "hann 1024/256": STFT(1024, 256),
    "hann 512/128": STFT(512, 128),
    "hann 2048/512": STFT(2048, 512),
    "hann 1024/512": STFT(1024, 512),
    "hann 4096/1024": STFT(4096, 1024),
    "hann 256/64": STFT(256, 64),
    "sqrt hann 1024/512": STFT(1024, 512, window="sqrt_hann"),
    "blackmanharris 1024/256": STFT(1024, 256, window="blackmanharris"),
    "hamming 512/160": STFT(1024, 160, 512, window="hamming"),
    "ola 512/128": STFT(1024, 128, 512, synthesis="ola"),
    "low delay 1024/64": quiet_stft(1024, 64, 1024, window=("low_delay", 256), synthesis=("low_delay", 256)),
}
ABRUPT = {
    "hamming 1024/512": STFT(1024, 512, window="hamming"),
    "kaiser 1024/960": quiet_stft(1024, 960, window=("kaiser", 2.0)),
    "overlap-save 512/256": STFT(512, 256, window="boxcar", synthesis=np.repeat([0.0, 1.0], 256)),
    "low delay 1024/96": quiet_stft(1024, 96, 1024, window=("low_delay", 192), synthesis=("low_delay", 192)),
    "8192/2048": STFT(8192, 2048),
    "odd": STFT(255, 100),
}
"""Windows that do not smooth what changes from frame to frame, and long and odd ones."""


def blackman_harris(length: int) -> Any:
    """The four-term window, sidelobes at -92 dB."""
    turn = 2 * np.pi * np.arange(length) / length
    terms = 0.35875, -0.48829, 0.14128, -0.01168
    return sum(a * np.cos(k * turn) for k, a in enumerate(terms))


def splatter_db(
    geometry: STFT, callbacks: Any, change: Callable[[], None], *, away_hz: float = 500.0
) -> float:
    """Loudest bin so far away from a sine, relative to it, around a change made while it plays."""
    stretch = max(4096, 4 * geometry.win_length)
    x = np.sin(2 * np.pi * TONE_HZ / SAMPLERATE * np.arange(8 * stretch))
    if not isinstance(callbacks, Processor):
        callbacks = Processor(callbacks, geometry, SAMPLERATE, channels=1, dtype="float64")
    processor, x = callbacks, x.astype(callbacks.dtype)
    y = processor.process(x[: 4 * stretch])
    change()
    y = np.concatenate([y, processor.process(x[4 * stretch :])])
    levels = []
    window = blackman_harris(stretch)
    away = np.abs(np.fft.rfftfreq(stretch, 1 / SAMPLERATE) - TONE_HZ) > away_hz
    tone = np.abs(np.fft.rfft(x[:stretch] * window)).max()
    for start in range(3 * stretch, 6 * stretch, stretch // 8):
        levels.append(np.abs(np.fft.rfft(y[start : start + stretch] * window))[away].max() / tone)
    return float(20 * np.log10(max(levels)))


def test_the_measure_hears_a_click() -> None:
    """A gain that jumps without its glide, seen through hardly any overlap."""
    plugin = Delayed(0, 0.5)
    geometry = STFT(1024, 960, window=("kaiser", 2.0))
    assert splatter_db(geometry, plugin, lambda: setattr(plugin, "factor", 1.0)) > -70
    assert splatter_db(STFT(1024, 256), Gain(), lambda: None) < -125


@pytest.mark.parametrize("factor", [0.1, -1.0])
@pytest.mark.parametrize("geometry", [*GEOMETRIES.values(), *ABRUPT.values()], ids=[*GEOMETRIES, *ABRUPT])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"bypass": True}),
        ({"bypass": True}, {"bypass": False}),
        ({}, {"mix": 0.3}),
        ({"mix": 0.0}, {"mix": 1.0}),
    ],
    ids=repr,
)
def test_toggling_the_dry_path_leaves_no_click(
    geometry: STFT, before: dict[str, Any], after: dict[str, Any], factor: float
) -> None:
    plugin = Delayed(1, factor, **before)
    assert splatter_db(geometry, plugin, lambda: plugin.set(**after)) < -90


@pytest.mark.parametrize("geometry", [*GEOMETRIES.values(), *ABRUPT.values()], ids=[*GEOMETRIES, *ABRUPT])
@pytest.mark.parametrize("meanwhile", [480, 1000, 2000])
def test_toggling_twice_at_once_leaves_no_click(geometry: STFT, meanwhile: int) -> None:
    plugin = Delayed(1, -1.0)
    again = 4 * max(4096, 4 * geometry.win_length) + meanwhile

    def toggle_again(frame: Any, info: FrameInfo) -> None:  # noqa: ARG001
        if info.position > again:
            plugin.bypass = False

    assert splatter_db(geometry, [toggle_again, plugin], lambda: plugin.set(bypass=True)) < -90


@pytest.mark.parametrize("geometry", [*GEOMETRIES.values(), *ABRUPT.values()], ids=[*GEOMETRIES, *ABRUPT])
@pytest.mark.parametrize("on", [False, True])
@pytest.mark.parametrize("look", [0, 3])
def test_bypass_of_a_stream_leaves_no_click(geometry: STFT, on: bool, look: int) -> None:
    engine = live_engine(Delayed(look, -0.5), geometry, EventLog(), SAMPLERATE)
    engine.bypass.on = not on
    assert splatter_db(geometry, engine, lambda: setattr(engine.bypass, "on", on)) < -90
    assert engine.bypass.complete is on


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
@pytest.mark.parametrize(("before_db", "after_db"), [(-20, 0), (0, -20), (0, -120)])
def test_changing_a_gain_leaves_no_click(geometry: STFT, before_db: float, after_db: float) -> None:
    gain = Gain(gain_db=before_db)
    # A glide of 20 ms is two hops or three where windows do not go to zero smoothly.
    least = -85 if geometry in (GEOMETRIES["sqrt hann 1024/512"], GEOMETRIES["hamming 512/160"]) else -90
    # Further than the main lobe of the windows' product, which spreads any change of level.
    away_hz = max(500.0, 12 * SAMPLERATE / geometry.win_length, 12 * SAMPLERATE / 1024)
    if geometry.synthesis_window[: geometry.win_length // 2].max() == 0:  # a short support at the end
        away_hz = 2000.0
    assert splatter_db(geometry, gain, lambda: gain.set(gain_db=after_db), away_hz=away_hz) < least


@pytest.mark.parametrize("geometry", [*GEOMETRIES.values(), *ABRUPT.values()], ids=[*GEOMETRIES, *ABRUPT])
@pytest.mark.parametrize("kind", ["replaced", "appended", "removed"])
def test_changing_a_chain_leaves_no_click(geometry: STFT, kind: str) -> None:
    chain = Chain([] if kind == "appended" else [Gain(gain_db=-20)])
    change = {
        "replaced": lambda: chain.__setitem__(0, Gain()),
        "appended": lambda: chain.append(Gain(gain_db=-20)),
        "removed": lambda: chain.clear(),
    }[kind]
    assert splatter_db(geometry, chain, change) < -90


class Rooted(Plugin):
    """Divides by the square root of the loudest bin."""

    def process(self, frame: Any) -> None:
        frame /= np.sqrt(np.abs(frame).max()) or 1


@pytest.mark.parametrize("geometry", [*GEOMETRIES.values(), *ABRUPT.values()], ids=[*GEOMETRIES, *ABRUPT])
@pytest.mark.parametrize(("look", "another"), [(0, 0), (3, 0), (3, 2)])
def test_reordering_a_chain_leaves_no_click(geometry: STFT, look: int, another: int) -> None:
    chain = Chain([Delayed(look, 0.1), Rooted(), Delayed(another, -1.0)])
    assert splatter_db(geometry, chain, chain.reverse) < -90
