"""synthesis="ola": multiplication by a filter's spectrum is linear convolution, up to its limit of taps."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import Samples, dtypes, geometries, loudest, noise, quiet_stft, seeds, streamed

from rtstft import STFT, Processor

GEOMETRY = STFT(1024, 160, 512, "hamming", "ola")
LIMIT = 1024 - 512 + 1


def multiplied_by(taps: Samples, n_fft: int) -> Any:
    response = np.fft.rfft(taps, n_fft)

    def callback(frame: Any) -> None:
        frame *= response

    return callback


def error_of_filter(geometry: STFT, taps: Samples, x: Samples, dtype: str) -> float:
    """Largest deviation from np.convolve, over the length of `x` and relative to the gain."""
    callback = multiplied_by(taps, geometry.n_fft)
    processor = Processor(callback, geometry, channels=1, dtype=dtype)
    y = streamed(processor, x.astype(dtype))[processor.latency :]
    return loudest(y - np.convolve(x, taps)[: len(x)]) / float(np.abs(taps).sum())


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
@pytest.mark.parametrize("count", [1, 2, 128, LIMIT])
def test_filter_within_the_limit_is_exact_convolution(count: int, dtype: str, tolerance: float) -> None:
    taps = noise(count, None, "float64", 1)
    assert error_of_filter(GEOMETRY, taps, noise(5000, None, "float32"), dtype) <= tolerance


@pytest.mark.parametrize("extra", [1, 2, 87])
def test_a_tap_beyond_the_limit_is_not(extra: int) -> None:
    taps = noise(LIMIT + extra, None, "float64", 1)
    assert error_of_filter(GEOMETRY, taps, noise(5000, None, "float64"), "float64") > 1e-9


@given(geometry=geometries(synthesis="ola"), dtype=dtypes, length=st.integers(1, 1500), seed=seeds)
def test_filter_of_all_the_taps_that_fit_is_exact_convolution(
    geometry: STFT, dtype: str, length: int, seed: int
) -> None:
    taps = noise(geometry.n_fft - geometry.win_length + 1, None, "float64", seed)
    tolerance = {"float32": 1e-6, "float64": 1e-12}[dtype] * max(1, loudest(geometry.analysis_window))
    assert error_of_filter(geometry, taps, noise(length, None, "float32", seed), dtype) <= tolerance


@given(win_length=st.integers(2, 200), extra=st.integers(0, 200), hop=st.integers(1, 60), seed=seeds)
def test_last_tap_that_fits_is_a_pure_delay_and_the_next_wraps_around(
    win_length: int, extra: int, hop: int, seed: int
) -> None:
    assume(extra + win_length >= 2)
    geometry = quiet_stft(win_length + extra, min(hop, win_length), win_length, "hamming", "ola")
    x = noise(800, None, "float64", seed)
    fits = np.zeros(extra + 1)
    fits[-1] = 1
    assert error_of_filter(geometry, fits, x, "float64") <= 1e-12
    if extra + 1 < geometry.n_fft:
        assert error_of_filter(geometry, np.append(0, fits), x, "float64") > 1e-3


def test_tail_of_the_filter_comes_with_silence_after_the_signal() -> None:
    taps = noise(LIMIT, None, "float64", 1)
    x = noise(300, None, "float64")
    expected = np.convolve(x, taps)
    padded = np.pad(x, (0, len(expected) - len(x)))
    assert error_of_filter(GEOMETRY, taps, padded, "float64") <= 1e-12
    spectra = GEOMETRY.stft(padded) * np.fft.rfft(taps, 1024)
    assert np.allclose(GEOMETRY.istft(spectra, length=len(expected)), expected, rtol=0, atol=1e-11)


def test_weighted_overlap_add_is_not_convolution() -> None:
    taps = noise(65, None, "float64", 1)
    geometry = STFT(1024, 160, 512, "hamming", "dual")
    assert error_of_filter(geometry, taps, noise(5000, None, "float64"), "float64") > 1e-4
