"""Filter and equaliser: the response measured is the one asked for, or a warning says that it is not."""

import re
import warnings
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import Samples, geometries, loudest, noise, seeds, streamed

from rtstft import STFT, ParameterError, PluginError, Processor, SetupError
from rtstft.errors import ResponseWarning
from rtstft.plugins._shaper import Fit, Shaper, minimum_phase
from rtstft.plugins.eq import Eq
from rtstft.plugins.filter import Filter

RATE = 48_000
POINTS = 1 << 14
HANN = STFT(1024, 256)
PADDED = STFT(2048, 256, 1024, synthesis="ola")
OVERLAP_SAVE = STFT(2048, 1024, window="boxcar", synthesis=np.repeat([0.0, 1.0], 1024))
BANDS = "low_shelf:300:+3, peak:1000:-6:1.4, high_shelf:8000:2"
FREQUENCIES = np.fft.rfftfreq(POINTS, 1 / RATE)


def measured(plugin: Shaper, geometry: STFT, places: int = 8) -> Any:
    """Spectra of the responses to impulses all over the hop, shape (places, frequencies)."""
    found = []
    for place in np.linspace(0, geometry.hop_length - 1, places).astype(int):
        x = np.zeros((POINTS, 1))
        at = 4 * geometry.win_length + place
        x[at] = 1
        processor = Processor(plugin, geometry, RATE, channels=1, dtype="float64")
        y = streamed(processor, x)[processor.latency :, 0]
        found.append(np.fft.rfft(np.roll(y[:POINTS], -at)))
    return np.array(found)


def decibels(ratio: Any) -> Any:
    return 20 * np.log10(np.maximum(np.abs(ratio), 1e-12))


def butterworth(kind: str, frequency: float, width: float, slope: float) -> Any:
    """Magnitude that Filter promises."""
    f = np.maximum(FREQUENCIES, 1e-9)
    detuning = f / frequency if kind in ("low", "high") else (f**2 - frequency**2) / (f * width)
    power = np.abs(detuning) ** (slope / 20 * np.log2(10) * 2)
    with np.errstate(over="ignore"):
        return np.sqrt((power if kind in ("high", "notch") else 1) / (1 + power))


def deviation(found: Any, asked: Any) -> float:
    """Largest difference in dB where the response is above -40 dB."""
    heard = asked > 1e-2 * asked.max()
    return loudest(decibels(found[..., heard]) - decibels(asked[heard]))


@pytest.mark.parametrize("geometry", [HANN, PADDED, OVERLAP_SAVE], ids=str)
@pytest.mark.parametrize(
    ("kind", "frequency", "slope"),
    [("low", 1000.0, 24.0), ("low", 9000.0, 96.0), ("high", 3000.0, 24.0), ("band", 3000.0, 12.0)],
)
def test_filter_does_what_is_asked(geometry: STFT, kind: str, frequency: float, slope: float) -> None:
    plugin = Filter(kind=kind, frequency_hz=frequency, slope_db=slope, width_hz=2500.0)
    found = measured(plugin, geometry)
    assert deviation(found, butterworth(kind, frequency, 2500, slope)) < 0.1
    assert plugin.error_db < 0.1


def test_edges_and_slope_of_a_filter() -> None:
    response = decibels(measured(Filter(frequency_hz=2000.0, slope_db=24.0), PADDED, 1)[0])
    at = dict(zip((1000, 2000, 4000), np.interp([1000, 2000, 4000], FREQUENCIES, response)))
    assert at[1000] == pytest.approx(0, abs=0.1)
    assert at[2000] == pytest.approx(-3.01, abs=0.05)
    assert at[4000] == pytest.approx(-24, abs=0.5)


def test_notch_takes_out_its_frequency() -> None:
    plugin = Filter(kind="notch", frequency_hz=5000.0, width_hz=2000.0, slope_db=6.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResponseWarning)
        response = decibels(measured(plugin, PADDED, 1)[0])
    assert np.interp(5000, FREQUENCIES, response) < -40
    assert np.interp([50, 20_000], FREQUENCIES, response) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("geometry", [HANN, PADDED, OVERLAP_SAVE], ids=str)
