"""Pan and width: gains of the two channels, in a range of frequencies."""

import warnings
from typing import Any

import numpy as np
import pytest
from strategies import Samples, loudest, noise, streamed

from rtstft import STFT, Plugin, PluginError, Processor, ResponseWarning
from rtstft.plugins.pan import Pan
from rtstft.plugins.width import Width

RATE = 48_000
GEOMETRIES = [STFT(1024, 256), STFT(1200, 160, 512, "hamming", "ola"), STFT(4096, 1024)]


def output(plugin: Plugin, x: Samples, geometry: STFT = GEOMETRIES[0]) -> Samples:
    processor = Processor(plugin, geometry, RATE, dtype="float64")
    return streamed(processor, x)[processor.latency :]


def sines(*frequencies: float) -> Samples:
    time = np.arange(RATE // 2) / RATE
    return sum((np.sin(2 * np.pi * f * time) for f in frequencies), start=np.zeros(len(time)))


def amplitude(x: Samples, frequency: float) -> float:
    middle = x[4800:19_200]
    turn = np.exp(-2j * np.pi * frequency / RATE * np.arange(len(middle)))
    return float(2 * np.abs(np.mean(middle * turn)))


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize(
    ("law", "pan", "left", "right"),
    [
        ("constant_power", 0.0, 1, 1),
        ("constant_power", -1.0, 2**0.5, 0),
        ("constant_power", 0.5, 2**0.5 * np.cos(3 * np.pi / 8), 2**0.5 * np.sin(3 * np.pi / 8)),
        ("linear", 1.0, 0, 2),
        ("linear", -0.5, 1.5, 0.5),
    ],
)
def test_laws_of_pan(geometry: STFT, law: str, pan: float, left: float, right: float) -> None:
    x = noise(3000, 2, "float64")
    y = output(Pan(pan=pan, law=law), x, geometry)
    assert loudest(y - x * [left, right]) < 1e-12


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_pan_moves_its_range_only(geometry: STFT) -> None:
    mono = sines(300, 2000, 9000)
    y = output(Pan(pan=1.0, low_hz=1000.0, high_hz=4000.0), np.stack([mono, mono], 1), geometry)
    found = [[amplitude(y[:, c], f) for f in (300, 2000, 9000)] for c in range(2)]
    assert found[0] == pytest.approx([1, 0, 1], abs=0.002)
    assert found[1] == pytest.approx([1, 2**0.5, 1], abs=0.002)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("width", [0.0, 1.0, 1.7])
def test_width_scales_the_difference_and_keeps_the_sum(geometry: STFT, width: float) -> None:
    x = noise(3000, 2, "float64")
    y = output(Width(width=width), x, geometry)
    assert loudest(y.sum(1) - x.sum(1)) < 1e-12
    assert loudest(np.diff(y) - width * np.diff(x)) < 1e-12


def test_width_of_a_range_leaves_the_rest() -> None:
    low, high = sines(200), sines(5000)
    x = np.stack([low + high, -low - high], 1)
    y = output(Width(width=0.0, high_hz=1000.0), x)
    assert amplitude(y[:, 0], 200) == pytest.approx(0, abs=0.002)
    assert amplitude(y[:, 0], 5000) == pytest.approx(1, abs=0.002)


def test_pan_glides() -> None:
    pan = Pan()
    processor = Processor(pan, GEOMETRIES[0], RATE, dtype="float64")
    x = np.ones((10_000, 2))
    processor.process(x)
    pan.pan = 1.0
    y = processor.process(x)
    assert loudest(np.diff(y, axis=0)) < 2 / (0.02 * RATE)
    assert y[-1] == pytest.approx([0, 2**0.5], abs=0.01)


@pytest.mark.parametrize(
    ("low_hz", "high_hz", "says"),
    [
        (5000.0, 100.0, "low_hz is not below high_hz: there is nothing between them"),
        (100.0, 100.0, "low_hz is not below high_hz: there is nothing between them"),
        (30_000.0, 200_000.0, "low_hz is not below half the samplerate, 24000 Hz: there is nothing above it"),
    ],
)
def test_range_with_nothing_in_it_is_warned_of(low_hz: float, high_hz: float, says: str) -> None:
    x = noise(3000, 2, "float64")
    for plugin in (
        Pan(pan=1.0, low_hz=low_hz, high_hz=high_hz),
        Width(width=0.0, low_hz=low_hz, high_hz=high_hz),
    ):
        with pytest.warns(ResponseWarning) as caught:
            assert loudest(output(plugin, x) - x) < 1e-12
        assert [str(warning.message) for warning in caught] == [f"{plugin!r}: {says}"]


@pytest.mark.parametrize("action", ["always", "error"])
@pytest.mark.parametrize("plugin", [Pan(pan=1.0), Width(width=0.0)], ids=repr)
def test_ends_set_one_after_the_other_end_no_stream_and_are_warned_of_once(
    plugin: Plugin, action: Any
) -> None:
    processor = Processor(plugin, GEOMETRIES[0], RATE)
    told = []
    steps = [("high_hz", 500.0), ("low_hz", 2e3), ("low_hz", 3e3), ("high_hz", 4e3), ("low_hz", 5e3)]
    for name, value in [*steps, ("low_hz", 30e3), ("high_hz", 200e3), ("low_hz", 0.0)]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter(action)
            plugin.set(**{name: value})
            processor.process(noise(1000, 2, "float32"))
        told.append(len(caught))
    assert told == ([0, 1, 0, 0, 1, 1, 0, 0] if action == "always" else [0] * 8)


@pytest.mark.parametrize("plugin", [Pan(), Width()], ids=repr)
@pytest.mark.parametrize("channels", [1, 3])
def test_only_two_channels_will_do(plugin: Plugin, channels: int) -> None:
    with pytest.raises(PluginError, match="needs 2 channels, left and right, the signal has"):
        Processor(plugin, GEOMETRIES[0], RATE, channels=channels)
