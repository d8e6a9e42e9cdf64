"""Time stretching: lengths, starts, pitch, consistency, channels, files, the command."""

import json
import re
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from command import rtstft as command
from hypothesis import example, given
from hypothesis import strategies as st
from sounds import amplitude_of, cents, consistency_db, measure_sine, sine, syllables, vowel
from strategies import Samples, blocks_of, channel_counts, dtypes, noise, partitions, seeds

import rtstft
from rtstft import STFT, AudioError, FileError, FileProgress, GeometryError, StreamError
from rtstft.stretch import FASTEST, SLOWEST, Stretcher, geometry_for

RATE = 48_000
rates = st.one_of(st.floats(SLOWEST, FASTEST), st.sampled_from([0.5, 0.8, 1.0, 1.25, 1.5, 2.0]))


def stretched(
    x: Samples, rate: float, geometry: STFT | None = None, sizes: list[int] | None = None, **options: Any
) -> Samples:
    """All of `x`, (samples, channels), faster by `rate`."""
    chosen = geometry_for(rate, RATE) if geometry is None else geometry
    stretcher = Stretcher(rate, chosen, x.shape[1], x.dtype, **options)
    parts = [stretcher.process(block) for block in ([x] if sizes is None else blocks_of(x, sizes))]
    return np.concatenate([*parts, stretcher.flush()])


def mono(x: Samples, rate: float) -> Samples:
    return stretched(x[:, np.newaxis], rate)[:, 0]


@given(
    rate=rates, length=st.integers(0, 9000), channels=channel_counts, dtype=dtypes, seed=seeds, data=st.data()
)
def test_length_is_exact_and_blocks_do_not_matter(
    rate: float, length: int, channels: int, dtype: str, seed: int, data: st.DataObject
) -> None:
    x = noise(length, channels, dtype, seed)
    geometry = geometry_for(rate, RATE, n_fft=data.draw(st.sampled_from([256, 300, 512])))
    y = stretched(x, rate, geometry)
    assert y.shape == (round(length / rate), channels)
    assert y.dtype == dtype
    assert np.isfinite(y).all()
    assert np.array_equal(stretched(x, rate, geometry, data.draw(partitions(length))), y)


def test_input_frames_of_a_sample_apart_never_coincide() -> None:
    x = noise(200, 1, "float64")
    y = stretched(x, SLOWEST, STFT(144, 16))
    assert len(y) == 3200
    assert np.isfinite(y).all()


@pytest.mark.parametrize("kind", ["noise", "ones"])
def test_rate_of_one_changes_nothing(kind: str) -> None:
    x = noise(12_345, 2, "float64") if kind == "noise" else np.ones((12_345, 1))
    assert np.allclose(stretched(x, 1.0), x, atol=1e-12)


@pytest.mark.parametrize("rate", [0.5, 0.8, 1.25, 1.5, 2.0, 4.0])
def test_sine_keeps_pitch_level_and_purity(rate: float) -> None:
    for frequency in (221.0, 997.0, 3520.0):
        y = mono(sine(frequency, round(rate * 24_000), RATE), rate)[6000:-4000]
        found, snr, amplitude = measure_sine(y, frequency, RATE)
        assert abs(cents(found, frequency)) < 0.01
        assert snr > 80
        assert abs(amplitude - 0.5) < 1e-4


@pytest.mark.parametrize(("support", "hop"), [(128, 64), (512, 128)])
def test_short_synthesis_window_is_enough_to_go_on_from(support: int, hop: int) -> None:
    pair = ("low_delay", support)
    geometry = STFT(2048, hop, window=pair, synthesis=pair)
    y = stretched(sine(997.0, 60_000, RATE)[:, np.newaxis], 1.25, geometry)
    found, snr, _ = measure_sine(y[6000:-4000, 0], 997.0, RATE)
    assert abs(cents(found, 997.0)) < 0.1
    assert snr > 40