def test_bands_have_the_cookbooks_response(geometry: STFT) -> None:
    signal = pytest.importorskip("scipy.signal")
    found = measured(Eq(bands=BANDS), geometry)
    asked = np.ones(len(FREQUENCIES))
    for kind, f, db, q in [("ls", 300, 3, 0.5**0.5), ("pk", 1000, -6, 1.4), ("hs", 8000, 2, 0.5**0.5)]:
        a, w = 10 ** (db / 40), 2 * np.pi * f / RATE
        c, alpha = np.cos(w), np.sin(w) / (2 * q)
        r = 2 * np.sqrt(a) * alpha
        top, bottom = {
            "pk": ([1 + alpha * a, -2 * c, 1 - alpha * a], [1 + alpha / a, -2 * c, 1 - alpha / a]),
            "ls": (
                [a * (a + 1 - (a - 1) * c + r), 2 * a * (a - 1 - (a + 1) * c), a * (a + 1 - (a - 1) * c - r)],
                [a + 1 + (a - 1) * c + r, -2 * (a - 1 + (a + 1) * c), a + 1 + (a - 1) * c - r],
            ),
            "hs": (
                [
                    a * (a + 1 + (a - 1) * c + r),
                    -2 * a * (a - 1 + (a + 1) * c),
                    a * (a + 1 + (a - 1) * c - r),
                ],
                [a + 1 - (a - 1) * c + r, 2 * (a - 1 - (a + 1) * c), a + 1 - (a - 1) * c - r],
            ),
        }[kind]
        asked *= np.abs(signal.freqz(top, bottom, FREQUENCIES, fs=RATE)[1])
    assert deviation(found, asked) < 0.1


def test_curve_is_straight_between_its_points_and_level_beyond() -> None:
    response = decibels(measured(Eq(curve="1000:-6, 4000:6"), PADDED, 1)[0])
    at = [20, 500, 2000, 8000, 20_000]  # 2000 Hz: half of the way, in octaves
    assert np.interp(at, FREQUENCIES, response) == pytest.approx([-6, -6, 0, 6, 6], abs=0.15)


def test_bands_add_to_the_curve_and_a_flat_equaliser_is_exact() -> None:
    x = noise(2000, 2, "float64")
    flat = Processor(Eq(), HANN, dtype="float64")
    assert loudest(streamed(flat, x)[flat.latency :] - x) < 1e-12
    both = decibels(measured(Eq(curve="100:4", bands="peak:2000:-4:2"), PADDED, 1)[0])
    assert np.interp([2000, 20_000], FREQUENCIES, both) == pytest.approx([0, 4], abs=0.1)


@pytest.mark.parametrize(
    "plugin",
    [
        Eq(bands="peak:60:12:8"),
        Filter(kind="high", frequency_hz=50.0),
        Filter(kind="band", frequency_hz=1000.0, width_hz=20.0),
    ],
    ids=repr,
)
@pytest.mark.parametrize("geometry", [HANN, STFT(512, 256, window="sqrt_hann")], ids=str)
def test_response_that_does_not_fit_is_warned_of(plugin: Shaper, geometry: STFT) -> None:
    with pytest.warns(ResponseWarning, match="dB from the one asked for"):
        Processor(plugin, geometry, RATE)


