"""Convolution with long impulse responses: exact in the geometries that allow it, refused in others."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from strategies import Samples, dtypes, geometries, loudest, noise, seeds, streamed

from rtstft import STFT, AudioError, PluginError, Processor, StreamError
from rtstft.plugins._impulse import exact_taps
from rtstft.plugins.convolve import Convolve


def overlap_save(hop: int) -> STFT:
    return STFT(2 * hop, hop, window="boxcar", synthesis=np.repeat([0.0, 1.0], hop))


OLS = overlap_save(64)
OLA = STFT(640, 64, 256, "hann", "ola")
EXACT = [OLS, OLA, STFT(300, 50, 200, "hamming", "ola"), STFT(129, 64, 64, "boxcar", "ola")]
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}


def convolved(x: Samples, taps: Samples) -> Samples:
    columns = np.broadcast_to(taps.reshape(len(taps), -1), (len(taps), x.shape[1]))
    pairs = zip(x.T.astype("float64"), columns.T)
    return np.stack([np.convolve(column, h)[: len(x)] for column, h in pairs], 1)


def error_of(geometry: STFT, taps: Samples, channels: int = 2, dtype: str = "float64") -> float:
    """Largest deviation from np.convolve, relative to the gain."""
    x = noise(3000, channels, dtype)
    processor = Processor(Convolve(taps), geometry, channels=channels, dtype=dtype)
    y = streamed(processor, x)[processor.latency :]
    return loudest(y - convolved(x, taps)) / float(np.abs(taps).sum(0).max())


def replaced(geometry: STFT, old: Samples, new: Samples, x: Samples, at: int) -> Samples:
    plugin = Convolve(old)
    processor = Processor(plugin, geometry, channels=1, dtype="float64")
    parts = [processor.process(x[:at])]
    plugin.replace(new)
    parts += [processor.process(x[at:]), processor.flush()]
    return np.concatenate(parts)[processor.latency :]


@pytest.mark.parametrize("geometry", EXACT, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("length", [1, 64, 1000])
def test_is_exact_convolution(geometry: STFT, dtype: str, length: int) -> None:
    assert error_of(geometry, noise(length, 2, "float64", 1), 2, dtype) <= TOLERANCE[dtype]


def test_one_response_serves_all_channels() -> None:
    assert error_of(OLS, noise(500, None, "float64", 1), 3) <= 1e-13


@given(geometry=geometries(synthesis="ola"), length=st.integers(1, 700), dtype=dtypes, seed=seeds)
def test_is_exact_wherever_it_is_not_refused(geometry: STFT, length: int, dtype: str, seed: int) -> None:
    taps = noise(length, None, "float64", seed)
    fit = exact_taps(geometry)
    assert fit >= geometry.n_fft - geometry.win_length + 1  # more where the window ends in zeros
    if length > fit < geometry.hop_length:
        with pytest.raises(PluginError, match="take STFT"):
            Processor(Convolve(taps), geometry)
    else:
        size = max(1, loudest(geometry.analysis_window))
        assert error_of(geometry, taps, 1, dtype) <= TOLERANCE[dtype] * size


@pytest.mark.parametrize(
    ("geometry", "taps"),
    [
        (OLA, 385),
        (OLS, 65),
        (STFT(200, 64, 192, "boxcar", np.r_[np.zeros(128), np.ones(64)]), 129),
        (STFT(256, 64), 1),
        (STFT(256, 128, 256, "boxcar", np.full(256, 0.5)), 1),
    ],
)
def test_taps_that_fit_a_frame(geometry: STFT, taps: int) -> None:
    assert exact_taps(geometry) == taps


@pytest.mark.parametrize("geometry", [STFT(1024, 256), STFT(300, 100, 256, "hann", "ola")], ids=str)
def test_geometry_that_would_not_be_exact_is_refused_with_one_that_is(geometry: STFT) -> None:
    with pytest.raises(PluginError, match=r"^Convolve: of 100 taps.* take STFT"):
        Processor(Convolve(np.ones(100)), geometry)


def test_no_latency_in_blocks_of_one_hop() -> None:
    taps = noise(500, None, "float64", 1)
    processor = Processor(Convolve(taps), OLS, channels=1, blocksize=64, dtype="float64")
    assert processor.latency == 0
    block = np.zeros((64, 1))
    block[0] = 1
    assert np.allclose(processor.process(block)[:, 0], taps[:64], rtol=0, atol=1e-14)


@pytest.mark.parametrize("geometry", EXACT, ids=str)
def test_reset_forgets_the_past(geometry: STFT) -> None:
    processor = Processor(Convolve(noise(700, 2, "float64", 1)), geometry)
    x = noise(500, 2, "float32")
    first = streamed(processor, x)
    processor.reset()
    assert np.array_equal(streamed(processor, x), first)


@pytest.mark.parametrize("geometry", EXACT, ids=str)
def test_new_response_takes_over_completely(geometry: STFT) -> None:
    old, new = noise(400, None, "float64", 1), noise(300, None, "float64", 2)
    x = noise(4000, 1, "float64")
    y = replaced(geometry, old, new, x, 1000)
    before, after = 1000 - geometry.win_length, 1000 + 2 * geometry.n_fft
    assert loudest(y[:before] - convolved(x, old)[:before]) < 1e-11
    assert loudest(y[after:] - convolved(x, new)[after:]) < 1e-11


@pytest.mark.parametrize("geometry", EXACT, ids=str)
def test_new_response_fades_in_within_a_hop(geometry: STFT) -> None:
    x = np.ones((2000, 1))
    y = replaced(geometry, np.ones(1), -np.ones(1), x, 1000)[:, 0]
    assert y[0] == pytest.approx(1)
    assert y[-1] == pytest.approx(-1)
    assert np.abs(np.diff(y)).max() < 2 * np.pi / geometry.hop_length  # a jump would be 2
    assert np.count_nonzero(np.abs(np.abs(y) - 1) > 1e-9) < geometry.win_length + geometry.hop_length


def test_response_longer_than_the_room_is_refused() -> None:
    plugin = Convolve(np.ones(10))
    with pytest.raises(StreamError, match="prepared"):
        plugin.replace(np.ones(10))
    Processor(plugin, OLS)
    with pytest.raises(AudioError, match=r"room_s=0.01"):
        plugin.replace(np.ones(480))
    roomy = Convolve(np.ones(10), room_s=0.01)
    Processor(roomy, OLS)
    roomy.replace(np.ones(480))


def test_gain_scales_the_response() -> None:
    processor = Processor(Convolve(np.ones(1), gain_db=-6.0), OLS, channels=1)
    assert streamed(processor, np.ones((64, 1), np.float32)).max() == pytest.approx(10 ** (-6 / 20))


@pytest.mark.parametrize(
    ("response", "match"),
    [
        (np.ones((10, 3)), "3 channels, the signal 2"),
        ([], "shape"),
        ([[[1.0]]], "shape"),
        (["a"], "real numbers"),
        ([1.0, np.nan], "NaN"),
    ],
)
def test_response_that_cannot_be_is_refused(response: Any, match: str) -> None:
    with pytest.raises((AudioError, PluginError), match=match):
        Processor(Convolve(response), OLS)


@pytest.mark.parametrize("suffix", [".wav", ".npy", ".txt", ".csv"])
def test_response_from_a_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"room{suffix}"
    taps = noise(300, 2, "float32", 1)
    if suffix == ".wav":
        soundfile.write(path, taps, 48_000, "FLOAT")
    elif suffix == ".npy":
        np.save(path, taps)
    else:
        np.savetxt(path, taps, delimiter="," if suffix == ".csv" else " ")
    x = noise(500, 2, "float32")
    found = streamed(Processor(Convolve(path=str(path)), OLS), x)
    assert np.array_equal(found, streamed(Processor(Convolve(taps), OLS), x))


def test_file_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    soundfile.write(other, np.ones(10), 44_100)
    broken = tmp_path / "broken.npy"
    broken.write_text("no numbers")
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(10), 48_000)
    empty = tmp_path / "empty.csv"
    empty.touch()
    for path, match in [
        ("", "no impulse response"),
        (str(silent), "^Convolve: .*silent.wav has nothing but zeros in it"),
        (str(tmp_path / "none.wav"), "^Convolve: .*none.wav does not exist"),
        (str(tmp_path / "none.npy"), "^Convolve: .*none.npy does not exist"),
        (str(tmp_path), "^Convolve: .* is a folder, expected a sound file"),
        (str(empty), r"^Convolve: .*empty.csv is empty \(0 bytes\), expected numbers"),
        (str(other), "44100 Hz, the signal at 48000 Hz"),
        (str(broken), "^Convolve: cannot read .*broken.npy"),
    ]:
        with pytest.raises(PluginError, match=match):
            Processor(Convolve(path=path), OLS)
