"""Dereverb: the room goes, the direct sound and what is dry stay."""

import numpy as np
import pytest
from strategies import Samples

from rtstft import STFT, Processor
from rtstft.plugins.dereverb import Dereverb

CASES = [
    (STFT(512, 128, window="sqrt_hann", synthesis="same"), 16_000),
    (STFT(1024, 256), 48_000),
    (STFT(1024, 160, 512, "hamming"), 16_000),
]


def bursts(rate: int) -> Samples:
    """30 ms of noise, every 0.6 s, four times."""
    x = np.random.default_rng(0).standard_normal(round(2.4 * rate))
    x *= np.arange(len(x)) % round(0.6 * rate) < 0.03 * rate
    return x


def in_room(x: Samples, rate: int, t60_s: float) -> Samples:
    """With a tail of decaying noise, as strong as the direct sound, after 2 ms."""
    time = np.arange(round(t60_s * rate)) / rate
    room = np.random.default_rng(1).standard_normal(len(time)) * 10 ** (-3 * time / t60_s)
    room[time < 0.002] = 0
    room /= np.linalg.norm(room)
    room[0] = 1
    size = len(x) + len(room)
    wet: Samples = np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(room, size), size)[: len(x)]
    return wet


def through(plugin: Dereverb, x: Samples, geometry: STFT, rate: int) -> Samples:
    processor = Processor(plugin, geometry, rate, 1, dtype="float64")
    out = [processor.process(np.ascontiguousarray(x[:, np.newaxis])), processor.flush()]
    return np.concatenate(out)[processor.latency :, 0]


def change_db(x: Samples, y: Samples, rate: int, start_s: float, end_s: float) -> float:
    """Of the level between these times after the onsets of the bursts."""
    time = np.arange(len(x)) / rate % 0.6
    there = (start_s <= time) & (time < end_s)
    return float(10 * np.log10(np.sum(y[there] ** 2) / np.sum(x[there] ** 2)))


@pytest.mark.parametrize("t60_s", [0.4, 0.8])
@pytest.mark.parametrize(("geometry", "rate"), CASES)
def test_the_tail_goes_and_the_onset_stays(geometry: STFT, rate: int, t60_s: float) -> None:
    x = in_room(bursts(rate), rate, t60_s)
    y = through(Dereverb(t60_s=t60_s), x, geometry, rate)
    assert abs(change_db(x, y, rate, 0, 0.03)) < 1
    assert change_db(x, y, rate, 0.12, 0.4) < -7


@pytest.mark.parametrize(("geometry", "rate"), CASES)
def test_what_is_dry_stays(geometry: STFT, rate: int) -> None:
    x = bursts(rate)
    y = through(Dereverb(t60_s=0.4), x, geometry, rate)
    assert abs(change_db(x, y, rate, 0, 0.03)) < 0.5


def test_a_longer_room_takes_more() -> None:
    geometry, rate = CASES[0]
    x = in_room(bursts(rate), rate, 0.6)
    changes = [
        change_db(x, through(Dereverb(t60_s=t60_s), x, geometry, rate), rate, 0.15, 0.4)
        for t60_s in (0.2, 0.4, 0.8)
    ]
    assert changes[0] > changes[1] + 1 > changes[2] + 2


def test_no_less_than_the_floor() -> None:
    geometry, rate = CASES[0]
    x = in_room(bursts(rate), rate, 0.6)
    for floor_db in (-3.0, -6.0):
        y = through(Dereverb(t60_s=1.5, floor_db=floor_db), x, geometry, rate)
        assert floor_db - 0.3 < change_db(x, y, rate, 0.15, 0.4) < floor_db + 1


def test_early_reflections_are_kept() -> None:
    geometry, rate = CASES[0]
    x = bursts(rate)
    x[2000:] += 0.5 * x[:-2000]  # an echo after 125 ms
    change = [
        change_db(x, through(Dereverb(early_s=early_s, t60_s=1.0), x, geometry, rate), rate, 0.13, 0.15)
        for early_s in (0.05, 0.2)
    ]
    assert change[0] < -3
    assert change[1] > -0.5


@pytest.mark.parametrize("window", [512, 1024, 2048])
def test_steady_sound_is_left_alike_in_any_window(window: int) -> None:
    x = 0.1 * np.random.default_rng(2).standard_normal(48_000 * 3)
    y = through(Dereverb(), x, STFT(window, window // 4), 48_000)
    assert 10 * np.log10(np.mean(y[48_000:] ** 2) / np.mean(x[48_000:] ** 2)) == pytest.approx(-3.7, abs=0.4)
