"""Plugins that replace phases: freeze, blur, robotize, whisper, shift. Levels in dB, frequencies in Hz."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Samples, dtypes, geometries, noise, quiet_stft, seeds, streamed
from tones import (
    RATE,
    middle,
    octaves_db,
    periodicity,
    residual_db,
    rms_db,
    seconds,
    sine,
    strongest_hz,
    through,
    voice,
    white,
)

from rtstft import STFT, GeometryError, Plugin, PluginError, Processor, ResponseWarning
from rtstft.plugin import Context
from rtstft.plugins._smoothing import BandMean, Envelope
from rtstft.plugins.blur import Blur
from rtstft.plugins.duck import Duck
from rtstft.plugins.freeze import Freeze
from rtstft.plugins.morph import Morph
from rtstft.plugins.robotize import Robotize
from rtstft.plugins.shift import Shift
from rtstft.plugins.vocoder import Vocoder
from rtstft.plugins.whisper import Whisper
from rtstft.testing import check_plugin

LOW_DELAY = ("low_delay", 192)
USUAL = STFT(1024, 256)
SEVERAL = [
    USUAL,
    STFT(1024, 512),
    STFT(512, 128, window="sqrt_hann", synthesis="same"),
    STFT(1024, 160, 512, window="hamming"),
    STFT(255, 64),
    STFT(512, 64, 256, window="hann", synthesis="ola"),
    STFT(1024, 96, window=LOW_DELAY, synthesis=LOW_DELAY),
]
LONG = [USUAL, STFT(2048, 512), STFT(2048, 300)]


def db_over(y: Samples, window_s: float = 0.02) -> Samples:
    """Level in dB of each stretch of `window_s`."""
    size = round(window_s * RATE)
    levels: Samples = 10 * np.log10((y[: len(y) // size * size].reshape(-1, size) ** 2).mean(axis=1) + 1e-30)
    return levels


# Shift


@pytest.mark.parametrize("geometry", SEVERAL, ids=str)
@pytest.mark.parametrize("shift", [100.0, -77.7, 23.4, 2000.1])
def test_a_shifted_sine_is_a_sine_at_its_frequency_plus_the_shift(geometry: STFT, shift: float) -> None:
    x = sine(3333.3, 1)
    y = middle(through(Shift(shift_hz=shift), x, geometry=geometry))
    assert abs(strongest_hz(y) - 3333.3 - shift) < 0.001
    assert residual_db(y, 3333.3 + shift) < (-80 if geometry is USUAL else -50)
    assert abs(rms_db(y) - rms_db(x)) < 0.01


def test_shift_moves_harmonics_by_the_same_number_of_hertz() -> None:
    y = middle(through(Shift(shift_hz=150.0), sine(1000, 1) + sine(2000, 1) + sine(3000, 1)))
    assert residual_db(y, 1150, 2150, 3150) < -75


@pytest.mark.parametrize("geometry", SEVERAL, ids=str)
def test_a_shift_by_nothing_changes_nothing(geometry: STFT) -> None:
    x = white(0.2)
    assert rms_db(through(Shift(shift_hz=0.0), x, geometry=geometry) - x) < -200


def test_what_is_shifted_out_of_the_band_is_gone() -> None:
    assert rms_db(middle(through(Shift(shift_hz=-3000.0), sine(1000, 1)))) < -90
    assert rms_db(middle(through(Shift(shift_hz=5000.0), sine(20_000, 1)))) < -90
    for shift_hz in (-24_000.0, 24_000.0):
        with pytest.warns(ResponseWarning, match="size of shift_hz is not below .* nothing is left"):
            assert rms_db(through(Shift(shift_hz=shift_hz), white(0.2))) < -30


def test_a_change_of_shift_goes_on_in_phase() -> None:
    shift = Shift()
    shift.automate("shift_hz", [(0.0, 100.0), (0.4999, 100.0), (0.5, 130.0)])
    level = db_over(middle(through(shift, sine(3000, 1)), 0.5))
    assert np.ptp(level) < 1


def test_a_hop_that_would_modulate_is_refused() -> None:
    with pytest.raises(PluginError, match=r"a shift by half a bin would modulate .* hop, say to 256"):
        Processor(Shift(), quiet_stft(1024, 800, window="hamming"), RATE, 1)


# Freeze


def held(geometry: STFT, x: Samples, spread_hz: float, to_s: float = 100.0) -> Samples:
    freeze = Freeze(spread_hz=spread_hz)
    freeze.automate("hold", [(0.0, False), (0.3, True), (to_s, False)])
    return through(freeze, x, geometry=geometry)


@pytest.mark.parametrize("geometry", LONG, ids=str)
def test_a_frozen_sine_stands_still_after_the_signal_has_ended(geometry: STFT) -> None:
    x = np.concatenate([sine(1000.3, 0.5), np.zeros(2 * RATE)])
    y = middle(held(geometry, x, 0.0), 1.5)
    assert abs(strongest_hz(y) - 1000.3) < 0.02
    assert residual_db(y, strongest_hz(y)) < -60
    assert abs(rms_db(y) - rms_db(sine(1000.3, 1))) < 0.05


def test_freezing_a_sine_and_letting_go_of_it_cannot_be_heard() -> None:
    x = sine(1000.3, 1.2)
    y = held(USUAL, x, 0.0, to_s=0.8)
    assert np.abs(y - x).max() < 0.001
    start, end = round(0.25 * RATE), round(1.0 * RATE)
    plain = Processor([], USUAL, RATE, 1, dtype="float64")
    same = np.concatenate([plain.process(x), plain.flush()])[plain.latency :]
    np.testing.assert_array_equal(y[:start], same[:start])
    np.testing.assert_array_equal(y[end:], same[end:])


@pytest.mark.parametrize("geometry", [USUAL, STFT(1024, 128)], ids=str)
def test_spread_is_the_width_of_a_frozen_line(geometry: STFT) -> None:
    tones = np.arange(800, 16_000, 400) + 0.3
    x = np.concatenate([np.sum([sine(f, 0.5, 0.02) for f in tones], axis=0), np.zeros(4 * RATE)])
    y = held(geometry, x, 4.0)[RATE:-RATE]
    lag = round(0.1 * RATE)
    t = np.arange(len(y)) / RATE
    kept = []
    for f in tones:
        base = (y * np.exp(-2j * np.pi * f * t)).reshape(-1, 480).mean(axis=1)
        step = lag // 480
        kept.append(np.vdot(base[:-step], base[step:]).real / np.vdot(base, base).real)
    # A line of width b keeps exp(-pi b t) of its coherence.
    assert abs(np.mean(kept) - np.exp(-np.pi * 4.0 * 0.1)) < 0.1


def test_frozen_noise_keeps_its_level_and_does_not_repeat() -> None:
    y = held(USUAL, white(2.5), 2.0)[RATE:]
    assert abs(rms_db(y) - rms_db(white(1))) < 2
    assert np.ptp(db_over(y, 0.1)) < 5
    lags = [np.dot(y[lag:], y[:-lag]) / np.dot(y, y) for lag in range(RATE // 2, RATE // 2 + 2000, 7)]
    assert np.abs(lags).max() < 0.3


# Blur


@pytest.mark.parametrize("geometry", SEVERAL, ids=str)
def test_a_blur_of_nothing_changes_nothing(geometry: STFT) -> None:
    x = white(0.2)
    assert rms_db(through(Blur(time_s=0.0), x, geometry=geometry) - x) < -200


@pytest.mark.parametrize("geometry", LONG, ids=str)
def test_blur_dies_away_and_rises_with_its_time_constant(geometry: STFT) -> None:
    x = np.concatenate([np.zeros(RATE // 10), white(1.5), np.zeros(RATE)])
    y = through(Blur(time_s=0.2), x, geometry=geometry)
    level = db_over(y[round(1.7 * RATE) : round(2.2 * RATE)], 0.1)
    assert abs((level[-1] - level[0]) / 0.4 - -8.686 / 0.2) < 2
    y = through(Blur(time_s=0.2), np.concatenate([np.zeros(RATE // 10), sine(1000, 1)]), geometry=geometry)
    rise = rms_db(y[round(0.29 * RATE) : round(0.31 * RATE)]) - rms_db(sine(1000, 1))
    assert abs(rise - 20 * np.log10(1 - np.exp(-1))) < 0.2


@pytest.mark.parametrize("geometry", LONG, ids=str)
def test_a_blurred_sine_rings_on_at_its_frequency(geometry: STFT) -> None:
    x = np.concatenate([sine(1000.3, 1), np.zeros(RATE)])
    y = through(Blur(time_s=1.0), x, geometry=geometry)
    assert abs(strongest_hz(y[round(1.1 * RATE) : round(1.6 * RATE)]) - 1000.3) < 0.5
    # It had risen to 1 - 1/e, and fell by exp(-1/4).
    level = rms_db(y[round(1.24 * RATE) : round(1.26 * RATE)]) - rms_db(x[:RATE])
    assert level == pytest.approx(20 * np.log10((1 - np.exp(-1)) * np.exp(-0.25)), abs=0.8)


@pytest.mark.parametrize("geometry", SEVERAL, ids=str)
def test_blurred_rumble_is_no_constant_and_a_constant_passes_the_low_pass(geometry: STFT) -> None:
    rumble = np.cumsum(white(3))
    rumble -= np.convolve(rumble, np.ones(RATE // 20) / (RATE // 20), "same")
    y = through(Blur(time_s=0.3), rumble, geometry=geometry)[RATE : 2 * RATE]
    assert abs(np.mean(y)) < 0.01 * np.std(rumble)
    y = through(Blur(time_s=0.3), np.where(np.arange(2 * RATE) < RATE, 1.0, 0.0), geometry=geometry)
    assert y[RATE // 2] == pytest.approx(1 - np.exp(-0.5 / 0.3), abs=0.06)
    # As any tone's, its bins drift apart while it rings.
    assert 0.2 < y[round(1.3 * RATE)] / y[RATE - RATE // 10] < np.exp(-1) + 0.06


def test_a_width_averages_magnitudes_and_leaves_phases() -> None:
    blur = Blur(time_s=0.0, width_hz=5 * RATE / 1024)
    blur.prepare(Context(USUAL, RATE, 1, np.dtype("float64")))
    blur.update()
    phases = np.exp(1j * np.random.default_rng(0).uniform(0, 6, (1, 513)))
    frame = 1e-3 * phases
    frame[0, 100] *= 1000
    blur.process(frame)
    expected = np.full((1, 513), 1e-3)
    expected[0, 98:103] = (1 + 4e-3) / 5
    np.testing.assert_allclose(frame, expected * phases, atol=1e-12)


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 200), st.floats(0, 250), st.integers(0, 99))
def test_means_over_a_width_are_those_of_the_mirrored_spectrum(n_fft: int, width: float, seed: int) -> None:
    context = Context(STFT(n_fft, 1), float(n_fft), 2, np.dtype("float64"))
    bins = n_fft // 2 + 1
    values = np.random.default_rng(seed).uniform(0, 1, (2, bins))
    mean = BandMean(context, 2)
    mean.set_width(width)
    width = min(max(width, 1.0), max(1.0, 2 * bins - 3.0))
    # What a box of that width, in bins, covers of each of those around it.
    distance = np.arange(-bins, bins + 1)
    covered = np.clip(width / 2 - np.abs(distance) + 0.5, 0, 1)
    places = (np.arange(bins)[:, np.newaxis] + distance) % n_fft
    expected = values[:, np.minimum(places, n_fft - places)] @ covered / width
    mean(values, values)
    np.testing.assert_allclose(values, expected, atol=1e-12)


def test_an_envelope_is_an_average_over_a_triangle() -> None:
    envelope = Envelope(Context(USUAL, RATE, 1, np.dtype("float64")), 1)
    envelope.set_width(3 * RATE / 1024)
    frame = np.zeros((1, 513), complex)
    frame[0, 100] = 3j
    np.testing.assert_allclose(envelope(frame)[0, 97:104], [0, 1, 2, 3, 2, 1, 0], atol=1e-12)


# Robotize


@pytest.mark.parametrize("geometry", LONG, ids=str)
@pytest.mark.parametrize("pitch", [55.0, 110.0, 240.5])
def test_a_robot_has_its_pitch_and_the_vowel(geometry: STFT, pitch: float) -> None:
    x = voice(141, 1.5)
    y = through(Robotize(pitch_hz=pitch), x, geometry=geometry)
    assert residual_db(middle(y, 0.2), *np.arange(pitch, 11_000, pitch)) < -40
    assert abs(rms_db(middle(y)) - rms_db(x)) < 0.7
    assert np.abs(octaves_db(middle(y)) - octaves_db(middle(x))).max() < 1


def test_a_robot_of_noise_repeats_and_goes_on_through_a_change_of_pitch() -> None:
    robot = Robotize(width_hz=2000.0)
    robot.automate("pitch_hz", [(0.0, 100.0), (1.0, 100.0), (1.001, 200.0)])
    y = through(robot, white(2))
    assert periodicity(y[RATE // 4 : RATE // 2], 100) > 0.9
    assert periodicity(y[RATE // 4 : RATE // 2], 200) < 0.2
    assert periodicity(y[-RATE // 2 : -RATE // 4], 200) > 0.9
    change = db_over(y[round(0.8 * RATE) : round(1.2 * RATE)])
    assert np.ptp(change) < 4


@pytest.mark.parametrize("pitch", [60.0, 110.0, 220.0])
def test_a_robot_has_no_higher_peaks_than_the_voice(pitch: float) -> None:
    x = voice(141, 1)
    y = middle(through(Robotize(pitch_hz=pitch), x))
    assert 20 * np.log10(np.abs(y).max() / np.abs(x).max()) < 2


def test_another_setting_leaves_the_periods_where_they_are() -> None:
    x = white(0.3)
    robot, changed = Robotize(), Robotize()
    changed.automate("width_hz", [(0.0, 300.0), (0.1, 300.0), (0.3, 300.001)])
    np.testing.assert_allclose(through(changed, x), through(robot, x), atol=1e-5)


def test_a_reset_in_the_middle_begins_the_periods_anew() -> None:
    robot = Robotize()
    robot.prepare(Context(USUAL, RATE, 1, np.dtype("float64")))
    robot.update()
    outputs = []
    for _ in range(2):
        frames = np.ones((3, 1, 513), complex)
        for frame in frames:
            robot.process(frame)
        outputs.append(frames)
        robot.reset()
    np.testing.assert_array_equal(outputs[0], outputs[1])


# Whisper


@pytest.mark.parametrize("geometry", SEVERAL, ids=str)
def test_whispered_noise_keeps_its_level(geometry: STFT) -> None:
    assert (
        abs(rms_db(middle(through(Whisper(), white(1.5), geometry=geometry), 1)) - rms_db(white(1.5))) < 0.3
    )


@pytest.mark.parametrize("geometry", LONG, ids=str)
def test_a_whisper_keeps_the_vowel_and_loses_the_pitch(geometry: STFT) -> None:
    x = voice(120, 2)
    y = middle(through(Whisper(), x, geometry=geometry), 1)
    assert np.abs(octaves_db(y) - octaves_db(middle(x, 1))).max() < 2.5
    assert periodicity(middle(x, 1), 120) > 0.9
    assert abs(periodicity(y, 120)) < 0.15


def test_a_whisper_keeps_the_image() -> None:
    x = voice(120, 0.3)
    y = through(Whisper(), x, 0.5 * x, channels=2)
    np.testing.assert_allclose(y[:, 1], 0.5 * y[:, 0], atol=1e-9)


def test_the_contract_holds_while_a_moment_is_held() -> None:
    check_plugin(Freeze, geometries=[USUAL], hold=True, fade_s=0.01)


@settings(deadline=None, max_examples=40)
@given(geometries(longest=120), st.sampled_from([8000.0, 44_100.0, 192_000.0]), dtypes, seeds)
def test_they_run_in_any_geometry_and_at_any_samplerate(
    geometry: STFT, samplerate: float, dtype: str, seed: int
) -> None:
    x = noise(3 * geometry.win_length + 50, 3, dtype, seed)
    single = [Blur(width_hz=200.0), Freeze(hold=True), Robotize(), Shift(shift_hz=-300.0), Whisper()]
    beside = [Duck(), Duck(per_band=True), Vocoder(), Morph()]
    plugins: list[Plugin] = [*single, *beside]
    for plugin in plugins:
        try:
            processor = Processor(plugin, geometry, samplerate, 2, dtype=dtype, aux={"sidechain": 1})
        except PluginError as error:
            if isinstance(plugin, Shift) and isinstance(error.__cause__, GeometryError):
                continue
            raise
        y = streamed(processor, x)
        processor.reset()
        assert np.isfinite(y).all()
        sizes = [1, len(x) // 2, len(x) - len(x) // 2 - 1]
        np.testing.assert_array_equal(streamed(processor, x, sizes), y)


def test_silence_stays_silent() -> None:
    x = np.zeros(len(seconds(0.2)))
    for plugin in (Blur(), Freeze(hold=True), Robotize(), Shift(), Whisper()):
        assert np.abs(through(plugin, x)).max() < 1e-15
