"""Pitch and harmonize: frequencies, levels, formants, phases between channels, onsets."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sounds import amplitude_of, cents, formant_error_db, measure_sine, partials, sine, vowel
from strategies import Samples, noise

from rtstft import STFT, GeometryError, Plugin, PluginError, Processor
from rtstft.plugins.harmonize import Harmonize
from rtstft.plugins.pitch import Pitch
from rtstft.testing import check_plugin

RATE = 48_000
GEOMETRY = STFT(2048, 256)


def through(
    plugin: Plugin, x: Samples, geometry: STFT = GEOMETRY, samplerate: float = RATE, dtype: str = "float64"
) -> Samples:
    """What becomes of `x`, delayed."""
    processor = Processor(plugin, geometry, samplerate, np.atleast_2d(x.T).shape[0], dtype=dtype)
    return processor.process(x.astype(dtype))


@pytest.mark.parametrize(
    ("make", "params"),
    [
        (Pitch, {"semitones": -7.3, "formants": "keep"}),
        (Harmonize, {"formants": "move", "voice3_db": -6.0, "voice4_db": -3.0}),
    ],
)
def test_contract_holds_for_other_values_than_the_defaults(make: Any, params: dict[str, Any]) -> None:
    check_plugin(make, geometries=[STFT(256, 32), STFT(255, 51)], **params)


@pytest.mark.parametrize("semitones", [-5.0, -2.5, 0.0, 3.0, 7.0, 12.0])
def test_sine_is_exact_in_pitch_level_and_purity(semitones: float) -> None:
    for frequency in np.geomspace(221, 3520, 5):
        y = through(Pitch(semitones=semitones), sine(frequency, 16_000, RATE))[6000:]
        wanted = frequency * 2 ** (semitones / 12)
        found, snr, amplitude = measure_sine(y, wanted, RATE)
        assert abs(cents(found, wanted)) < 0.1
        assert snr > 70
        assert abs(20 * np.log10(amplitude / 0.5)) < 0.02


@given(
    sizes=st.sampled_from([(1024, 128, 1024), (2048, 200, 1600), (1601, 200, 1600), (4096, 256, 2048)]),
    samplerate=st.sampled_from([16_000.0, 48_000.0]),
    frequency=st.floats(400, 2000),
    semitones=st.floats(-12, 12),
)
def test_pitch_is_the_same_in_other_geometries(
    sizes: tuple[int, int, int], samplerate: float, frequency: float, semitones: float
) -> None:
    n_fft, hop, width = sizes
    y = through(
        Pitch(semitones=semitones), sine(frequency, 12_000, samplerate), STFT(n_fft, hop, width), samplerate
    )[5000:]
    wanted = frequency * 2 ** (semitones / 12)
    found, snr, amplitude = measure_sine(y, wanted, samplerate)
    assert abs(cents(found, wanted)) < 0.1
    assert snr > 60
    assert abs(20 * np.log10(amplitude / 0.5)) < 0.02


def test_single_precision_is_as_good() -> None:
    y = through(Pitch(semitones=7.0), sine(1000, 16_000, RATE), dtype="float32")[6000:].astype(float)
    found, snr, _ = measure_sine(y, 1000 * 2 ** (7 / 12), RATE)
    assert abs(cents(found, 1000 * 2 ** (7 / 12))) < 0.1
    assert snr > 70


def test_partials_keep_their_levels() -> None:
    frequencies = [300.0, 611.0, 907.0, 1503.0, 2777.0]
    y = through(Pitch(semitones=4.0), partials(frequencies, 20_000, RATE))[6000:]
    for frequency in frequencies:
        found = abs(amplitude_of(y, frequency * 2 ** (4 / 12), RATE))
        assert abs(20 * np.log10(found / 0.2)) < 0.1


@pytest.mark.parametrize("f0", [60.0, 80.0, 110.0, 150.0, 200.0, 250.0])
@pytest.mark.parametrize("semitones", [-7.0, 5.0])
def test_formants_stay_if_they_are_to(f0: float, semitones: float) -> None:
    x = vowel(f0, 24_000, RATE)
    wanted = f0 * 2 ** (semitones / 12)
    kept = through(Pitch(semitones=semitones, formants="keep"), x)[10_000:]
    moved = through(Pitch(semitones=semitones), x)[10_000:]
    assert formant_error_db(kept, wanted, RATE) < 1.6
    assert formant_error_db(moved, wanted, RATE) > 5


@pytest.mark.parametrize(
    ("sizes", "samplerate"),
    [((1024, 128, 1024), 48_000.0), ((4096, 256, 2048), 48_000.0), ((683, 85, 683), 16_000.0)],
)
def test_formants_stay_in_other_geometries(sizes: tuple[int, int, int], samplerate: float) -> None:
    n_fft, hop, width = sizes
    plugin = Pitch(semitones=5.0, formants="keep")
    y = through(plugin, vowel(150.0, 24_000, samplerate), STFT(n_fft, hop, width), samplerate)[10_000:]
    assert formant_error_db(y, 150.0 * 2 ** (5 / 12), samplerate) < 1.6


@pytest.mark.parametrize(("max_f0_hz", "least", "most"), [(300.0, 4, 10), (400.0, 0, 2)])
def test_noise_between_partials_is_not_taken_for_formants(
    max_f0_hz: float, least: float, most: float
) -> None:
    """Up to the highest fundamental; above, an octave below it is found."""
    x = vowel(360.0, 24_000, RATE) + 2e-4 * noise(24_000, None, "float64")
    y = through(Pitch(semitones=-5.0, formants="keep", max_f0_hz=max_f0_hz), x)[10_000:]
    assert least < formant_error_db(y, 360 * 2 ** (-5 / 12), RATE) < most


def test_formants_alone_move_and_come_back() -> None:
    x = vowel(120.0, 24_000, RATE)
    # By 12 semitones and back again by the formants' own interval: kept.
    both = through(Pitch(semitones=12.0, formant_semitones=-12.0), x)
    kept = through(Pitch(semitones=12.0, formants="keep"), x)
    assert np.allclose(both, kept, atol=1e-12)
    # The fundamental where it is, the first formant from 700 to 990 Hz: louder there.
    raised = through(Pitch(formant_semitones=6.0), x)[10_000:]
    assert abs(amplitude_of(raised, 960, RATE)) > 1.5 * abs(amplitude_of(x[10_000:], 960, RATE))


def test_channels_keep_level_and_phase_to_each_other() -> None:
    frequencies = [300.0, 611.0, 1503.0]
    left = partials(frequencies, 16_000, RATE) + 1e-3 * noise(16_000, None, "float64")
    stereo = np.column_stack([left, -0.5 * left, np.zeros(16_000)])
    y = through(Pitch(semitones=3.7, formants="keep"), stereo)
    assert np.allclose(y[:, 1], -0.5 * y[:, 0], atol=1e-12)
    assert not y[:, 2].any()
    # A quarter of a period between the channels, at each of the partials.
    shifted = np.column_stack([sine(500, 16_000, RATE, phase=0), sine(500, 16_000, RATE, phase=np.pi / 2)])
    turned = through(Pitch(semitones=5.0), shifted)[6000:]
    wanted = 500 * 2 ** (5 / 12)
    left_phase, right_phase = (amplitude_of(turned[:, c], wanted, RATE) for c in (0, 1))
    assert abs(np.angle(right_phase / left_phase) - np.pi / 2) < 1e-3


def test_each_channel_may_have_a_tone_of_its_own() -> None:
    frequencies = (450.0, 1320.0, 700.0)
    x = np.column_stack([sine(f, 16_000, RATE) for f in frequencies])
    y = through(Pitch(semitones=3.0), x)[6000:]
    for channel, frequency in enumerate(frequencies):
        found, snr, _ = measure_sine(y[:, channel], frequency * 2 ** (3 / 12), RATE)
        assert abs(cents(found, frequency * 2 ** (3 / 12))) < 0.1
        assert snr > 60


def test_no_interval_changes_nothing() -> None:
    x = noise(8000, 2, "float64")
    y = through(Pitch(), x)
    latency = Processor([], GEOMETRY, RATE).latency
    assert np.allclose(y[latency:], x[:-latency], atol=1e-12)


def test_vibrato_tone_keeps_its_envelope() -> None:
    time = np.arange(30_000) / RATE
    x = 0.5 * np.sin(2 * np.pi * 880 * time + 880 * 0.03 / 5.5 * np.sin(2 * np.pi * 5.5 * time))
    y = through(Pitch(semitones=5.0), x)[6000:]
    spectrum = np.fft.fft(y * np.hanning(len(y)))
    spectrum[len(y) // 2 :] = 0
    level = 2 * np.abs(np.fft.ifft(spectrum))[4000:-4000] / np.hanning(len(y))[4000:-4000]
    assert level.std() / level.mean() < 0.025


def test_partials_that_begin_together_begin_in_phase() -> None:
    """A pulse of many harmonics stays one: without onsets, the highest peak is 1.5 times as high."""
    x = np.zeros(30_000)
    time = np.arange(20_000) / RATE
    for harmonic in range(1, 25):
        x[10_000:] += 0.1 * np.sin(2 * np.pi * 200 * harmonic * time) / harmonic * np.exp(-6 * time)
    y = through(Pitch(semitones=5.0), x)
    latency = Processor([], GEOMETRY, RATE).latency
    start = 10_000 + latency
    before, after = y[start - 960 : start - 48], y[start - 48 : start + 912]
    assert 10 * np.log10(np.sum(before**2) / np.sum(after**2)) < -14
    assert np.abs(y).max() < 1.35 * np.abs(x).max()


def test_hop_of_more_than_half_a_window_is_refused() -> None:
    with pytest.raises(PluginError, match="try hop_length=128") as caught:
        Processor(Pitch(), STFT(1024, 600, window="boxcar"), RATE, 1)
    assert isinstance(caught.value.__cause__, GeometryError)


def test_voices_have_their_intervals_and_levels() -> None:
    harmonize = Harmonize(
        formants="move",
        dry_db=-20.0,
        voice1_semitones=4.0,
        voice1_db=-6.0,
        voice2_semitones=-9.0,
        voice2_db=-12.0,
    )
    y = through(harmonize, sine(1000, 16_000, RATE))[6000:]
    for semitones, level_db in [(0.0, -20.0), (4.0, -6.0), (-9.0, -12.0)]:
        found = abs(amplitude_of(y, 1000 * 2 ** (semitones / 12), RATE))
        assert abs(20 * np.log10(found / 0.5) - level_db) < 0.05
    for semitones in (7.0, 12.0, -12.0):
        assert abs(amplitude_of(y, 1000 * 2 ** (semitones / 12), RATE)) < 1e-4


def test_one_voice_is_pitch() -> None:
    x = vowel(150.0, 10_000, RATE)
    alone = Harmonize(voice1_semitones=5.0, voice1_db=0.0, voice2_db=-60.0, dry_db=-60.0)
    assert np.array_equal(through(alone, x), through(Pitch(semitones=5.0, formants="keep"), x))


def test_voices_that_are_off_leave_the_sound_alone() -> None:
    x = noise(8000, 2, "float32")
    silent = Harmonize(voice1_db=-60.0, voice2_db=-60.0)
    assert np.array_equal(
        through(silent, x, dtype="float32"), through(Pitch(bypass=True), x, dtype="float32")
    )
