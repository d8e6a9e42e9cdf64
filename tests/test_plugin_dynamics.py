"""Compressor and limiter: levels out against levels in, and a ceiling that no sample exceeds."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import Samples, channel_counts, dtypes, geometries, loudest, noise, seeds, streamed

from rtstft import STFT, ParameterError, Processor
from rtstft.plugins.compress import Compress
from rtstft.plugins.limiter import Limiter

RATE = 48_000
HANN = STFT(1024, 256)
GEOMETRIES = [HANN, STFT(512, 128, 512, "hamming"), STFT(1024, 200, 500, "hann", "ola")]


def sine(frequency: float, peak_db: float, seconds: float = 0.5) -> Samples:
    time = np.arange(round(seconds * RATE)) / RATE
    return 10 ** (peak_db / 20) * np.sin(2 * np.pi * frequency * time)[:, np.newaxis]


def output(plugin: Any, x: Samples, geometry: STFT = HANN, **options: Any) -> Samples:
    processor = Processor(plugin, geometry, RATE, channels=x.shape[1], dtype="float64", **options)
    return streamed(processor, x)[processor.latency :][: len(x)]


def level(x: Samples) -> float:
    """Rms in dB over the last third."""
    return float(10 * np.log10(np.mean(x[2 * len(x) // 3 : -RATE // 20] ** 2)))


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize(("level_in", "reduction"), [(-40.0, 0), (-18.0, 1.5), (-10.0, 7.5), (0.0, 15)])
def test_reduction_by_the_ratio_in_any_geometry(geometry: STFT, level_in: float, reduction: float) -> None:
    plugin = Compress(bands="0:-20:4", knee_db=0.0)
    x = sine(1000, level_in + 3.01)  # a sine's rms is 3 dB below its peak
    assert level(x) - level(output(plugin, x, geometry)) == pytest.approx(reduction, abs=0.1)


def test_knee_sets_in_gently() -> None:
    found = [
        level(sine(1000, db + 3.01))
        - level(output(Compress(bands="0:-20:2", knee_db=12.0), sine(1000, db + 3.01)))
        for db in (-26.5, -20.0, -14.0)
    ]
    # Half the slope times (over + knee / 2)^2 / (2 knee).
    assert found == pytest.approx([0, 0.75, 3], abs=0.05)


def test_bands_do_not_hear_each_other() -> None:
    low, high = sine(200, -40), sine(6000, 0)
    y = output(Compress(bands="0:-30:10, 1000:-20:4:3"), low + high)
    spectrum = np.abs(np.fft.rfft(y[8000:20_000, 0] * np.hanning(12_000))) / 3000
    assert 20 * np.log10(spectrum[50]) == pytest.approx(-40, abs=0.1)
    assert 20 * np.log10(spectrum[1500]) == pytest.approx(0 - 17 * 0.75 + 3, abs=0.2)


def test_what_lies_below_the_first_band_is_left_alone() -> None:
    x = sine(200, 0)
    middle = slice(2000, -2000)  # its beginning and end are clicks, which reach above
    assert loudest((output(Compress(bands="2000:-60:20:10"), x) - x)[middle]) < 1e-4
    assert loudest(output(Compress(bands=""), x) - x) < 1e-12


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_attack_and_release_take_their_time(geometry: STFT) -> None:
    x = np.concatenate([sine(1000, -40), sine(1000, 0), sine(1000, -40, 1.0)])
    y = output(Compress(bands="0:-30:1000", knee_db=0.0, attack_s=0.05, release_s=0.2), x, geometry)
    envelope = np.sqrt(np.mean((y / x.clip(-1, 1).std()).reshape(-1, 480) ** 2, axis=1))
    gain = 20 * np.log10(envelope / np.sqrt(np.mean((x / x.std()).reshape(-1, 480) ** 2, axis=1)))
    end = gain[90:98].mean()
    assert end == pytest.approx(-27, abs=0.3)
    # One time constant after the step, 63 % of the way, in dB.
    assert gain[54] == pytest.approx(0.63 * end, abs=3)
    assert gain[119] == pytest.approx(0.37 * end, abs=3)


def test_linked_channels_keep_their_balance() -> None:
    x = np.hstack([sine(1000, 0), sine(1000, -30)])
    for link, expected in [(True, 30), (False, 15)]:
        y = output(Compress(bands="0:-30:1000", link=link), x)
        assert level(y[:, :1]) - level(y[:, 1:]) == pytest.approx(expected, abs=0.5 if link else 15.5)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("100:-20", "Hz:threshold dB:ratio"),
        ("100:-20:0.5", "ratio of 1 or more"),
        ("100:-20:2, 50:-20:2", "rising"),
        ("a:-20:2", "Compress.bands"),
    ],
)
def test_bands_that_cannot_be_are_refused(text: str, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        Compress(bands=text)


class Scramble:
    """Leaves frames that contradict each other."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def __call__(self, frame: Any) -> None:
        frame *= np.exp(2j * np.pi * self.rng.random(frame.shape)) * self.rng.choice([0.1, 1, 5])


