"""Plugins with a sidechain: duck, vocoder, morph. Levels in dB."""

import numpy as np
import pytest
from strategies import Samples
from tones import RATE, middle, octaves_db, residual_db, rms_db, sine, through, voice, white

from rtstft import STFT, Plugin, PluginError, Processor
from rtstft.plugins.duck import Duck
from rtstft.plugins.morph import Morph
from rtstft.plugins.vocoder import Vocoder
from rtstft.testing import check_plugin

USUAL = STFT(1024, 256)
SEVERAL = [
    USUAL,
    STFT(512, 128, window="sqrt_hann", synthesis="same"),
    STFT(1024, 160, 512, window="hamming"),
    STFT(255, 64),
    STFT(512, 64, 256, window="hann", synthesis="ola"),
]


def level_at(y: Samples, time_s: float, over_s: float = 0.02) -> float:
    """Level around a time."""
    start = round((time_s - over_s / 2) * RATE)
    return rms_db(y[start : start + round(over_s * RATE)])


@pytest.mark.parametrize("plugin", [Duck(), Vocoder(), Morph()], ids=repr)
def test_without_a_sidechain_they_say_so(plugin: Plugin) -> None:
    with pytest.raises(PluginError, match="needs the auxiliary input 'sidechain'"):
        Processor(plugin, USUAL, RATE, 1)


@pytest.mark.parametrize("kind", [Duck, Vocoder, Morph])
@pytest.mark.parametrize("inputs", [2, 3])
def test_a_sidechain_of_equal_channels_is_the_same_as_one_in_mono(kind: type[Plugin], inputs: int) -> None:
    x, side = voice(120, 0.2), white(0.2)
    mono = through(kind(), x, side)
    np.testing.assert_allclose(through(kind(), x, *[side] * inputs), mono, atol=1e-9)
    stereo = through(kind(), x, x, *[side] * inputs, channels=2)
    np.testing.assert_allclose(stereo, np.column_stack([mono, mono]), atol=1e-9)


@pytest.mark.parametrize("kind", [Duck, Vocoder, Morph])
def test_a_mono_sidechain_serves_each_channel_for_itself(kind: type[Plugin]) -> None:
    left, right, side = voice(120, 0.2), white(0.2, 3), white(0.2)
    stereo = through(kind(), left, right, side, channels=2)
    np.testing.assert_array_equal(stereo[:, 0], through(kind(), left, side))
    np.testing.assert_array_equal(stereo[:, 1], through(kind(), right, side))


# Duck


@pytest.mark.parametrize("geometry", SEVERAL, ids=str)
def test_each_db_over_the_threshold_lowers_by_one_until_the_amount(geometry: STFT) -> None:
    x, side = sine(440, 1), sine(3000, 1, 0.1)  # -23.01 dB
    for threshold, lowered in [(-20.0, 0.0), (-30.0, 6.99), (-60.0, 12.0)]:
        duck = Duck(threshold_db=threshold, amount_db=12.0, release_s=0.05)
        y = through(duck, x, side, geometry=geometry)
        assert abs(rms_db(middle(x)) - rms_db(middle(y)) - lowered) < 0.05


def test_a_constant_has_the_level_of_its_square() -> None:
    x = sine(440, 1)
    y = through(Duck(threshold_db=-30.0, amount_db=40.0), x, np.full(len(x), 0.1))
    assert rms_db(middle(x)) - rms_db(middle(y)) == pytest.approx(10, abs=0.05)


@pytest.mark.parametrize("geometry", SEVERAL[:3], ids=str)
def test_attack_and_release_are_time_constants_in_db(geometry: STFT) -> None:
    x = sine(1000, 2.2)
    side = np.where((np.arange(len(x)) > 0.5 * RATE) & (np.arange(len(x)) < 1.5 * RATE), x, 0)
    duck = Duck(threshold_db=-50.0, amount_db=20.0, attack_s=0.1, release_s=0.2)
    y = through(duck, x, side, geometry=geometry)
    full = rms_db(x)
    assert level_at(y, 0.45) == pytest.approx(full, abs=0.01)
    assert level_at(y, 0.6) == pytest.approx(full - 20 * (1 - np.exp(-1)), abs=1.3)
    assert level_at(y, 1.45) == pytest.approx(full - 20, abs=0.1)
    assert level_at(y, 1.7) == pytest.approx(full - 20 * np.exp(-1), abs=1.0)


def test_per_band_lowers_only_what_the_sidechain_has() -> None:
    low, high = sine(1000, 1), sine(4000, 1)
    duck = Duck(threshold_db=-40.0, amount_db=15.0, per_band=True)
    y = middle(through(duck, low + high, sine(1050, 1, 0.2)), 0.5)
    t = np.arange(len(y)) / RATE
    levels = [20 * np.log10(2 * np.abs(np.mean(y * np.exp(-2j * np.pi * f * t)))) for f in (1000, 4000)]
    assert levels == pytest.approx([20 * np.log10(0.5) - 15, 20 * np.log10(0.5)], abs=0.1)


