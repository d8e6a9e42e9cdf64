"""Whole-array stft and istft: exact inverse, and the spectra of MATLAB, scipy and librosa."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import PLAIN, dtypes, geometries, loudest, noise, quiet_stft, rounding, seeds

from rtstft import STFT, AudioError

MATLAB = STFT(1024, 160, 512, ("hamming", "symmetric"))
SMALL = STFT(64, 16, 48)


def windowed_ffts(x: NDArray[Any], geometry: STFT) -> NDArray[Any]:
    """MATLAB's definition, frame by frame."""
    window, hop = geometry.analysis_window, geometry.hop_length
    starts = range(0, len(x) - len(window) + 1, hop)
    return np.array([np.fft.rfft(x[s : s + len(window)] * window, geometry.n_fft) for s in starts])


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-14)])
@pytest.mark.parametrize("length", [1, 159, 512, 5003])
@pytest.mark.parametrize("window", [*PLAIN, ("low_delay", 128)], ids=str)
def test_signal_comes_back_edges_included(window: Any, length: int, dtype: str, tolerance: float) -> None:
    geometry = STFT(512, 64, window=window, synthesis=window if isinstance(window, tuple) else "dual")
    x = noise(length, None, dtype)
    y = geometry.istft(geometry.stft(x), length=length)
    assert loudest(x - y) <= tolerance


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-14)])
@pytest.mark.parametrize("synthesis", ["dual", "same", "ola"])
@pytest.mark.parametrize("window", ["hamming", ("hamming", "symmetric")], ids=str)
def test_hop_that_does_not_divide_the_window_is_no_less_exact(
    window: Any, synthesis: str, dtype: str, tolerance: float
) -> None:
    geometry = STFT(1024, 160, 512, window, synthesis)
    for length in (1, 160, 161, 20_011):
        x = noise(length, 2, dtype)
        assert loudest(x - geometry.istft(geometry.stft(x), length=length)) <= tolerance


@given(geometry=geometries(), length=st.integers(0, 900), dtype=dtypes, seed=seeds)
def test_signal_comes_back_whatever_the_geometry(geometry: STFT, length: int, dtype: str, seed: int) -> None:
    x = noise(length, 2, dtype, seed)
    y = geometry.istft(geometry.stft(x), length=length)
    assert loudest(x - y) <= rounding(geometry, dtype)


@given(geometry=geometries(), length=st.integers(1, 900), seed=seeds)
def test_middle_comes_back_without_padding(geometry: STFT, length: int, seed: int) -> None:
    x = noise(length, None, "float64", seed)
    y = geometry.istft(geometry.stft(x, pad=False), pad=False)
    edge = geometry.win_length - 1
    middle = slice(edge, max(edge, geometry.frame_count(length, pad=False) * geometry.hop_length))
    assert loudest(x[middle] - y[middle]) <= rounding(geometry, "float64")


