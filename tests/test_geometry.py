"""STFT as a value, its validation, and the designs it makes or refuses."""

import copy
import math
import pickle
import re
from dataclasses import FrozenInstanceError, replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import geometries, noise, quiet_stft

from rtstft import STFT, ConditioningWarning, GeometryError

LOW_DELAY = ("low_delay", 192)


def test_defaults() -> None:
    geometry = STFT()
    assert (geometry.n_fft, geometry.hop_length, geometry.win_length) == (1024, 256, 1024)
    assert (geometry.window, geometry.synthesis) == ("hann", "dual")


def test_window_defaults_to_n_fft_and_hop_to_a_quarter_window() -> None:
    assert STFT(512).win_length == 512
    assert STFT(1024, win_length=600).hop_length == 150
    assert STFT(2).hop_length == 1


@pytest.mark.parametrize("name", ["n_fft", "hop_length", "window", "analysis_window", "conditioning"])
def test_is_frozen(name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(STFT(), name, 1)


@pytest.mark.parametrize(
    "geometry",
    [
        STFT(),
        STFT(synthesis="same"),
        STFT(synthesis="ola"),
        STFT(1024, 96, window=LOW_DELAY, synthesis=LOW_DELAY),
        STFT(8, 8, 8, np.ones(8), np.ones(8)),
    ],
    ids=repr,
)
def test_windows_are_read_only_float64(geometry: STFT) -> None:
    for values in (geometry.analysis_window, geometry.synthesis_window):
        assert values.dtype == np.float64
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 1


def test_synthesis_window_has_win_length_samples_and_n_fft_for_ola() -> None:
    assert STFT(1024, 160, 512).synthesis_window.shape == (512,)
    assert STFT(1024, 160, 512, synthesis="ola").synthesis_window.shape == (1024,)


@pytest.mark.parametrize("window", ["hann", ("kaiser", 5.0), np.hamming(64)], ids=["name", "tuple", "array"])
def test_equal_arguments_make_equal_and_equally_hashed_geometries(window: Any) -> None:
    one, other = STFT(64, 16, 64, window), STFT(64, 16, 64, copy.copy(window))
    assert one == other
    assert hash(one) == hash(other)


def test_array_list_and_tuple_of_the_same_values_are_the_same_window() -> None:
    values = np.hamming(8)
    assert len({STFT(8, 2, 8, spec) for spec in (values, values.tolist(), tuple(values))}) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"n_fft": 128},
        {"hop_length": 8},
        {"win_length": 32},
        {"window": "hamming"},
        {"window": ("hann", "symmetric")},
        {"window": np.hamming(64)},
        {"synthesis": "same"},
    ],
    ids=repr,
)
def test_any_other_argument_makes_another_geometry(change: dict[str, Any]) -> None:
    geometry = STFT(64, 16, 64)
    assert replace(geometry, **change) != geometry


@pytest.mark.filterwarnings("ignore::rtstft.ConditioningWarning")
@given(geometry=geometries())
def test_pickle_and_copy_give_an_equal_geometry_with_read_only_windows(geometry: STFT) -> None:
    for again in (pickle.loads(pickle.dumps(geometry)), copy.copy(geometry), copy.deepcopy(geometry)):
        assert again == geometry
        assert hash(again) == hash(geometry)
        assert np.array_equal(again.analysis_window, geometry.analysis_window)
        assert np.array_equal(again.synthesis_window, geometry.synthesis_window)
        assert not again.analysis_window.flags.writeable
        assert not again.synthesis_window.flags.writeable


@pytest.mark.parametrize(
    "geometry", [STFT(), STFT(1024, 160, 512, ("kaiser", 8.0, "symmetric"), "same")], ids=str
)
def test_repr_evaluates_to_the_geometry(geometry: STFT) -> None:
    assert eval(repr(geometry), {"STFT": STFT}) == geometry


def test_repr_of_an_array_is_short() -> None:
    assert repr(STFT(64, 16, 64, np.hanning(66)[1:-1])) == (
        "STFT(n_fft=64, hop_length=16, win_length=64, window=<64 values>, synthesis='dual')"
    )


def test_str_is_in_samples() -> None:
    assert str(STFT(1024, 160, 512, "hamming")) == (
        "STFT hamming: window 512, hop 160, latency 352 samples, n_fft 1024, 513 bins"
    )


def test_format_with_a_samplerate_is_in_milliseconds_and_hertz() -> None:
    geometry = STFT(1024, 160, 512, "hamming")
    assert f"{geometry:16000}" == geometry.describe(16_000)
    for part in ("512 (32 ms)", "160 (10 ms)", "352 (22 ms)", "513 bins of 15.62 Hz"):
        assert part in f"{geometry:16000}"
    assert f"{geometry}" == str(geometry)