def warned(processor: Processor, frames: int, action: Any = "always") -> list[str]:
    """What the next frames warn of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action)
        processor.process(np.zeros((frames * HANN.hop_length, 1)))
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("action", ["always", "error"])
@pytest.mark.parametrize(
    ("plugin", "misfits"),
    [
        (Filter(frequency_hz=2000.0), [{"frequency_hz": 30.0}, {"frequency_hz": 31.0}]),
        (Eq(bands="peak:2000:3"), [{"bands": "peak:60:12:8"}, {"bands": "peak:61:12:8"}]),
    ],
    ids=["filter", "eq"],
)
def test_later_setting_that_does_not_fit_is_warned_of_once(plugin: Shaper, misfits: Any, action: Any) -> None:
    plugin = copy(plugin)
    fits = dict(plugin.parameter_values)
    processor = Processor(plugin, HANN, RATE, channels=1)
    told = []
    for change in ({}, misfits[0], {"mix": 0.5}, fits, misfits[0], misfits[1]):
        plugin.set(**change)
        told.append(warned(processor, 20, action))
    processor.reset()
    told.append(warned(processor, 20, action))
    expected = [0, 1, 0, 0, 0, 1, 0] if action == "always" else [0] * 7
    assert [len(said) for said in told] == expected
    assert all("dB from the one asked for" in text for said in told for text in said)


def test_automation_is_judged_where_it_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    error_db, judged = Fit.error_db, []

    def noted(*given: Any) -> float:
        judged.append(error_db(*given))
        return judged[-1]

    monkeypatch.setattr(Fit, "error_db", noted)
    plugin = Filter()
    plugin.automate("frequency_hz", [(0.0, 2000.0), (0.3, 30.0), (0.5, 30.0), (0.8, 2000.0)])
    plugin.automate("mix", [(0.0, 1.0), (2.0, 0.5)])  # of no account
    processor = Processor(plugin, HANN, RATE, channels=1)
    told = [len(warned(processor, frames)) for frames in (55, 40, 200)]
    assert told == [0, 1, 0]  # down, rest and up
    assert [error > 0.1 for error in judged[-2:]] == [True, False]
    assert len(judged) <= 4  # as it is made and entered, and at both rests


@pytest.mark.parametrize("synthesis", ["dual", "ola"])
@pytest.mark.parametrize("window", ["hann", "hamming"])
@pytest.mark.parametrize("overlap", [2, 4])
@pytest.mark.parametrize("frequency", [100.0, 400.0, 1600.0])
def test_error_is_never_larger_than_said(synthesis: str, window: str, overlap: int, frequency: float) -> None:
    geometry = STFT(1024, 512 // overlap, 512, window, synthesis)
    plugin = Eq(bands=f"peak:{frequency}:-6:1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResponseWarning)
        mean = measured(plugin, geometry, 16).mean(0)
    assert deviation(mean, np.abs(np.fft.rfft(plugin.taps()[:, 0], POINTS))) < plugin.error_db + 0.02


@given(geometry=geometries(synthesis="ola"), seed=seeds, share=st.floats(0, 1))
def test_taps_that_fit_are_exact_convolution(geometry: STFT, seed: int, share: float) -> None:
    fit = geometry.n_fft - geometry.win_length + 1
    if fit < geometry.hop_length:
        return
    taps = noise(1 + int(share * (fit - 1)), 2, "float64", seed)
    x = noise(900, 2, "float64", seed)
    processor = Processor(Filter(taps), geometry, dtype="float64")
    y = streamed(processor, x)[processor.latency :]
    for c in range(2):
        size = max(1, loudest(geometry.analysis_window)) * np.abs(taps[:, c]).sum()
        assert loudest(y[:, c] - np.convolve(x[:, c], taps[:, c])[:900]) <= 1e-12 * size


def test_windows_weight_of_the_taps_is_corrected() -> None:
    taps = noise(65, None, "float64", 1)
    plugin = Filter(taps)
    assert deviation(measured(plugin, HANN), np.abs(np.fft.rfft(taps, POINTS))) < 0.02  # 1.2 without
    assert plugin.error_db < 0.02


def test_taps_that_do_not_fit_are_refused() -> None:
    Processor(Filter(np.ones(1025)), PADDED)
    with pytest.raises(PluginError, match=r"1026 taps, and 1025 fit.*take Convolve, or n_fft=2050"):
        Processor(Filter(np.ones(1026)), PADDED)


def test_taps_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "taps.txt"
    np.savetxt(path, [0.5, 0.0, -0.25])
    x = noise(1000, 1, "float64")
    processor = Processor(Filter(path=str(path)), PADDED, channels=1, dtype="float64")
    y = streamed(processor, x)[processor.latency :]
    assert loudest(y[:, 0] - np.convolve(x[:, 0], [0.5, 0, -0.25])[:1000]) < 1e-13
    with pytest.raises(PluginError, match="without taps"):
        Processor(Filter(kind="fir"), PADDED)


def test_change_glides_and_arrives() -> None:
    plugin = Filter(frequency_hz=8000.0)
    processor = Processor(plugin, PADDED, RATE, channels=1, dtype="float64")
    x = np.ones((20_000, 1))
    x[1::2] = -1  # the highest frequency there is
    before = processor.process(x)
    plugin.set(kind="high", frequency_hz=1000.0)
    after = processor.process(x)
    jump = loudest(np.diff(np.abs(np.concatenate([before[-100:], after[:2000]])[:, 0])))
    assert loudest(before[5000:]) < 0.03
    assert loudest(np.abs(after[15_000:]) - 1) < 0.01
    assert jump < 0.01


def test_reset_equals_fresh() -> None:
    plugin = Filter(frequency_hz=8000.0)
    processor = Processor(plugin, HANN, RATE)
    x = noise(3000, 2, "float32")
    processor.process(x)
    plugin.frequency_hz = 2000.0
    processor.process(x[:300])
    processor.reset()
    fresh = Processor(Filter(frequency_hz=2000.0), HANN, RATE)
    assert np.array_equal(streamed(processor, x), streamed(fresh, x))


def test_minimum_phase_is_that_of_a_known_filter() -> None:
    taps: Samples = 0.8 ** np.arange(200.0)
    magnitude = np.abs(np.fft.rfft(taps, 4096))
    assert np.allclose(minimum_phase(magnitude)[:200, 0], taps, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"bands": "bell:100:3"}, "kind one of low_shelf, peak, high_shelf"),
        ({"bands": "peak:100"}, r"Eq.bands: band 'peak:100', expected kind:Hz:dB"),
        ({"bands": "peak:1k:3"}, "peak:1k:3"),
        ({"bands": "peak:-5:3"}, "above 0 Hz"),
        ({"bands": "peak:100:3:0"}, "Q of 0.01"),
        ({"bands": "peak:100:300"}, "-60 to 60 dB"),
        ({"curve": "100:3, 50:2"}, "rising"),
        ({"curve": "100"}, "Hz:dB"),
        ({"curve": "100:nan"}, "Hz:dB"),
    ],
)
def test_text_that_means_nothing_is_refused(params: dict[str, str], match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        Eq(**params)


def test_band_above_half_the_samplerate_acts_as_far_as_it_reaches() -> None:
    eq = Eq(bands="low_shelf:30000:6, peak:30000:6, high_shelf:30000:6")
    with pytest.warns(ResponseWarning) as caught:
        Processor(eq, PADDED, RATE)
    assert [str(warning.message).partition(": ")[2] for warning in caught] == [
        f"the {kind} at 30000 Hz is not below half the samplerate, 24000 Hz: it changes nothing"
        for kind in ("peak", "high_shelf")
    ]
    assert decibels(eq.magnitude(FREQUENCIES)) == pytest.approx(6)


@pytest.mark.parametrize(
    ("plugin", "says"),
    [
        (
            Filter(kind="high", frequency_hz=24_000.0),
            "kind='high' is not below .* nothing above it",
        ),
        (Filter(kind="band", frequency_hz=30_000.0), "kind='band' .* nothing around it to pass"),
        (Filter(kind="notch", frequency_hz=30_000.0), "kind='notch' .* nothing around it to take out"),
        (Eq(bands="peak:24000:3"), "the peak at 24000 Hz .* changes nothing"),
    ],
    ids=repr,
)
def test_what_lies_beyond_half_the_samplerate_is_warned_of_once(plugin: Shaper, says: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        processor = Processor(plugin, PADDED, RATE, channels=1)
        processor.process(np.zeros((5000, 1)))
        plugin.mix = 0.5  # an update, and nothing new
        processor.process(np.zeros((5000, 1)))
        processor.reset()
        processor.process(np.zeros((5000, 1)))
    assert [warning.category for warning in caught] == [ResponseWarning]
    assert re.search(says, str(caught[0].message))


@pytest.mark.parametrize(
    "plugin",
    [
        Filter(kind="low", frequency_hz=30_000.0),
        Filter(kind="high", frequency_hz=23_999.0),
        Filter([1.0], frequency_hz=30_000.0),
        Eq(bands="low_shelf:30000:3, peak:23999:3", curve="100:3, 40000:6"),
    ],
    ids=repr,
)
def test_what_does_as_asked_up_to_half_the_samplerate_is_not_warned_of(plugin: Shaper) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Processor(plugin, PADDED, RATE)
    assert not [warning for warning in caught if "half the samplerate" in str(warning.message)]


@pytest.mark.parametrize("action", ["always", "error"])
def test_change_that_leads_beyond_half_the_samplerate_is_warned_of_and_raises_nothing(action: Any) -> None:
    plugin = Filter(kind="high", frequency_hz=3000.0)
    processor = Processor(plugin, PADDED, RATE, channels=1)
    x = np.zeros((5000, 1))
    told = []
    steps = [(4e3, "high"), (30e3, "high"), (31e3, "high"), (4e3, "high"), (30e3, "high")]
    for frequency, kind in [*steps, (30e3, "low"), (30e3, "notch")]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter(action)
            plugin.set(frequency_hz=frequency, kind=kind)
            processor.process(x)
        told.append(len(caught))
    assert told == ([0, 1, 0, 0, 1, 0, 1] if action == "always" else [0] * 7)


def test_impulse_response_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "taps.txt")
    np.savetxt(path, [0.5, 0.0, -0.25])
    for plugin, says in [
        (
            Filter(path=path, kind="low"),
            rf"^Filter: kind='low' and path='{path}', which only kind='fir' uses",
        ),
        (
            Filter([1.0, 0.5], kind="notch"),
            r"^Filter: kind='notch' and taps, which only kind='fir' uses: leave",
        ),
    ]:
        with pytest.raises(SetupError, match=says):
            Processor(plugin, PADDED)
    processor = Processor(fir := Filter(path=path), PADDED, channels=1)
    fir.kind = "low"  # while it plays it may change, and back
    processor.process(np.zeros((5000, 1)))
    processor.reset()


def test_error_of_a_peak_that_does_not_fit_is_the_loss() -> None:
    eq = Eq(bands="peak:100:12:4")
    with pytest.warns(ResponseWarning, match="up to 5.8 dB"):
        processor = Processor(eq, STFT(1024, 256), 48_000, 1, dtype="float64")
    x = np.sin(2 * np.pi * 100 / 48_000 * np.arange(96_000))
    y = processor.process(np.ascontiguousarray(x[:, np.newaxis]))[48_000:, 0]
    lost = 12 - 20 * np.log10(np.sqrt(np.mean(y**2) * 2))
    assert lost > 4
    assert lost - 0.1 < eq.error_db
