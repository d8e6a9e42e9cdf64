"""Reordering while frames pass: what is heard from the old order to the new one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import geometries, noise

from rtstft import STFT, Chain, Plugin, Processor
from rtstft.delay import FrameDelay
from rtstft.plugin import Context

Change = Callable[[Any], Any]


class Applied(Plugin):
    """Applies a function to each frame, `look` frames later."""

    def __init__(self, change: Change, look: int = 0) -> None:
        self.change = change
        self.lookahead = look

    def prepare(self, context: Context) -> None:
        shape = (context.channels, context.stft.bins)
        self._delay = FrameDelay(self.lookahead, shape, context.complex_dtype)

    def process(self, frame: Any) -> None:
        frame[...] = self.change(self._delay.push(frame))


def loudest_is(level: float) -> Change:
    return lambda frame: frame * (level / max(np.abs(frame).max(), 1e-9))


def rooted(frame: Any) -> Any:
    return frame / np.sqrt(np.abs(frame).max())


def mirrored(frame: Any) -> Any:
    return frame[:, ::-1]


def tilted(frame: Any) -> Any:
    return frame * np.linspace(1, 0, frame.shape[1])


def reordered_frames(
    geometry: STFT, one: Change, other: Change, looks: tuple[int, int], x: Any
) -> tuple[Any, Any, Any]:
    """What the row is given, and gives, frame by frame; and the number of the first frame of new order."""
    given, got = [], []
    chain = Chain([Applied(one, looks[0]), Applied(other, looks[1])])
    look = sum(looks)
    row = Chain([lambda frame: given.append(frame.copy()), chain, lambda frame: got.append(frame.copy())])
    processor = Processor(row, geometry, samplerate=1000, channels=x.shape[1], dtype="float64")
    half = len(x) // 2
    processor.process(x[:half])
    # As soon as it is known what the old order does to a frame, and to the one before.
    begin = len(got) + look + 2
    chain.reverse()
    processor.process(x[half:])
    return given[: len(given) - look], got[look:], begin


@given(geometry=geometries(longest=60), look=st.integers(0, 3), channels=st.integers(1, 2))
def test_steady_gains_are_held_and_faded_over(geometry: STFT, look: int, channels: int) -> None:
    n_fft, hop = geometry.n_fft, geometry.hop_length
    x = np.ones((2 * (40 * hop + 6 * n_fft), channels))  # each frame like the one before
    _, got, begin = reordered_frames(geometry, loudest_is(1), loudest_is(2), (look, 0), x)
    loudest = np.array([np.abs(frame).max() for frame in got])
    assert loudest[geometry.overlap // hop + 1 : begin] == pytest.approx(2)
    # Samples that the first frame of the new order shares with the last of the old are as they were.
    shared = max(0, n_fft - hop)
    before, after = (np.fft.irfft(got[i], n_fft) for i in (begin - 1, begin))
    assert after[:, :shared] == pytest.approx(before[:, :shared], abs=1e-6)
    faded = begin - (-(shared + 20) // hop) + 2
    assert loudest[faded:] == pytest.approx(1)


@given(hop=st.integers(16, 64), look=st.integers(0, 3), seed=st.integers(0, 99))
def test_what_cannot_be_foretold_begins_with_a_frame(hop: int, look: int, seed: int) -> None:
    geometry = STFT(64, hop, window="boxcar", synthesis=np.repeat([0.0, 1.0], [64 - hop, hop]))
    x = noise(60 * geometry.hop_length + 4 * geometry.n_fft, 1, "float64", seed)
    given, got, begin = reordered_frames(geometry, mirrored, tilted, (look, 0), x)
    for index, (before, after) in enumerate(zip(given, got)):
        expected = tilted(mirrored(before)) if index < begin else mirrored(tilted(before))
        assert np.array_equal(after, expected)


@given(geometry=geometries(longest=60), looks=st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_silence_stays_silent(geometry: STFT, looks: tuple[int, int]) -> None:
    _, got, _ = reordered_frames(geometry, mirrored, tilted, looks, np.zeros((2000, 1)))
    assert not np.any(got)


@given(
    hop=st.integers(16, 64), looks=st.tuples(st.integers(1, 3), st.integers(1, 3)), seed=st.integers(0, 99)
)
def test_what_overtakes_another_is_bridged_over_at_its_level(hop: int, looks: Any, seed: int) -> None:
    geometry = STFT(64, hop, window="boxcar", synthesis=np.repeat([0.0, 1.0], [64 - hop, hop]))
    x = noise(80 * hop + 256, 1, "float64", seed)
    given, got, begin = reordered_frames(geometry, mirrored, tilted, looks, x)
    last = begin - sum(looks)  # of those that have passed both
    for index, (before, after) in enumerate(zip(given, got)):
        if index < last:
            assert np.array_equal(after, tilted(mirrored(before)))
        elif index < begin:
            level = np.abs(got[last - 1]).max() / np.abs(given[last - 1]).max()
            assert after == pytest.approx(level * before, rel=1e-9)
        elif index > begin + (64 + 20) // hop + 1:
            assert np.array_equal(after, mirrored(tilted(before)))


@given(
    loud=st.integers(0, 40),
    looks=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    hop=st.sampled_from([16, 32, 64]),
)
def test_sound_that_begins_meanwhile_is_not_blown_up(loud: int, looks: Any, hop: int) -> None:
    """Gains that were right for a faint sound are a million times too large for it."""
    geometry = STFT(64, hop, window="boxcar", synthesis=np.repeat([0.0, 1.0], [64 - hop, hop]))
    x = 1e-6 * np.ones((160 * hop, 2))
    x[80 * hop + loud * hop :] = 1
    _, got, begin = reordered_frames(geometry, loudest_is(1), lambda frame: 0.5 * frame, looks, x)
    loudest = np.array([np.abs(frame).max() for frame in got])
    assert loudest[begin + 100 // hop + 2 :] == pytest.approx(1)
    assert loudest.max() <= 2


def test_quiet_channel_is_not_judged_by_the_loud_one() -> None:
    rng = np.random.default_rng(0)

    def noisy_on_the_right(frame: Any) -> Any:
        frame = 0.1 * frame
        frame[1] = 1e-3 * rng.normal(size=frame.shape[1])
        return frame

    x = np.ones((4000, 2))
    _, got, begin = reordered_frames(STFT(64, 32), noisy_on_the_right, rooted, (0, 0), x)
    before, after = (np.abs(frame).max() for frame in got[begin - 1 : begin + 1])
    assert before == pytest.approx(3.2**0.5)
    assert after == pytest.approx(0.1 * 32**0.5)  # at once