def test_per_band_and_whole_agree_on_the_level_of_a_sine() -> None:
    x = sine(3000, 1)
    for per_band in (False, True):
        duck = Duck(threshold_db=-30.0, amount_db=40.0, per_band=per_band)
        assert rms_db(middle(through(duck, x, sine(3000, 1, 0.1)))) - rms_db(x) == pytest.approx(-7, abs=0.1)


# Vocoder


@pytest.mark.parametrize("geometry", [USUAL, STFT(2048, 512), STFT(512, 128)], ids=str)
def test_noise_speaks_with_the_vowel(geometry: STFT) -> None:
    x = voice(120, 1.5)
    y = middle(through(Vocoder(), x, white(1.5), geometry=geometry), 1)
    assert np.abs(octaves_db(y) - octaves_db(middle(x, 1))).max() < 2.5
    # Another carrier, of another colour and level: the same.
    coloured = np.diff(white(1.5), prepend=0) * 0.01
    z = middle(through(Vocoder(), x, coloured, geometry=geometry), 1)
    assert np.abs(octaves_db(z) - octaves_db(y)).max() < 1.5


def test_the_carrier_keeps_its_notes() -> None:
    carrier = np.sum([sine(f, 1, 0.05) for f in range(165, 6000, 165)], axis=0)
    y = middle(through(Vocoder(width_hz=600.0), voice(120, 1), carrier), 0.25)
    assert residual_db(y, *range(165, 6000, 165)) < -30


def test_a_silent_voice_or_carrier_is_silent() -> None:
    x, nothing = white(0.3), np.zeros(round(0.3 * RATE))
    assert np.abs(through(Vocoder(), nothing, x)).max() < 1e-15
    assert np.abs(through(Vocoder(), x, nothing)).max() < 1e-15


def test_what_the_carrier_has_not_is_not_raised_out_of_its_noise() -> None:
    carrier = sine(1000, 1) + white(1, level=1e-7)
    raised = [
        octaves_db(middle(through(Vocoder(floor_db=floor), white(1, 5), carrier)))[3] for floor in (-120, -40)
    ]
    assert raised[0] - raised[1] > 40


# Morph


@pytest.mark.parametrize("phase", ["louder", "signal"])
def test_amount_zero_is_the_signal_to_the_bit(phase: str) -> None:
    x = white(0.3)
    plain = through(Morph(mix=0.0), x, white(0.3, 1))
    np.testing.assert_array_equal(through(Morph(amount=0.0, phase=phase), x, white(0.3, 1)), plain)


@pytest.mark.parametrize("geometry", SEVERAL, ids=str)
def test_amount_one_is_the_sidechain(geometry: STFT) -> None:
    x, side = white(0.3), white(0.3, 1)
    assert rms_db(through(Morph(amount=1.0), x, side, geometry=geometry) - side) < -200


@pytest.mark.parametrize("phase", ["louder", "signal"])
@pytest.mark.parametrize("amount", [0.25, 0.5, 0.9])
def test_between_the_two_levels_go_in_db(phase: str, amount: float) -> None:
    x, side = sine(1000, 1, 0.5), sine(1000, 1, 0.005)
    y = middle(through(Morph(amount=amount, phase=phase), x, side))
    assert rms_db(y) - rms_db(x) == pytest.approx(-40 * amount, abs=0.02)
    assert residual_db(y, 1000) < -60


def test_only_what_both_have_is_loud() -> None:
    x, side = sine(1000, 1) + sine(3000, 1), sine(1000, 1) + sine(8000, 1)
    y = middle(through(Morph(), x, side))
    t = np.arange(len(y)) / RATE
    both, own, other = (
        20 * np.log10(2 * np.abs(np.mean(y * np.exp(-2j * np.pi * f * t)))) for f in (1000, 3000, 8000)
    )
    assert both == pytest.approx(20 * np.log10(0.5), abs=0.1)
    assert max(own, other) < -40


def test_phases_of_the_signal() -> None:
    x, side = sine(1000, 1), -sine(1000, 1)
    assert rms_db(middle(through(Morph(amount=1.0, phase="signal"), x, side)) - middle(x)) < -80
    assert rms_db(middle(through(Morph(amount=1.0), x, side)) + middle(x)) < -80


def test_the_contract_holds_per_band_and_with_the_signals_phases() -> None:
    check_plugin(Duck, geometries=[USUAL], per_band=True)
    check_plugin(Morph, geometries=[USUAL], phase="signal")
