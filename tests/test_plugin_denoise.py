"""Denoise: how much noise goes, how much of the signal stays, and what it takes for noise."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from strategies import Samples

from rtstft import STFT, Context, PluginError, Processor, SetupError
from rtstft.plugins._lsa import LsaGain, exponential_integral
from rtstft.plugins._noise import NoiseTracker, _freedom
from rtstft.plugins._power import over_bins
from rtstft.plugins.denoise import Denoise

RATE = 16_000
GEOMETRY = STFT(512, 128, window="sqrt_hann", synthesis="same")
OTHERS = [(STFT(2048, 512), 48_000), (STFT(512, 160, 400, "hamming"), 16_000), (STFT(1024, 128, 500), 22_050)]


def white(seconds: float, rate: int = RATE, seed: int = 0, level: float = 0.02) -> Samples:
    return level * np.random.default_rng(seed).standard_normal(round(seconds * rate))


def syllables(seconds: float, rate: int = RATE) -> Samples:
    """Two bursts a second of harmonics that glide."""
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * (150 * time - 10 * np.cos(2 * np.pi * 0.7 * time))
    tone = np.sum([np.sin(k * phase) / k for k in range(1, 20)], axis=0)
    signal: Samples = 0.2 * tone * np.maximum(0, np.sin(2 * np.pi * 2 * time)) ** 2
    return signal


def through(plugin: Denoise, x: Samples, geometry: STFT = GEOMETRY, rate: float = RATE) -> Samples:
    """Output in time with `x`."""
    processor = Processor(plugin, geometry, rate, 1, dtype="float64")
    out = [processor.process(np.ascontiguousarray(x[:, np.newaxis])), processor.flush()]
    return np.concatenate(out)[processor.latency :, 0]


def db(x: Samples) -> float:
    return float(10 * np.log10(np.mean(x**2) + 1e-30))


def evened(frame: NDArray[np.complex128]) -> Samples:
    out = np.empty(frame.shape)
    over_bins(np.abs(frame) ** 2, out)
    return out


def ratio_db(clean: Samples, found: Samples) -> float:
    """Scale-invariant ratio of signal and distortion."""
    target = clean * (np.dot(found, clean) / np.dot(clean, clean))
    return db(target) - db(found - target)


@pytest.mark.parametrize("floor_db", [-6.0, -12.0])
@pytest.mark.parametrize(("geometry", "rate"), [(GEOMETRY, RATE), *OTHERS])
def test_noise_alone_goes_to_the_floor(geometry: STFT, rate: int, floor_db: float) -> None:
    x = white(2, rate)
    y = through(Denoise(floor_db=floor_db), x, geometry, rate)
    first, rest = slice(0, rate // 10), slice(rate // 2, None)
    assert abs(db(y[rest]) - db(x[rest]) - floor_db) < 0.9
    assert abs(db(y[first]) - db(x[first]) - floor_db) < 0.2


@pytest.mark.parametrize(
    ("geometry", "rate"),
    [(STFT(512, 128), 48_000), (STFT(1024, 256), 44_100), (GEOMETRY, RATE), *OTHERS, (STFT(1024, 256), RATE)],
)
def test_noise_goes_down_by_as_much_in_any_window(geometry: STFT, rate: int) -> None:
    x = white(4, rate)
    rest = slice(rate, None)
    assert db(through(Denoise(), x, geometry, rate)[rest]) - db(x[rest]) == pytest.approx(-14.6, abs=1.4)


@pytest.mark.parametrize(("geometry", "rate"), [(GEOMETRY, RATE), *OTHERS])
def test_signal_comes_out_of_the_noise(geometry: STFT, rate: int) -> None:
    clean = syllables(4, rate)
    noisy = clean + white(4, rate, level=0.08 * np.sqrt(rate / RATE))
    gain = ratio_db(clean, through(Denoise(), noisy, geometry, rate)) - ratio_db(clean, noisy)
    assert gain > 7


def test_louder_noise_is_followed() -> None:
    x = white(6)
    x[2 * RATE :] *= 10**0.5
    y = through(Denoise(), x)
    for start in (1, 4, 5):
        part = slice(start * RATE, (start + 1) * RATE)
        assert db(y[part]) - db(x[part]) < -13


def test_loud_speech_hardly_moves_the_noise() -> None:
    x = white(6)
    x[2 * RATE : 4 * RATE] += 10 * syllables(2)
    y = through(Denoise(), x)
    after = slice(round(4.2 * RATE), 5 * RATE)
    before = slice(RATE, 2 * RATE)
    assert abs((db(y[after]) - db(x[after])) - (db(y[before]) - db(x[before]))) < 1


def test_after_a_bang_speech_is_back_at_once() -> None:
    x = 0.1 * white(3)
    x[RATE : 2 * RATE] *= 1000
    speech = syllables(3)
    speech[: 2 * RATE] = 0
    y = through(Denoise(), x + speech)
    part = slice(round(2.1 * RATE), round(2.4 * RATE))
    assert abs(db(y[part]) - db(speech[part])) < 1


def test_speech_without_a_pause_moves_the_noise_slowly() -> None:
    tone = 0.2 * np.sin(2 * np.pi * 1000 * np.arange(3 * RATE) / RATE)
    tone[:RATE] = 0
    y = through(Denoise(), 0.1 * white(3) + tone)
    part = slice(2 * RATE, 3 * RATE)
    assert abs(db(y[part]) - db(tone[part])) < 1


@pytest.mark.parametrize("silence_s", [0.3, 3.0])
@pytest.mark.parametrize("noise_before_s", [0.0, 1.0])
def test_digital_silence_is_not_taken_for_quiet_noise(noise_before_s: float, silence_s: float) -> None:
    before, silent = round(noise_before_s * RATE), round(silence_s * RATE)
    x = white(noise_before_s + silence_s + 1)
    x[before : before + silent] = 0
    y = through(Denoise(), x)
    for start in range(before + silent, len(x), RATE // 10):
        part = slice(start, start + RATE // 10)
        assert db(y[part]) - db(x[part]) < -11.5


def test_the_estimate_is_not_biased() -> None:
    context = Context(GEOMETRY, RATE, 1, np.dtype("float64"))
    tracker = NoiseTracker(context)
    frames = GEOMETRY.stft(white(10)[:, np.newaxis], pad=False)
    found = []
    for index, frame in enumerate(frames):
        tracker.update(np.abs(frame) ** 2, evened(frame), index * 128, 0.15)
        found.append(tracker.noise.mean())
    truth = 0.02**2 * np.sum(GEOMETRY.analysis_window**2)
    assert abs(10 * np.log10(np.mean(found[100:]) / truth)) < 0.2


def test_noise_that_stops_is_soon_forgotten() -> None:
    tracker = NoiseTracker(Context(GEOMETRY, RATE, 1, np.dtype("float64")))
    x = white(2)
    x[RATE:] *= 10 ** (-40 / 20)
    for index, frame in enumerate(GEOMETRY.stft(x[: round(1.3 * RATE), np.newaxis], pad=False)):
        tracker.update(np.abs(frame) ** 2, evened(frame), index * 128, 0.3)
    truth = 0.02**2 * np.sum(GEOMETRY.analysis_window**2)
    assert -40 < 10 * np.log10(tracker.noise.mean() / truth) < -30


@pytest.mark.parametrize("share", [1.0, 0.3])
@pytest.mark.parametrize("geometry", [GEOMETRY, OTHERS[1][0]])
def test_freedom_of_smoothed_powers(geometry: STFT, share: float) -> None:
    frames = geometry.stft(white(20)[:, np.newaxis], pad=False)
    mean = np.zeros((1, geometry.bins))
    found = []
    for frame in frames:
        mean += share * (evened(frame) - mean)
        found.append(mean[0, 4:-4].copy())
    powers = np.array(found[50:])
    assert abs(np.mean(powers) ** 2 / np.var(powers) / _freedom(geometry, share) - 1) < 0.1


def test_frames_that_are_half_outside_count_as_much() -> None:
    context = Context(GEOMETRY, RATE, 1, np.dtype("float64"))
    tracker = NoiseTracker(context)
    for index, frame in enumerate(GEOMETRY.stft(white(1)[:, np.newaxis])[:2]):
        tracker.update(np.abs(frame) ** 2, evened(frame), index * 128 - GEOMETRY.overlap, 0.15)
    truth = 0.02**2 * np.sum(GEOMETRY.analysis_window**2)
    assert abs(10 * np.log10(tracker.noise.mean() / truth)) < 2


def test_far_beyond_full_scale() -> None:
    x = white(1, level=1e15).astype(np.float32)[:, np.newaxis]
    x[: RATE // 2] *= 1e-21
    processor = Processor(Denoise(), GEOMETRY, RATE, 1)
    y = processor.process(x)[RATE // 2 + processor.latency :]
    assert 0.01 < np.linalg.norm(y) / np.linalg.norm(x) < 1.1


def test_reset_forgets_what_was_learnt() -> None:
    x = white(1)[:, np.newaxis]
    plugin = Denoise(learn=True)
    processor = Processor(plugin, GEOMETRY, RATE, 1, dtype="float64")
    processor.process(100 * x)
    plugin.learn = False
    processor.reset()
    fresh = Processor(Denoise(), GEOMETRY, RATE, 1, dtype="float64")
    assert np.array_equal(processor.process(x), fresh.process(x))


def test_what_was_learnt_is_held() -> None:
    noise, tone = white(5), 0.02 * np.sin(2 * np.pi * 1000 * np.arange(5 * RATE) / RATE)
    tone[:RATE] = 0
    end = slice(4 * RATE, None)

    def gain_of_tone(plugin: Denoise) -> float:
        y = through(plugin, noise + tone)
        return float(20 * np.log10(abs(np.dot(y[end], tone[end])) / np.dot(tone[end], tone[end])))

    learning = Denoise()
    learning.automate("learn", [(0.0, True), (0.9, False)])
    # A tone that does not end is noise to who follows the noise, and none to who has learnt it before.
    assert gain_of_tone(learning) > -0.5
    assert gain_of_tone(Denoise()) < -10


def test_learning_again_replaces_what_was_learnt() -> None:
    x = white(4)
    x[2 * RATE :] *= 100
    held, again = Denoise(), Denoise()
    held.automate("learn", [(0.0, True), (1.0, False)])
    again.automate("learn", [(0.0, True), (1.0, False), (2.0, True), (3.0, False)])
    end = slice(3 * RATE, None)
    assert db(through(held, x)[end]) - db(x[end]) > -0.1
    assert db(through(again, x)[end]) - db(x[end]) < -14


def test_noise_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "noise.wav"
    soundfile.write(path, white(3, seed=1), RATE, "DOUBLE")
    clean = syllables(3)
    learnt, filed = Denoise(), Denoise(noise_file=str(path))
    learnt.automate("learn", [(0.0, True), (2.99, False)])
    x = np.concatenate([white(3, seed=1), clean + white(3)])
    found = [through(plugin, x)[3 * RATE :] for plugin in (learnt, filed)]
    assert ratio_db(found[0], found[1]) > 40
    assert ratio_db(clean, found[1]) - ratio_db(clean, x[3 * RATE :]) > 8


def test_silence_in_a_noise_file_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "noise.wav"
    noise = white(3, seed=1)
    soundfile.write(path, np.concatenate([noise, np.zeros(6 * RATE)]), RATE, "DOUBLE")
    plugin = Denoise(noise_file=str(path), smoothing_s=2.0, floor_db=-12)
    x = white(3)
    rest = slice(RATE, None)
    assert db(through(plugin, x)[rest]) - db(x[rest]) == pytest.approx(-12, abs=0.2)


def test_a_noise_file_with_a_silent_channel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "noise.wav"
    for columns, channel in [([0, 0], 1), ([1, 0], 2)]:
        soundfile.write(path, white(1)[:, np.newaxis] * columns, RATE)
        with pytest.raises(SetupError, match=rf"noise.wav' has nothing .* in channel {channel} of 2"):
            Processor(Denoise(noise_file=str(path)), GEOMETRY, RATE, 2)


@pytest.mark.parametrize("action", ["always", "error"])
def test_learning_silence_says_so_and_goes_on_following(action: Any) -> None:
    x = np.stack([white(3), white(3, seed=1)], 1)
    x[: RATE // 2, 1] = 0
    plugin = Denoise(learn=True, floor_db=-12)
    processor = Processor(plugin, GEOMETRY, RATE, 2, dtype="float64")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action)
        y = [processor.process(x[: RATE // 2])]
        plugin.learn = False
        y.append(processor.process(x[RATE // 2 : RATE]))
        plugin.floor_db = -12.5
        y.append(processor.process(x[RATE:]))
    assert [str(warning.message).partition(": ")[2] for warning in caught] == (
        ["learn heard nothing but digital silence in channel 2: there it learnt nothing"]
        if action == "always"
        else []
    )
    rest = slice(2 * RATE, None)
    for channel in range(2):
        found = db(np.concatenate(y)[rest, channel]) - db(x[rest, channel])
        assert found == pytest.approx(-12.5, abs=1)


@pytest.mark.parametrize(
    ("shape", "rate", "message"),
    [
        ((RATE, 1), 8000, "8000 Hz, expected 16000"),
        ((RATE, 2), RATE, "2 channels, expected 1"),
        ((RATE, 1), RATE, r"noise.wav' has nothing but digital silence in channel 1 of 1"),
        ((511, 1), RATE, "511 samples, expected a window of 512"),
        (None, RATE, "noise.wav does not exist"),
    ],
)
def test_a_file_that_does_not_do(tmp_path: Path, shape: Any, rate: int, message: str) -> None:
    path = tmp_path / "noise.wav"
    if shape:
        soundfile.write(path, np.zeros(shape), rate)
    with pytest.raises(PluginError, match=message):
        Processor(Denoise(noise_file=str(path)), GEOMETRY, RATE, 1)


def test_strength() -> None:
    x = white(2)
    rest = slice(RATE, None)
    gains = [db(through(Denoise(strength=s), x)[rest]) - db(x[rest]) for s in (0.0, 0.5, 1.0)]
    assert abs(gains[0]) < 1e-9
    assert abs(gains[1] - gains[2] / 2) < 2
    assert gains[2] < -14


def test_channels_are_apart() -> None:
    x = np.stack([syllables(1) + white(1), 0.1 * white(1, seed=1), np.zeros(RATE)], axis=1)
    processor = Processor(Denoise(), GEOMETRY, RATE, 3, dtype="float64")
    together = processor.process(x)
    for channel in range(3):
        alone = Processor(Denoise(), GEOMETRY, RATE, 1, dtype="float64")
        assert np.allclose(alone.process(x[:, channel : channel + 1])[:, 0], together[:, channel], atol=1e-15)


def test_exponential_integral() -> None:
    special = pytest.importorskip("scipy.special")
    v = np.geomspace(1e-8, 500, 10_000)
    assert np.abs(exponential_integral(v) / special.exp1(v) - 1).max() < 1e-13


def test_gain_is_that_of_ephraim_and_malah() -> None:
    special = pytest.importorskip("scipy.special")
    posterior = np.geomspace(1e-3, 1e3, 4001)[np.newaxis]
    lsa = LsaGain(posterior.shape, np.dtype("float64"))
    noise = np.ones_like(posterior)
    gain = lsa.update(posterior, posterior, noise, 1.0).copy()
    prior = np.maximum(posterior - 1, 10**-2.5)
    wiener = prior / (1 + prior)
    expected = np.minimum(wiener * np.exp(special.exp1(wiener * posterior) / 2), 1)
    assert np.abs(gain / expected - 1).max() < 5e-5

    # The next frame's ratio is, but for the share, what the gain has left of this one.
    prior = np.maximum(0.75 * gain**2 * posterior + 0.25 * np.maximum(posterior - 1, 0), 10**-2.5)
    wiener = prior / (1 + prior)
    expected = np.minimum(wiener * np.exp(special.exp1(wiener * posterior) / 2), 1)
    assert np.abs(lsa.update(posterior, posterior, noise, 0.25) / expected - 1).max() < 5e-5