@pytest.mark.parametrize("samplerate", [8000, 16_000, 44_100, 96_000])
def test_window_lasts_as_long_at_any_samplerate(samplerate: int) -> None:
    geometry = geometry_for(1.25, samplerate)
    assert 0.038 < geometry.n_fft / samplerate < 0.049
    x = sine(440, samplerate // 2, samplerate)[:, np.newaxis]
    y = stretched(x, 1.25, geometry)[samplerate // 8 : -samplerate // 16, 0]
    assert abs(cents(measure_sine(y, 440, samplerate)[0], 440)) < 0.01


@pytest.mark.parametrize(("rate", "most_db"), [(0.5, -22.3), (1 / 1.5, -24.1), (0.8, -27.0), (1.25, -25.0)])
def test_speech_like_sound_is_consistent(rate: float, most_db: float) -> None:
    """Frames of the output have the magnitudes they were made of; without locking, by -3 to -8 dB."""
    x = syllables(40_000, RATE)
    geometry = STFT(2048, 512)
    y = stretched(x[:, np.newaxis], rate, geometry)[:, 0]
    assert consistency_db(x, y, rate, geometry) < most_db


@pytest.mark.parametrize("rate", [0.5, 0.8, 1.25, 2.0])
def test_signal_begins_with_its_first_sample(rate: float) -> None:
    x = np.zeros(9600)
    x[0] = 1.0
    y = mono(x, rate)
    assert np.argmax(np.abs(y)) == 0
    assert y[0] > 0.5
    # A sound that sets in at sample 0 does so in the output.
    onset = mono(sine(1000, 9600, RATE, phase=np.pi / 2), rate)
    assert onset[0] > 0.25
    assert np.abs(onset[:24]).max() < 0.75


@pytest.mark.parametrize("rate", [0.5, 0.8, 1.25, 2.0])
def test_events_are_where_they_belong(rate: float) -> None:
    x = 1e-4 * noise(60_000, None, "float64")
    places = [10_000, 25_000, 47_000]
    for place in places:
        x[place : place + 480] += noise(480, None, "float64", seed=place)
    y = mono(x, rate) ** 2
    for place in places:
        centre = (place + 240) / rate
        near = slice(round(centre - 3000), round(centre + 3000))
        found = np.average(np.arange(near.start, near.stop), weights=y[near])
        assert abs(found - centre) < 0.01 * RATE


def test_partials_that_begin_together_begin_in_phase() -> None:
    """Or else the pulse begins as much as a window before."""
    time = np.arange(8000) / RATE
    pulse = np.zeros(16_000)
    for harmonic in range(1, 25):
        pulse[8000:] += 0.1 * np.sin(2 * np.pi * 200 * harmonic * time) / harmonic * np.exp(-25 * time)
    pulse += 1e-4 * np.random.default_rng(0).standard_normal(16_000)
    y = mono(pulse, 0.8)
    before, after = y[9040:9952], y[9952:10_912]
    assert 10 * np.log10(np.sum(before**2) / np.sum(after**2)) < -18
    assert np.abs(y).max() < 1.2 * np.abs(pulse).max()


def test_channels_keep_level_and_phase_to_each_other() -> None:
    left = vowel(150.0, 20_000, RATE)
    x = np.column_stack([left, -0.25 * left, np.zeros(20_000)])
    y = stretched(x, 0.7)
    assert np.allclose(y[:, 1], -0.25 * y[:, 0], atol=1e-12)
    assert not y[:, 2].any()
    # Two tones, each in both channels, a quarter of its period apart.
    tones = [
        np.column_stack([sine(f, 30_000, RATE, phase=0), sine(f, 30_000, RATE, phase=np.pi / 2)])
        for f in (450.0, 1320.0)
    ]
    turned = stretched(tones[0] + 0.1 * tones[1], 1.3)[6000:-4000]
    for frequency in (450.0, 1320.0):
        first, second = (amplitude_of(turned[:, c], frequency, RATE) for c in (0, 1))
        assert abs(np.angle(second / first) - np.pi / 2) < 2e-3


def test_each_channel_may_have_a_tone_of_its_own() -> None:
    frequencies = (450.0, 1320.0, 700.0)
    x = np.column_stack([sine(f, 24_000, RATE) for f in frequencies])
    y = stretched(x, 0.8)[6000:-4000]
    for channel, frequency in enumerate(frequencies):
        found, snr, _ = measure_sine(y[:, channel], frequency, RATE)
        assert abs(cents(found, frequency)) < 0.01
        assert snr > 60


def test_memory_does_not_grow_with_the_length() -> None:
    stretcher = Stretcher(0.8, geometry_for(0.8, RATE), 2)
    block = noise(16_384, 2, "float32")
    peaks = []
    for count in (3, 3, 12):
        tracemalloc.start()
        for _ in range(count):
            stretcher.process(block)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.1 * peaks[1]


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf"), 17.0, 0.06, "2", True])
def test_rate_that_cannot_be(rate: Any, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="expected a speed from"):
        rtstft.stretch_file(tmp_path / "in.wav", tmp_path / "out.wav", rate)


def test_frames_too_far_apart_name_a_hop_that_works() -> None:
    with pytest.raises(GeometryError, match="try hop_length=64") as caught:
        Stretcher(4.0, STFT(1024, 256))
    assert "1024 samples apart" in str(caught.value)
    Stretcher(4.0, STFT(1024, 64))
    with pytest.raises(GeometryError, match="output frames 600, expected"):
        Stretcher(0.5, STFT(1024, 600, window="boxcar"))
    with pytest.raises(GeometryError, match="try hop_length="):
        Stretcher(0.1, STFT(64, 4))


def test_frames_that_share_no_output_are_refused() -> None:
    overlap_save = np.repeat([0.0, 1.0], [1536, 512])
    with pytest.raises(GeometryError, match=r"makes 512 samples, .* hop_length: try STFT\(2048, 512\)$"):
        Stretcher(1.25, STFT(2048, 512, window="boxcar", synthesis=overlap_save))


@pytest.mark.parametrize("geometry", [1024, 0, "hann"])
def test_geometry_that_is_none(geometry: Any, tmp_path: Path) -> None:
    source = written(tmp_path / "in.wav", noise(2000, 1, "float64"), subtype="PCM_16")
    with pytest.raises(AudioError, match=f"geometry is {geometry!r}, expected an STFT; the rate comes"):
        rtstft.stretch_file(source, tmp_path / "out.wav", 1.25, geometry)
    assert not (tmp_path / "out.wav").exists()


@given(rate=rates, n_fft=st.integers(2, 300))
@example(rate=1.0, n_fft=2)
def test_refused_geometry_names_one_that_works(rate: float, n_fft: int) -> None:
    try:
        Stretcher(rate, geometry_for(rate, RATE, n_fft))
    except GeometryError as error:
        whole = re.search(r"try STFT\((\d+), (\d+)\)$", str(error))
        if whole:
            Stretcher(rate, STFT(int(whole[1]), int(whole[2])))
            return
        found = re.search(r"try hop_length=(\d+)$|, expected (\d+) or more$", str(error))
        assert found
        hop, window = found.groups()
        length = int(window or n_fft)
        Stretcher(rate, STFT(length, int(hop or length // (2 * max(1, rate))), window="boxcar"))
        assert not window or length > n_fft


def test_misuse_is_said_plainly() -> None:
    stretcher = Stretcher(2.0, geometry_for(2.0, RATE), 2)
    with pytest.raises(AudioError, match=r"shape \(100, 3\), expected \(samples, 2\)"):
        stretcher.process(np.zeros((100, 3)))
    x = noise(9000, 2, "float32")
    x[5000] = np.nan
    with pytest.raises(AudioError, match="NaN or Inf"):
        stretcher.process(x)
    with pytest.raises(StreamError, match="ended"):
        stretcher.process(x)


def written(path: Path, x: Samples, **options: Any) -> Path:
    soundfile.write(path, x, RATE, **options)
    return path


def test_file_is_what_the_stretcher_makes_of_its_samples(tmp_path: Path) -> None:
    source = written(tmp_path / "in.wav", 0.5 * noise(50_001, 2, "float64"), subtype="DOUBLE")
    target = tmp_path / "out.wav"
    seen: list[FileProgress] = []
    report = rtstft.stretch_file(source, target, 1.25, progress=seen.append)
    x, _ = soundfile.read(source)
    y, samplerate = soundfile.read(target)
    assert samplerate == RATE
    assert len(y) == report.samples == round(50_001 / 1.25)
    assert np.array_equal(y, stretched(x, 1.25))
    assert report.seconds == len(y) / RATE
    assert (report.format, report.subtype, report.channels) == ("WAV", "DOUBLE", 2)
    assert seen[-1].samples == seen[-1].total == len(y)
    assert all(a.samples <= b.samples for a, b in pairwise(seen))


def test_file_options_are_those_of_processing(tmp_path: Path) -> None:
    source = written(tmp_path / "in.wav", noise(20_000, 1, "float64"), subtype="PCM_16")
    report = rtstft.stretch_file(
        source, tmp_path / "out.flac", 0.8, STFT(1024, 128), subtype="PCM_24", clip="normalize", dither="tpdf"
    )
    assert (report.format, report.subtype, report.samples) == ("FLAC", "PCM_24", 25_000)
    assert report.peak * report.gain <= 1
    assert soundfile.info(tmp_path / "out.flac").frames == 25_000


def test_nothing_is_lost_when_it_cannot_be_done(tmp_path: Path) -> None:
    x = noise(20_000, 1, "float32")
    x[15_000] = np.inf
    source = written(tmp_path / "in.wav", x, subtype="FLOAT")
    target = written(tmp_path / "out.wav", np.zeros(10), subtype="PCM_16")
    before = target.read_bytes()
    with pytest.raises(FileError, match="exists"):
        rtstft.stretch_file(source, target, 0.8)
    with pytest.raises(AudioError, match="NaN or Inf"):
        rtstft.stretch_file(source, target, 0.8, overwrite=True)
    assert target.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.wav", "out.wav"]


def test_file_may_replace_itself(tmp_path: Path) -> None:
    path = written(tmp_path / "in.wav", 0.1 * noise(20_000, 2, "float32"), subtype="PCM_16")
    rtstft.stretch_file(path, path, 2.0, overwrite=True)
    assert soundfile.info(path).frames == 10_000


@pytest.mark.parametrize("samples", [0, 1, 5])
def test_file_of_next_to_nothing(samples: int, tmp_path: Path) -> None:
    source = written(tmp_path / "in.wav", noise(samples, 1, "float32"), subtype="PCM_16")
    rtstft.stretch_file(source, tmp_path / "out.wav", 0.5)
    assert soundfile.info(tmp_path / "out.wav").frames == 2 * samples


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = written(tmp_path / "in.wav", 0.1 * noise(20_000, 2, "float32"), subtype="PCM_16")
    target = tmp_path / "out.wav"
    words = ["stretch", str(source), str(target), "--rate", "1.25"]
    assert command(*words, "--json") == 0
    assert json.loads(capsys.readouterr().out)["samples"] == 16_000
    assert command(*words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert command(*words, "--overwrite", "--n-fft", "1024", "--hop-length", "128") == 0
    by_hand = tmp_path / "by_hand.wav"
    rtstft.stretch_file(source, by_hand, 1.25, STFT(1024, 128))
    assert by_hand.read_bytes() == target.read_bytes()
    assert command("stretch", str(source), str(target), "--rate", "0") == 2
    assert "expected a speed" in capsys.readouterr().err