@pytest.mark.parametrize(
    ("arguments", "got", "expected"),
    [
        ({"n_fft": 1}, "n_fft=1", "at least 2"),
        ({"n_fft": 64.0}, "n_fft=64.0", "whole number"),
        ({"n_fft": "64"}, "n_fft='64'", "whole number"),
        ({"hop_length": 0}, "hop_length=0", "at least 1"),
        ({"hop_length": -4}, "hop_length=-4", "at least 1"),
        ({"hop_length": 16.5}, "hop_length=16.5", "whole number"),
        ({"hop_length": 65}, "hop_length=65", "1 to 64"),
        ({"win_length": 0}, "win_length=0", "at least 1"),
        ({"win_length": 65}, "win_length=65", "n_fft=64"),
        ({"synthesis": "least-squares"}, "synthesis='least-squares'", "'dual', 'same', 'ola'"),
        ({"synthesis": np.ones(63)}, "(63,)", "(64,)"),
        ({"synthesis": ("low_delay", 15)}, "support of 15", "even"),
        ({"synthesis": ("low_delay", 8.5)}, "8.5", ""),
    ],
    ids=repr,
)
def test_bad_argument_is_refused_with_got_and_expected(
    arguments: dict[str, Any], got: str, expected: str
) -> None:
    with pytest.raises(GeometryError, match=f"{re.escape(got)}.*{re.escape(expected)}"):
        STFT(**{"n_fft": 64, "hop_length": 16, **arguments})


@pytest.mark.parametrize("synthesis", ["dual", "same", "ola"])
@pytest.mark.parametrize(
    ("window", "win_length"), [("hann", 64), ("hann", 45), ("blackman", 512), ("bartlett", 7)]
)
def test_hop_without_dual_is_refused_with_one_that_works(
    window: str, win_length: int, synthesis: str
) -> None:
    with pytest.raises(GeometryError, match=rf"hop_length={win_length} .*add up to 0 ") as caught:
        STFT(512, win_length, win_length, window, synthesis)
    named = re.search(r"hop_length=(\d+) works", str(caught.value))
    assert named is not None
    geometry = STFT(512, int(named[1]), win_length, window, synthesis)
    assert geometry.reconstruction_error < 1e-13


def test_hop_just_above_the_limit_of_invertibility_is_refused() -> None:
    tiny = np.ones(16)
    tiny[-1] = 0.9e-3
    with pytest.raises(GeometryError, match="no synthesis window"):
        STFT(16, 16, 16, tiny)
    tiny[-1] = 1.1e-3
    with pytest.warns(ConditioningWarning):
        STFT(16, 16, 16, tiny)


def test_conditioning_is_the_ratio_of_the_folded_power() -> None:
    assert quiet_stft(512, 400).conditioning == pytest.approx(38.8, rel=2e-3)
    assert STFT(1024, 160, 512, "hamming").conditioning == pytest.approx(1.013, rel=1e-3)
    assert STFT(512, 128).conditioning == pytest.approx(1, rel=1e-12)


def test_conditioning_over_10_warns_at_the_callers_line() -> None:
    with pytest.warns(ConditioningWarning, match=r"conditioning 38\.8 .*shorter hop, say \d+") as caught:
        STFT(512, 400)
    assert caught[0].filename == __file__


@given(geometry=geometries())
def test_reconstruction_is_imposed(geometry: STFT) -> None:
    hop = geometry.hop_length
    product = geometry.analysis_window * geometry.synthesis_window[: geometry.win_length]
    sums = np.array([product[start::hop].sum() for start in range(hop)])
    error = np.abs(sums - 1).max()
    assert error <= 1e-13
    assert geometry.reconstruction_error == pytest.approx(error, abs=1e-13)


@given(geometry=geometries(synthesis="same"))
def test_same_gives_two_equal_windows(geometry: STFT) -> None:
    assert np.array_equal(geometry.analysis_window, geometry.synthesis_window)