@given(geometry=geometries(), frames=st.integers(0, 9), seed=seeds)
def test_istft_without_padding_is_overlap_add_from_the_first_frames_start(
    geometry: STFT, frames: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    spectra = rng.normal(size=(frames, geometry.bins)) + 1j * rng.normal(size=(frames, geometry.bins))
    synthesis, hop = geometry.synthesis_window, geometry.hop_length
    expected = np.zeros((frames - 1) * hop + len(synthesis) if frames else 0)
    for k, spectrum in enumerate(spectra):
        piece = np.fft.irfft(spectrum, geometry.n_fft)[: len(synthesis)] * synthesis
        expected[k * hop : k * hop + len(synthesis)] += piece
    y = geometry.istft(spectra, pad=False)
    assert y.shape == expected.shape
    assert np.allclose(y, expected, rtol=0, atol=1e-12 * (1 + loudest(expected)))


@given(geometry=geometries(), length=st.integers(0, 900), seed=seeds)
def test_unpadded_frames_are_the_loop_over_windowed_ffts(geometry: STFT, length: int, seed: int) -> None:
    x = noise(length, None, "float64", seed)
    expected = windowed_ffts(x, geometry).reshape(-1, geometry.bins)
    spectra = geometry.stft(x, pad=False)
    assert spectra.shape == expected.shape
    assert np.allclose(spectra, expected, rtol=0, atol=1e-13 * geometry.win_length * (1 + loudest(expected)))


@given(geometry=geometries(), length=st.integers(1, 900), seed=seeds)
def test_padded_frame_k_ends_at_sample_k_plus_1_hops(geometry: STFT, length: int, seed: int) -> None:
    x = noise(length, None, "float64", seed)
    spectra = geometry.stft(x)
    overlap, hop = geometry.overlap, geometry.hop_length
    after = len(spectra) * hop + geometry.win_length - length
    expected = windowed_ffts(np.pad(x, (overlap, after)), geometry)[: len(spectra)]
    assert np.allclose(spectra, expected, rtol=0, atol=1e-13 * geometry.win_length * (1 + loudest(expected)))


@pytest.mark.parametrize("length", [511, 512, 671, 672, 16_000])
def test_spectra_are_matlabs_spectrogram(length: int) -> None:
    x = noise(length, None, "float64")
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(512) / 511)
    columns = max(0, (length - 352) // 160)
    spectra = MATLAB.stft(x, pad=False)
    assert spectra.shape == (columns, 513)
    for k in range(columns):
        expected = np.fft.rfft(x[160 * k : 160 * k + 512] * window, 1024)
        assert np.allclose(spectra[k], expected, rtol=0, atol=1e-12)


def test_spectra_are_scipys_spectrogram_without_its_scaling_and_detrending() -> None:
    signal = pytest.importorskip("scipy.signal")
    x = noise(9000, None, "float64") + 0.5
    window = np.hamming(512)
    *_, columns = signal.spectrogram(
        x,
        window=window,
        nperseg=512,
        noverlap=352,
        nfft=1024,
        mode="complex",
        detrend=False,
        scaling="spectrum",
    )
    assert np.allclose(MATLAB.stft(x, pad=False), columns.T * window.sum(), rtol=0, atol=1e-11)


def test_spectra_are_scipys_short_time_fft() -> None:
    signal = pytest.importorskip("scipy.signal")
    x = noise(9000, None, "float64")
    scipy = signal.ShortTimeFFT(np.hamming(512), hop=160, fs=1, mfft=1024, phase_shift=None)
    first = -(-256 // 160)  # scipy centres slice p at 160 p: slice 2 is the first that is wholly inside
    start = 160 * first - 256
    spectra = MATLAB.stft(x[start:], pad=False)
    expected = scipy.stft(x, p0=first, p1=first + len(spectra)).T
    assert np.allclose(spectra, expected, rtol=0, atol=1e-11)


@pytest.mark.filterwarnings("ignore")
def test_spectra_are_librosas() -> None:
    librosa = pytest.importorskip("librosa")
    x = noise(9000, None, "float64")
    geometry = STFT(1024, 160, 1024, "hamming")
    expected = librosa.stft(
        x, n_fft=1024, hop_length=160, window="hamming", center=False, dtype=np.complex128
    )
    assert np.allclose(geometry.stft(x, pad=False), expected.T, rtol=0, atol=1e-11)


@given(
    geometry=geometries(longest=100),
    channels=st.integers(1, 4),
    length=st.integers(0, 400),
    pad=st.booleans(),
)
def test_multichannel_is_the_stack_of_its_channels(
    geometry: STFT, channels: int, length: int, pad: bool
) -> None:
    x = noise(length, channels, "float32")
    spectra = geometry.stft(x, pad=pad)
    assert spectra.shape == (geometry.frame_count(length, pad=pad), channels, geometry.bins)
    y = geometry.istft(spectra, pad=pad)
    for c in range(channels):
        assert np.array_equal(spectra[:, c], geometry.stft(x[:, c], pad=pad))
        assert np.array_equal(y[:, c], geometry.istft(spectra[:, c], pad=pad))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", ">f4", ">f8"])
def test_precision_is_the_inputs(dtype: str) -> None:
    x = noise(100, None, "float64").astype(dtype)
    single = x.dtype.itemsize <= 4
    spectra = SMALL.stft(x)
    assert spectra.dtype == (np.complex64 if single else np.complex128)
    assert SMALL.istft(spectra).dtype == (np.float32 if single else np.float64)


@pytest.mark.parametrize("order", ["C", "F"])
def test_memory_layout_does_not_matter(order: Any) -> None:
    x = noise(400, 3, "float32")
    spectra = SMALL.stft(x)
    assert np.array_equal(SMALL.stft(np.array(x, order=order)), spectra)
    assert np.array_equal(SMALL.stft(x[::-1][::-1]), spectra)
    assert np.array_equal(SMALL.istft(np.array(spectra, order=order)), SMALL.istft(spectra))


def test_lists_are_taken_as_arrays() -> None:
    x = noise(100, None, "float64")
    spectra = SMALL.stft(x)
    assert np.array_equal(SMALL.stft(x.tolist()), spectra)
    assert np.array_equal(SMALL.istft(spectra.tolist()), SMALL.istft(spectra))


@pytest.mark.parametrize("pad", [True, False])
def test_arguments_are_left_as_they_were(pad: bool) -> None:
    x = noise(400, 2, "float32")
    spectra = SMALL.stft(x, pad=pad)
    x.flags.writeable = spectra.flags.writeable = False
    before = spectra.copy()
    assert np.array_equal(SMALL.stft(x, pad=pad), before)
    SMALL.istft(spectra, pad=pad)
    assert np.array_equal(spectra, before)


def test_results_belong_to_the_caller() -> None:
    x = noise(400, 2, "float32")
    spectra = SMALL.stft(x)
    kept = spectra.copy()
    y = SMALL.istft(spectra)
    y_kept = y.copy()
    SMALL.istft(SMALL.stft(-x))
    assert np.array_equal(spectra, kept)
    assert np.array_equal(y, y_kept)


@pytest.mark.parametrize("pad", [True, False])
@pytest.mark.parametrize("shape", [(0,), (0, 2)])
def test_nothing_in_nothing_out(shape: tuple[int, ...], pad: bool) -> None:
    spectra = SMALL.stft(np.zeros(shape), pad=pad)
    assert spectra.shape == (0, *shape[1:], 33)
    assert SMALL.istft(spectra, pad=pad).shape == shape
    assert SMALL.istft(spectra, length=0, pad=pad).shape == shape


@pytest.mark.parametrize("pad", [True, False])
def test_signal_shorter_than_a_window(pad: bool) -> None:
    x = noise(5, None, "float64")
    spectra = SMALL.stft(x, pad=pad)
    assert len(spectra) == (3 if pad else 0)
    if pad:
        assert np.allclose(SMALL.istft(spectra, length=5), x, rtol=0, atol=1e-14)


def test_length_trims() -> None:
    spectra = SMALL.stft(noise(100, None, "float64"))
    whole = SMALL.istft(spectra)
    assert len(whole) == len(spectra) * 16 - 32 >= 100
    for length in (0, 1, 99, len(whole)):
        assert np.array_equal(SMALL.istft(spectra, length=length), whole[:length])


@pytest.mark.parametrize("pad", [True, False])
def test_length_beyond_what_the_frames_determine_is_refused(pad: bool) -> None:
    spectra = SMALL.stft(noise(100, None, "float64"), pad=pad)
    longest = len(SMALL.istft(spectra, pad=pad))
    for length in (longest + 1, -1):
        says = rf"length={length}, but {len(spectra)} frames determine 0 to {longest} samples"
        with pytest.raises(AudioError, match=says):
            SMALL.istft(spectra, length=length, pad=pad)


@pytest.mark.parametrize(
    ("dtype", "scale"), [("int16", "32768"), ("int32", "2147483648"), ("uint8", "128"), ("int64", "")]
)
def test_integers_are_refused_with_the_scaling_they_need(dtype: str, scale: str) -> None:
    with pytest.raises(AudioError, match=rf"samples are {dtype}, expected floats: .*{scale}"):
        SMALL.stft(np.zeros(100, dtype))


BAD_SAMPLES: dict[str, tuple[Any, str]] = {
    "complex": (np.zeros(9, complex), "complex128, expected real"),
    "bool": (np.zeros(9, bool), "bool, expected real"),
    "text": (np.array(["a"]), "expected real"),
    "scalar": (np.array(1.0), r"shape \(\), expected \(samples,\) or \(samples, channels\)"),
    "three axes": (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\), expected \(samples,\)"),
    "no channel": (np.zeros((9, 0)), "at least one channel"),
}


@pytest.mark.parametrize(("x", "says"), BAD_SAMPLES.values(), ids=BAD_SAMPLES)
def test_bad_samples_are_refused(x: Any, says: str) -> None:
    with pytest.raises(AudioError, match=says):
        SMALL.stft(x)


BAD_SPECTRA: dict[str, tuple[Any, str]] = {
    "magnitudes": (np.zeros((5, 33)), r"float64, expected complex numbers: magnitude \* exp"),
    "one bin too many": (np.zeros((5, 34), complex), r"\(5, 34\), expected \(frames, 33\)"),
    "bins first": (np.zeros((33, 5), complex), r"\(33, 5\), expected \(frames, 33\)"),
    "one frame alone": (np.zeros(33, complex), r"\(33,\), expected \(frames, 33\)"),
    "four axes": (np.zeros((1, 1, 1, 33), complex), r"\(frames, channels, 33\)"),
    "no channel": (np.zeros((5, 0, 33), complex), "at least one channel"),
}


@pytest.mark.parametrize(("spectra", "says"), BAD_SPECTRA.values(), ids=BAD_SPECTRA)
def test_bad_spectra_are_refused(spectra: Any, says: str) -> None:
    with pytest.raises(AudioError, match=says):
        SMALL.istft(spectra)


def test_ill_conditioned_pair_amplifies_rounding_no_more_than_it_must() -> None:
    geometry = quiet_stft(512, 480)
    x = noise(5000, None, "float64")
    assert loudest(x - geometry.istft(geometry.stft(x), length=5000)) < 1e-15 * geometry.conditioning
