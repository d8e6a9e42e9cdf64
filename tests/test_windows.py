"""Window shapes against formulas of their own, and what is said of a shape that cannot be."""

import sys
from collections.abc import Callable
from math import pi
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import PLAIN, quiet_stft

from rtstft import STFT, GeometryError, MissingExtraError
from rtstft.windows import NAMES, Window, WindowSpec

LENGTHS = [2, 3, 16, 17, 512]


def shape(spec: WindowSpec, length: int) -> Window:
    return quiet_stft(max(2, length), 1, length, spec).analysis_window


def cosine_sum(*coefficients: float) -> Callable[[Window], Window]:
    return lambda t: np.asarray(sum(c * np.cos(2 * pi * k * t) for k, c in enumerate(coefficients)))


# Shapes over t = n / (points - 1) from 0 to 1.
FORMULAS: dict[str, Callable[[Window], Window]] = {
    "bartlett": lambda t: 1 - np.abs(2 * t - 1),
    "blackman": cosine_sum(0.42, -0.5, 0.08),
    "blackmanharris": cosine_sum(0.35875, -0.48829, 0.14128, -0.01168),
    "boxcar": np.ones_like,
    "hamming": cosine_sum(0.54, -0.46),
    "hann": cosine_sum(0.5, -0.5),
    "kaiser": lambda t: np.i0(8.6 * np.sqrt(np.maximum(0, 1 - (2 * t - 1) ** 2))) / np.i0(8.6),
    "sqrt_hann": lambda t: np.sin(pi * t),
}


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", FORMULAS)
def test_periodic_window_is_its_formula_with_period_length(name: str, length: int) -> None:
    expected = FORMULAS[name](np.arange(length) / length)
    assert np.allclose(shape(name, length), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("length", LENGTHS[1:])
@pytest.mark.parametrize("name", FORMULAS)
def test_symmetric_window_is_its_formula_from_end_to_end(name: str, length: int) -> None:
    expected = FORMULAS[name](np.arange(length) / (length - 1))
    assert np.allclose(shape((name, "symmetric"), length), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", PLAIN)
def test_symmetric_window_is_symmetric(name: str) -> None:
    for length in (31, 32):
        window = shape((name, "symmetric"), length)
        assert np.allclose(window, window[::-1], rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    "name", [n for n in PLAIN if n not in ("vorbis", "kaiser_bessel_derived", "gaussian")]
)
def test_periodic_window_is_the_symmetric_one_of_a_sample_more(name: str) -> None:
    assert np.array_equal(shape(name, 64), shape((name, "symmetric"), 65)[:64])


@pytest.mark.parametrize("name", ["vorbis", "kaiser_bessel_derived"])
def test_half_sample_window_is_the_same_periodic_or_symmetric(name: str) -> None:
    assert np.array_equal(shape(name, 64), shape((name, "symmetric"), 64))


def test_names_are_all_there_and_sorted() -> None:
    assert list(NAMES) == sorted([*PLAIN, "low_delay"])


@pytest.mark.parametrize("length", [16, 17, 512])
@pytest.mark.parametrize(
    "spec", ["bartlett", "blackman", "blackmanharris", "boxcar", "hamming", "hann", ("kaiser", 5.0)]
)
def test_window_is_scipys(spec: WindowSpec, length: int) -> None:
    signal = pytest.importorskip("scipy.signal")
    assert np.allclose(shape(spec, length), signal.get_window(spec, length), rtol=0, atol=1e-14)


@pytest.mark.parametrize("length", [16, 17])
def test_gaussian_is_scipys_and_its_default_scales_with_the_length(length: int) -> None:
    signal = pytest.importorskip("scipy.signal")
    for spec, std in ((("gaussian", 3.0), 3.0), ("gaussian", length / 8)):
        expected = signal.get_window(("gaussian", std), length)
        assert np.allclose(shape(spec, length), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("beta", [2.0, 4 * pi])
def test_kaiser_bessel_derived_is_scipys(beta: float) -> None:
    windows = pytest.importorskip("scipy.signal.windows")
    expected = windows.kaiser_bessel_derived(64, beta=beta, sym=True)
    assert np.allclose(shape(("kaiser_bessel_derived", beta), 64), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("default", [("kaiser", 8.6), ("kaiser_bessel_derived", 4 * pi), ("gaussian", 8.0)])
def test_parameter_defaults_are_as_documented(default: tuple[str, float]) -> None:
    assert np.array_equal(shape(default[0], 64), shape(default, 64))


@pytest.mark.parametrize("number", [8, np.int64(8), np.float32(8), np.float64(8)])
@pytest.mark.parametrize("name", ["kaiser", "kaiser_bessel_derived", "gaussian", "low_delay"])
def test_parameter_may_be_any_kind_of_number(
    name: str, number: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scipy.signal", None)
    assert np.array_equal(shape((name, number), 64), shape((name, 8.0), 64))


def test_kaiser_narrows_with_beta() -> None:
    assert shape(("kaiser", 2), 64).sum() > shape(("kaiser", 8.6), 64).sum() > shape(("kaiser", 20), 64).sum()


@given(length=st.integers(1, 300).map(lambda half: 2 * half), beta=st.floats(0, 30))
def test_derived_windows_are_power_complementary_at_half_overlap(length: int, beta: float) -> None:
    for spec in ("vorbis", ("kaiser_bessel_derived", beta)):
        power = shape(spec, length) ** 2
        assert np.allclose(power[: length // 2] + power[length // 2 :], 1, rtol=0, atol=1e-14)


@given(half=st.integers(2, 100), longer=st.integers(0, 200))
def test_low_delay_pair_multiplies_to_a_hann_window_of_the_support(half: int, longer: int) -> None:
    length, support = 2 * half + longer, 2 * half
    pair = ("low_delay", support)
    geometry = STFT(length, half, length, window=pair, synthesis=pair)
    product = geometry.analysis_window * geometry.synthesis_window
    hann = np.sin(pi * np.arange(support) / support) ** 2
    assert np.allclose(product, np.pad(hann, (longer, 0)), rtol=0, atol=1e-13)
    assert not geometry.synthesis_window[: longer + 1].any()


def test_low_delay_analysis_rises_slowly_and_falls_over_half_the_support() -> None:
    window = shape(("low_delay", 192), 1024)
    rise = np.sin(pi * np.arange(928) / (2 * 928))
    fall = np.cos(pi * np.arange(96) / (2 * 96))
    assert np.allclose(window, np.concatenate([rise, fall]), rtol=0, atol=1e-14)


@pytest.mark.parametrize("values", [list, tuple, np.array, lambda v: np.array(v, np.float32)])
def test_array_of_values_is_taken_as_it_is(values: Callable[[list[float]], WindowSpec]) -> None:
    window = shape(values([0.25, 1.0, -0.5, 2.0]), 4)
    assert window.tolist() == [0.25, 1.0, -0.5, 2.0]


def test_given_array_is_copied() -> None:
    values = np.ones(8)
    geometry = STFT(8, 2, 8, values)
    values[:] = 5
    assert geometry.analysis_window.tolist() == [1.0] * 8


def test_rounding_noise_at_a_windows_ends_is_zero() -> None:
    assert np.blackman(8)[0] != 0
    assert shape("blackman", 8)[0] == 0


@pytest.mark.parametrize(
    "spec", ["parzen", ("tukey", 0.25), ("tukey", 0.25, "symmetric"), ("general_gaussian", 2, 9)]
)
def test_other_names_are_scipys(spec: WindowSpec) -> None:
    signal = pytest.importorskip("scipy.signal")
    symmetric = spec[-1] == "symmetric"
    scipy_spec = spec[:-1] if symmetric else spec
    assert np.array_equal(shape(spec, 32), signal.get_window(scipy_spec, 32, fftbins=not symmetric))


def test_name_that_only_scipy_knows_asks_for_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.signal", None)
    with pytest.raises(MissingExtraError, match=r"'parzen'.*pip install 'rtstft\[scipy\]'"):
        STFT(64, 16, 64, "parzen")


BAD_SPECS: dict[str, tuple[object, str]] = {
    "unknown name": ("hanning_", r"'hanning_'.*built in: bartlett, .*vorbis"),
    "parameter too many": (("hann", 3.0), r"hann.*built in: "),
    "low delay without support": ("low_delay", r"\('low_delay', .*support"),
    "odd support": (("low_delay", 63), "support of 63 .*even"),
    "fractional support": (("low_delay", 16.5), r"16\.5"),
    "long support": (("low_delay", 66), "between 2 and the window's length"),
    "zero deviation": (("gaussian", 0.0), "finite|gaussian"),
    "wrong length": ([1.0, 2.0], r"shape \(2,\), expected \(64,\)"),
    "two dimensions": (np.ones((2, 32)), r"shape \(2, 32\), expected \(64,\)"),
    "ragged": ([[1.0], [2.0, 3.0]], "array of numbers"),
    "strings": (["a"] * 64, "array of numbers"),
    "none": (None, "array"),
    "object": (object(), "array of numbers"),
    "function": (np.hanning, "array of numbers"),
    "complex": (1j * np.ones(64), "complex|array of"),
    "zeros": (np.zeros(64), "not all zero"),
    "nan": (np.full(64, np.nan), "finite"),
    "infinity": (np.full(64, np.inf), "finite"),
}


@pytest.mark.parametrize(("spec", "says"), BAD_SPECS.values(), ids=BAD_SPECS)
def test_bad_spec_is_refused_with_what_was_expected(spec: Any, says: str) -> None:
    pytest.importorskip("scipy.signal")
    with pytest.raises(GeometryError, match=says):
        STFT(64, 16, 64, spec)


@pytest.mark.parametrize("case", ["object", "strings", "function", "two dimensions"])
def test_bad_synthesis_is_refused_likewise(case: str) -> None:
    spec: Any = BAD_SPECS[case][0]
    with pytest.raises(GeometryError, match=BAD_SPECS[case][1]):
        STFT(64, 16, 64, synthesis=spec)