@given(geometry=geometries(synthesis="dual"))
def test_dual_is_the_minimum_norm_inverse(geometry: STFT) -> None:
    hop, window = geometry.hop_length, geometry.analysis_window
    for start in range(0, hop, max(1, hop // 5)):
        least_norm = np.linalg.pinv(window[np.newaxis, start::hop])[:, 0]
        tolerance = 1e-12 * np.abs(least_norm).max()
        assert np.allclose(geometry.synthesis_window[start::hop], least_norm, rtol=0, atol=tolerance)


def test_synthesis_array_that_reconstructs_is_used_as_it_is() -> None:
    synthesis = np.hanning(65)[:64] / 1.5
    geometry = STFT(64, 16, 64, "hann", synthesis)
    assert np.array_equal(geometry.synthesis_window, synthesis)
    assert geometry.reconstruction_error < 1e-15
    x = noise(500, 2, "float64")
    assert np.allclose(geometry.istft(geometry.stft(x), length=500), x, rtol=0, atol=1e-14)


def test_synthesis_array_that_does_not_reconstruct_is_refused_with_the_residual() -> None:
    with pytest.raises(GeometryError, match=r"within 0\.5 .*expected 0\.001.*synthesis='dual'"):
        STFT(64, 16, 64, "hann", np.hanning(65)[:64])


def test_nearly_perfect_synthesis_array_is_accepted_and_its_error_told() -> None:
    geometry = STFT(64, 16, 64, "hann", np.hanning(65)[:64] / 1.5 * 1.0005)
    assert geometry.reconstruction_error == pytest.approx(0.0005)


@pytest.mark.parametrize("n_fft", [8, 9, 1024])
def test_frequencies_are_numpys(n_fft: int) -> None:
    geometry = STFT(n_fft, window="hamming")
    frequencies = geometry.frequencies(44_100)
    assert geometry.bins == len(frequencies) == n_fft // 2 + 1
    assert np.allclose(frequencies, np.fft.rfftfreq(n_fft, 1 / 44_100), rtol=1e-15)


@given(geometry=geometries(), length=st.integers(0, 1000), pad=st.booleans())
def test_frame_count_counts_frames_that_touch_or_fit_the_signal(
    geometry: STFT, length: int, pad: bool
) -> None:
    hop = geometry.hop_length
    if pad:
        end = np.flatnonzero(geometry.analysis_window)[-1] + 1
        starts = range(hop - end, length, hop)
        expected = len(starts) if length else 0
    else:
        expected = len([s for s in range(0, length, hop) if s + geometry.win_length <= length])
    assert geometry.frame_count(length, pad=pad) == expected
    assert len(geometry.stft(np.zeros(length), pad=pad)) == expected


BLOCKSIZES = st.one_of(st.none(), st.integers(1, 300))


@given(target=st.integers(2, 400), n_fft=st.integers(8, 300), blocksize=BLOCKSIZES)
def test_for_latency_takes_the_longest_support_within_the_target(
    target: int, n_fft: int, blocksize: int | None
) -> None:
    geometry = STFT.for_latency(target / 8000, 8000, n_fft=n_fft, blocksize=blocksize)
    assert geometry.n_fft == geometry.win_length == n_fft
    assert geometry.latency(blocksize) <= target
    half = geometry.hop_length
    for longer in range(half + 1, n_fft // 2 + 1):
        pair = ("low_delay", 2 * longer)
        assert quiet_stft(n_fft, longer, window=pair, synthesis=pair).latency(blocksize) > target


@pytest.mark.parametrize(("blocksize", "latency"), [(96, 95), (64, 159), (128, 159), (256, 159), (None, 190)])
def test_latency_of_the_4_ms_pair(blocksize: int | None, latency: int) -> None:
    geometry = STFT(1024, 96, window=LOW_DELAY, synthesis=LOW_DELAY)
    assert geometry.latency(blocksize) == latency
    assert STFT.for_latency(latency / 48_000, 48_000, hop_length=96, blocksize=blocksize) == geometry


def test_for_latency_keeps_a_given_hop() -> None:
    geometry = STFT.for_latency(0.004, 48_000, hop_length=32, blocksize=64)
    assert geometry.hop_length == 32
    assert 192 - 64 < geometry.latency(64) <= 192


@pytest.mark.parametrize("hop_length", [None, 1, 2, 3])
@pytest.mark.parametrize("blocksize", [None, 1, 6])
def test_for_latency_out_of_reach_tells_the_least_that_is_possible(
    hop_length: int | None, blocksize: int | None
) -> None:
    design = partial(STFT.for_latency, samplerate=1000, n_fft=64, hop_length=hop_length, blocksize=blocksize)
    with pytest.raises(GeometryError) as caught:
        design(0.0)
    told = re.search(r"is (\d+) samples", str(caught.value))
    assert told is not None
    least = int(told[1])
    assert design(least / 1000).latency(blocksize) == least
    with pytest.raises(GeometryError):
        design((least - 1) / 1000)


def test_for_latency_with_a_hop_too_long_for_any_support_says_so() -> None:
    with pytest.raises(GeometryError, match="hop_length=200") as caught:
        STFT.for_latency(1.0, 48_000, n_fft=256, hop_length=200)
    assert "398 samples" not in str(caught.value)


@pytest.mark.parametrize(
    ("seconds", "samplerate", "says"),
    [
        (-0.01, 48_000, "seconds=-0.01"),
        (math.nan, 48_000, "seconds=nan"),
        (math.inf, 48_000, "seconds=inf"),
        (0.01, 0, "samplerate=0"),
        (0.01, -8000, "samplerate=-8000"),
        (0.01, math.inf, "samplerate=inf"),
    ],
)
def test_for_latency_refuses_impossible_numbers(seconds: float, samplerate: float, says: str) -> None:
    with pytest.raises(GeometryError, match=says):
        STFT.for_latency(seconds, samplerate)


@pytest.mark.parametrize("blocksize", [0, -1, 2.5, "128"])
def test_latency_refuses_a_blocksize_that_is_none(blocksize: Any) -> None:
    with pytest.raises(GeometryError, match=re.escape(f"blocksize={blocksize!r}, expected")):
        STFT().latency(blocksize)