@given(
    geometry=geometries(),
    channels=channel_counts,
    dtype=dtypes,
    seed=seeds,
    scrambled=st.booleans(),
    lookahead=st.sampled_from([0.0, 0.001, 0.004]),
)
def test_no_sample_exceeds_the_ceiling(
    geometry: STFT, channels: int, dtype: str, seed: int, scrambled: bool, lookahead: float
) -> None:
    x = noise(1200, channels, dtype, seed) * np.repeat([0.1, 3, 0.5], 400)[:, np.newaxis].astype(dtype)
    limiter = Limiter(ceiling_db=-6.0, lookahead_s=lookahead, release_s=0.002)
    row: Any = [Scramble(seed), limiter] if scrambled else limiter
    y = streamed(Processor(row, geometry, RATE, channels=channels, dtype=dtype), x)
    assert loudest(y) <= 10 ** (-6 / 20)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("lookahead", [0.0, 0.005])
def test_limiter_leaves_what_is_below_the_ceiling_alone(geometry: STFT, lookahead: float) -> None:
    x = noise(5000, 2, "float64") * 0.89  # -1.01 dB
    y = output(Limiter(ceiling_db=-1.0, lookahead_s=lookahead), x, geometry)
    assert loudest(y - x) < 1e-12


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_limiter_keeps_a_loud_sine_at_the_ceiling_and_lets_go(geometry: STFT) -> None:
    x = np.concatenate([sine(1000, -20, 0.2), sine(1000, 12, 0.5), sine(1000, -20, 0.5)])
    y = output(Limiter(ceiling_db=-3.0, release_s=0.05), x, geometry)
    assert 20 * np.log10(loudest(y[20_000:30_000])) == pytest.approx(-3, abs=0.02)
    assert loudest(y[:7000] - x[:7000]) < 1e-3  # a window and the latency before it gets loud
    assert loudest(y[-7000:] - x[-7000:]) < 1e-3


def test_limiter_latency_is_what_it_says() -> None:
    limiter = Limiter(lookahead_s=0.01)
    processor = Processor(limiter, HANN, RATE, blocksize=256)
    assert limiter.lookahead == 3 + 2
    assert processor.latency == HANN.latency(256) + 5 * 256


def test_limiter_links_channels_or_not() -> None:
    x = np.hstack([sine(1000, 12), sine(1000, -20)])
    linked = output(Limiter(ceiling_db=0.0), x)
    assert level(x[:, 1:]) - level(linked[:, 1:]) == pytest.approx(12, abs=0.1)
    free = output(Limiter(ceiling_db=0.0, link=False), x)
    assert loudest(free[:, 1] - x[:, 1]) < 1e-12


@pytest.mark.parametrize("plugin", [Limiter(), Compress()], ids=repr)
def test_reset_equals_fresh(plugin: Any) -> None:
    x = 2 * noise(4000, 2, "float32")
    processor = Processor(plugin, HANN, RATE)
    first = streamed(processor, x)
    processor.reset()
    assert np.array_equal(streamed(processor, x), first)
