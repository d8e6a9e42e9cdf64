"""Files through process_file and frames: every sample back, aligned, in the container asked for."""

import inspect
import re
import struct
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import geometries, noise, seeds

import rtstft
from rtstft import STFT, AudioError, Context, FileError, FileProgress, FileReport, Plugin
from rtstft.file.output import Output, OutputOptions

GEOMETRY = STFT(256, 64)
RATE = 48_000
BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
# RAW has no header, SD2 keeps its own in a second file.
CONTAINERS = sorted(set(soundfile.available_formats()) - {"RAW", "SD2"})
MONO_ONLY = {"HTK", "SDS", "SVX"}
LOSSY = [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
TAGS = {
    "title": "Mouse",
    "artist": "Cat",
    "comment": "Loud",
    "date": "2024",
    "album": "House",
    "genre": "Pop",
}
LONG = 50_000
"""Samples; several of the blocks in which files are read."""


def pairs(subtypes: Iterable[str]) -> list[tuple[str, str]]:
    return [(c, s) for c in CONTAINERS for s in subtypes if s in soundfile.available_subtypes(c)]


def identity(frame: Any) -> None:
    """Changes nothing."""


def amplify(gain: float) -> Callable[[Any], None]:
    def callback(frame: Any) -> None:
        frame *= gain

    return callback


class Hold(Plugin):
    """Hands on each frame `lookahead` frames late."""

    def __init__(self, lookahead: int) -> None:
        self.lookahead = lookahead

    def prepare(self, context: Context) -> None:
        silence = np.zeros((context.channels, context.stft.bins))
        self.held = deque([silence] * self.lookahead)

    def process(self, frame: Any) -> Any:
        self.held.append(frame.copy())
        return self.held.popleft()


def full_range(bits: int, length: int, channels: int) -> NDArray[np.int32]:
    """Random integers with both extremes at either end, in the upper bits of int32."""
    lowest, highest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    integers = np.random.default_rng(bits).integers(lowest, highest, (length, channels), endpoint=True)
    integers[[0, -2]], integers[[1, -1]] = lowest, highest
    return (integers << (32 - bits)).astype(np.int32)


def make(
    path: Path, samples: Any, subtype: str | None = None, rate: int = RATE, tags: dict[str, str] | None = None
) -> Path:
    """Writes a file whose container is its extension."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    container = {"OPUS": "OGG"}.get(path.suffix[1:].upper(), path.suffix[1:].upper())
    with soundfile.SoundFile(path, "w", rate, channels, subtype, format=container) as file:
        for name, text in (tags or {}).items():
            setattr(file, name, text)
        file.write(samples)
    return path


def read(path: Path, dtype: str = "float64") -> Any:
    return soundfile.read(path, dtype=dtype, always_2d=True)[0]


def run(
    src: Path, dst: Path, callbacks: Any = identity, geometry: STFT = GEOMETRY, **options: Any
) -> FileReport:
    return rtstft.process_file(src, dst, callbacks, geometry, **options)


def sine(length: int, amplitude: float = 0.5) -> Any:
    return amplitude * np.sin(2 * np.pi * 2000 / RATE * np.arange(length))


@pytest.mark.parametrize(("container", "subtype"), pairs(BITS))
def test_identity_gives_back_every_integer(tmp_path: Path, container: str, subtype: str) -> None:
    suffix = f".{container.lower()}"
    samples = full_range(BITS[subtype], 3000, 1 if container in MONO_ONLY else 2)
    src = make(tmp_path / f"in{suffix}", samples, subtype)
    report = run(src, tmp_path / f"out{suffix}")
    assert np.array_equal(read(tmp_path / f"out{suffix}", "int32"), samples)
    assert (report.format, report.subtype, report.clipped) == (container, subtype, 0)


@pytest.mark.parametrize(("container", "subtype"), pairs(["FLOAT", "DOUBLE"]))
def test_identity_gives_back_floats(tmp_path: Path, container: str, subtype: str) -> None:
    suffix = f".{container.lower()}"
    samples = noise(3000, 2, "float64")
    samples[:2] = [-1], [1]
    src = make(tmp_path / f"in{suffix}", samples, subtype)
    report = run(src, tmp_path / f"out{suffix}")
    tolerance = {"FLOAT": 1e-7, "DOUBLE": 1e-14}[subtype]
    assert np.abs(read(tmp_path / f"out{suffix}") - read(src)).max() <= tolerance
    assert (report.format, report.subtype) == (container, subtype)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32"])
@pytest.mark.parametrize(
    "geometry",
    [
        STFT(),
        STFT(1024, 160, 512, "hamming"),
        STFT(synthesis="same"),
        STFT(1024, 128, 512, synthesis="ola"),
        STFT.for_latency(0.004, RATE),
    ],
    ids=str,
)
def test_identity_is_exact_with_any_kind_of_geometry(tmp_path: Path, geometry: STFT, subtype: str) -> None:
    samples = full_range(BITS[subtype], LONG, 1)
    src = make(tmp_path / "in.wav", samples, subtype)
    report = run(src, tmp_path / "out.wav", geometry=geometry)
    assert np.array_equal(read(tmp_path / "out.wav", "int32"), samples)
    assert report.latency == geometry.latency()


@given(
    geometry=geometries(longest=64),
    length=st.one_of(st.integers(0, 70), st.integers(0, 4000)),
    channels=st.integers(1, 4),
    seed=seeds,
)
def test_identity_is_exact_aligned_and_of_equal_length(
    tmp_path_factory: pytest.TempPathFactory, geometry: STFT, length: int, channels: int, seed: int
) -> None:
    assume(geometry.conditioning <= 10)
    folder = tmp_path_factory.mktemp("identity")
    samples = np.random.default_rng(seed).integers(-(2**15), 2**15, (length, channels), dtype=np.int16)
    src = make(folder / "in.wav", samples, "PCM_16")
    report = run(src, folder / "out.wav", geometry=geometry)
    assert np.array_equal(read(folder / "out.wav", "int16"), samples)
    assert (report.samples, report.channels) == (length, channels)


@pytest.mark.parametrize("length", [1, 100, 20_000])
def test_lookahead_is_trimmed(tmp_path: Path, length: int) -> None:
    samples = full_range(16, max(2, length), 2)[:length]
    src = make(tmp_path / "in.wav", samples, "PCM_16")
    report = run(src, tmp_path / "out.wav", [Hold(3), identity, Hold(2)])
    assert np.array_equal(read(tmp_path / "out.wav", "int32"), samples)
    assert report.latency == GEOMETRY.latency() + 5 * GEOMETRY.hop_length


def test_lookahead_beyond_a_block_is_trimmed(tmp_path: Path) -> None:
    samples = full_range(16, LONG, 1)
    src = make(tmp_path / "in.wav", samples, "PCM_16")
    run(src, tmp_path / "out.wav", Hold(20_000 // GEOMETRY.hop_length))
    assert np.array_equal(read(tmp_path / "out.wav", "int32"), samples)


@pytest.mark.parametrize(("subtype", "dtype"), [("PCM_16", "float32"), ("PCM_24", "float64")])
def test_callback_sees_the_frames_of_the_whole_file(tmp_path: Path, subtype: str, dtype: str) -> None:
    src = make(tmp_path / "in.wav", noise(LONG, 2, "float64"), subtype)
    seen: list[Any] = []
    run(src, tmp_path / "out.wav", lambda frame: seen.append(frame.copy()))
    expected = GEOMETRY.stft(read(src, dtype))
    assert np.array_equal(seen[: len(expected)], expected)


def test_callbacks_run_in_their_order(tmp_path: Path) -> None:
    src = make(tmp_path / "in.wav", sine(2000), "DOUBLE")

    def offset(frame: Any) -> None:
        frame[:, 0] += 1

    run(src, tmp_path / "out.wav", [amplify(0.5), offset])
    mono = read(src)
    spectra = GEOMETRY.stft(mono) * 0.5
    spectra[..., 0] += 1
    expected = GEOMETRY.istft(spectra, length=2000)
    assert np.abs(read(tmp_path / "out.wav") - expected).max() < 1e-14


@pytest.mark.parametrize("pad", [True, False])
@pytest.mark.parametrize("length", [0, 1, 255, 256, LONG])
@pytest.mark.parametrize(("subtype", "dtype"), [("PCM_16", "float32"), ("PCM_24", "float64")])
def test_frames_are_those_of_stft(tmp_path: Path, subtype: str, dtype: str, length: int, pad: bool) -> None:
    src = make(tmp_path / "in.wav", noise(length, 2, "float64"), subtype)
    found = list(rtstft.frames(src, GEOMETRY, pad=pad))
    expected = GEOMETRY.stft(read(src, dtype), pad=pad)
    assert len(found) == len(expected)
    assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(found, expected))


def test_frames_of_what_is_no_sound_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"missing\.wav does not exist"):
        next(rtstft.frames(tmp_path / "missing.wav", GEOMETRY))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("length", [1, 100, LONG])
@pytest.mark.parametrize(("container", "subtype"), LOSSY)
def test_lossy_files_keep_container_length_and_alignment(
    tmp_path: Path, container: str, subtype: str, length: int, channels: int
) -> None:
    src, dst = (tmp_path / f"{name}.{container.lower()}" for name in ("in", "out"))
    make(src, np.stack([sine(length)] * channels, axis=1), subtype)
    report = run(src, dst)
    assert (report.format, report.subtype) == (container, subtype)
    before, after = read(src), read(dst)
    assert before.shape == after.shape == (length, channels)
    # One sample of misalignment would be 0.13.
    assert length < 1000 or np.abs(before - after)[2000:-2000].max() < 0.05


@pytest.mark.parametrize(
    ("container", "subtype"), [*LOSSY, ("WAV", "ULAW"), ("WAV", "IMA_ADPCM"), ("W64", "GSM610")]
)
def test_lossy_file_is_decoded_without_seams(tmp_path: Path, container: str, subtype: str) -> None:
    src = make(tmp_path / f"in.{container.lower()}", sine(LONG), subtype)
    run(src, tmp_path / "out.wav", subtype="FLOAT")
    assert np.abs(read(tmp_path / "out.wav") - read(src)).max() < 1e-6


def test_file_that_libsndfile_cannot_seek_in_is_read(tmp_path: Path) -> None:
    samples = full_range(16, LONG, 1)
    src = make(tmp_path / "in.aiff", samples, "DWVW_16")
    run(src, tmp_path / "out.wav", subtype="PCM_16")
    assert np.array_equal(read(tmp_path / "out.wav", "int32"), samples)


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("out.wav", "WAV"),
        ("OUT.WAV", "WAV"),
        ("out.flac", "FLAC"),
        ("out.aiff", "AIFF"),
        ("out.aif", "AIFF"),
        ("out.caf", "CAF"),
        ("out.w64", "W64"),
        ("out.rf64", "RF64"),
        ("out.au", "AU"),
        ("out.snd", "AU"),
        ("out.voc", "VOC"),
        ("out.xyz", "WAV"),
        ("out", "WAV"),
    ],
)
def test_extension_chooses_the_container(tmp_path: Path, name: str, container: str) -> None:
    src = make(tmp_path / "in.wav", full_range(16, 500, 1), "PCM_16")
    report = run(src, tmp_path / name)
    assert soundfile.info(tmp_path / name).format == report.format == container
    assert np.array_equal(read(tmp_path / name, "int32"), read(src, "int32"))


@pytest.mark.parametrize("name", ["out.oga", "out.ogg", "out.opus"])
def test_every_extension_of_ogg_is_one(tmp_path: Path, name: str) -> None:
    src = make(tmp_path / "in.wav", sine(500))
    assert run(src, tmp_path / name, subtype="OPUS").format == "OGG"


@pytest.mark.parametrize("container", ["RF64", "WAVEX"])
def test_kin_of_wav_stays_itself_under_a_wav_name(tmp_path: Path, container: str) -> None:
    src = make(tmp_path / f"in.{container.lower()}", sine(500), "PCM_16")
    run(src, tmp_path / "out.wav")
    assert soundfile.info(tmp_path / "out.wav").format == container


def test_format_beats_extension_and_case_is_free(tmp_path: Path) -> None:
    src = make(tmp_path / "in.wav", sine(500))
    report = run(src, tmp_path / "out.wav", format="flac", subtype="pcm_24")
    info = soundfile.info(tmp_path / "out.wav")
    assert (info.format, info.subtype) == (report.format, report.subtype) == ("FLAC", "PCM_24")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("out.wav", {"format": "nope"}, "format='nope' is unknown, expected one of .*FLAC"),
        ("out.wav", {"format": "RAW"}, "format='RAW' is unknown"),
        ("out.wav", {"format": "SD2"}, "format='SD2' is unknown"),
        ("out.wav", {"subtype": "nope"}, "WAV cannot hold NOPE: choose .*PCM_16"),
        ("out.flac", {"subtype": "FLOAT"}, "FLAC cannot hold FLOAT: choose .*PCM_24"),
        ("out.ogg", {"subtype": "PCM_16"}, "OGG cannot hold PCM_16: choose .*VORBIS"),
        ("out.mp3", {"subtype": "PCM_16"}, "MP3 cannot hold PCM_16: choose .*MPEG_LAYER_III"),
        ("out.opus", {"subtype": "OPUS"}, "OGG cannot hold 9 channels of OPUS at 44100 Hz"),
        ("out.flac", {}, "FLAC cannot hold 9 channels of PCM_16"),
        ("out.wav", {"clip": "limit"}, "clip='limit', expected 'count', 'error' or 'normalize'"),
        ("out.wav", {"dither": "rpdf"}, "dither='rpdf', expected None or 'tpdf'"),
    ],
)
def test_wishes_that_cannot_be(tmp_path: Path, name: str, options: dict[str, Any], message: str) -> None:
    src = make(tmp_path / "in.wav", noise(100, 9, "float64"), "PCM_16", rate=44_100)
    with pytest.raises((AudioError, FileError), match=message):
        run(src, tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == [src]


@pytest.mark.parametrize("job", [rtstft.process_file, rtstft.stretch_file])
def test_options_of_a_job_are_written_once_and_explained(tmp_path: Path, job: Any) -> None:
    parameters = inspect.signature(Output).parameters.values()
    keywords = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert OutputOptions.__annotations__.keys() == keywords
    words = set(re.findall(r"\w+", job.__doc__))
    assert keywords | {"planner_effort", "progress"} <= words
    what: Any = {rtstft.process_file: ((), GEOMETRY), rtstft.stretch_file: (1.0,)}[job]
    make(tmp_path / "in.wav", noise(1000, 1, "float64"))
    with pytest.raises(TypeError, match="overwite"):
        job(tmp_path / "in.wav", tmp_path / "out.wav", *what, overwite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


@pytest.mark.parametrize(("name", "subtype"), [("out.ogg", "VORBIS"), ("out.mp3", "MPEG_LAYER_III")])
def test_lossy_format_is_entered_and_left_with_a_note(tmp_path: Path, name: str, subtype: str) -> None:
    src = make(tmp_path / "in.wav", sine(LONG), "PCM_16")
    there = run(src, tmp_path / name)
    back = run(tmp_path / name, tmp_path / "back.wav")
    assert there.subtype == subtype
    assert back.subtype == "PCM_16"
    assert there.notes == (f"{there.format} cannot hold PCM_16: written as {subtype}",)
    assert back.notes == (f"WAV cannot hold {subtype}: written as PCM_16",)


@pytest.mark.parametrize("subtype", ["PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_wider_subtype_holds_every_sample(tmp_path: Path, subtype: str) -> None:
    samples = full_range(16, 3000, 1)
    src = make(tmp_path / "in.wav", samples, "PCM_16")
    run(src, tmp_path / "out.wav", subtype=subtype)
    assert np.abs(read(tmp_path / "out.wav") - samples / 2**31).max() <= 1e-7 * (subtype == "FLOAT") + 1e-14


@pytest.mark.parametrize(("subtype", "bits"), [("PCM_U8", 8), ("PCM_16", 16), ("PCM_24", 24)])
def test_narrower_subtype_rounds_to_nearest(tmp_path: Path, subtype: str, bits: int) -> None:
    src = make(tmp_path / "in.wav", noise(3000, 1, "float64") / 2, "DOUBLE")
    run(src, tmp_path / "out.wav", subtype=subtype)
    steps = (read(tmp_path / "out.wav") - read(src)) * 2 ** (bits - 1)
    assert 0.49 < np.abs(steps).max() < 0.5 + 1e-6


@pytest.mark.parametrize("container", ["WAV", "RF64", "FLAC", "CAF", "OGG"])
def test_tags_are_copied(tmp_path: Path, container: str) -> None:
    src = make(tmp_path / "in.wav", sine(500), tags=TAGS | {"software": "Mousetrap"})
    dst = tmp_path / f"out.{container.lower()}"
    report = run(src, dst, subtype="VORBIS" if container == "OGG" else None)
    with soundfile.SoundFile(dst) as written:
        found = written.copy_metadata()
    assert found.pop("software").startswith("Mousetrap")
    assert found == TAGS
    assert report.not_kept == ()


@pytest.mark.parametrize(
    ("container", "lost"), [("AIFF", {"date", "album", "genre"}), ("AU", set(TAGS)), ("W64", set(TAGS))]
)
def test_tags_that_the_container_has_no_place_for_are_named(
    tmp_path: Path, container: str, lost: set[str]
) -> None:
    src = make(tmp_path / "in.wav", sine(500), tags=TAGS)
    dst = tmp_path / f"out.{container.lower()}"
    report = run(src, dst)
    assert set(report.not_kept) == lost
    with soundfile.SoundFile(dst) as written:
        assert set(written.copy_metadata()) == set(TAGS) - lost


def wav_with_chunk(name: bytes, body: bytes) -> bytes:
    """100 samples of silence, and one chunk more."""
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    samples = struct.pack("<4sI", b"data", 200) + bytes(200)
    extra = struct.pack("<4sI", name, len(body)) + body
    inner = b"WAVE" + layout + extra + samples
    return struct.pack("<4sI", b"RIFF", len(inner)) + inner


@pytest.mark.parametrize(
    ("chunk", "body"),
    [
        (b"bext", bytes(602)),
        (b"cue ", struct.pack("<II4s4sIII", 1, 1, bytes(4), b"data", 0, 0, 10)),
        (b"smpl", struct.pack("<9I", 0, 0, 125_000, 60, 0, 0, 0, 0, 0)),
        (b"iXML", b"<BWFXML/>\n"),
        (b"axml", b"<ebuCoreMain/>"),
        (b"id3 ", b"ID3" + bytes(21)),
    ],
)
def test_chunks_without_a_tag_are_named(tmp_path: Path, chunk: bytes, body: bytes) -> None:
    src = tmp_path / "in.wav"
    src.write_bytes(wav_with_chunk(chunk, body))
    report = run(src, tmp_path / "out.wav")
    assert report.not_kept == (chunk.decode().strip(),)
    assert report.samples == 100


@pytest.mark.parametrize(("container", "subtype"), [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("AIFF", "FLOAT")])
def test_nothing_is_lost_where_nothing_was(tmp_path: Path, container: str, subtype: str) -> None:
    suffix = f".{container.lower()}"
    src = make(tmp_path / f"in{suffix}", sine(500), subtype)
    report = run(src, tmp_path / f"out{suffix}")
    assert (report.not_kept, report.notes) == ((), ())


def test_report(tmp_path: Path) -> None:
    src = make(tmp_path / "in.caf", np.stack([sine(4410), -sine(4410)], axis=1), "DOUBLE", rate=44_100)
    report = run(src, tmp_path / "out.flac", amplify(0.5), subtype="PCM_24")
    assert report.peak == pytest.approx(0.25, rel=1e-6)
    assert report.elapsed_s > 0
    assert report.speed == report.seconds / report.elapsed_s
    assert replace(report, peak=0, elapsed_s=0) == FileReport(
        samples=4410,
        channels=2,
        samplerate=44_100,
        format="FLAC",
        subtype="PCM_24",
        seconds=0.1,
        elapsed_s=0,
        latency=GEOMETRY.latency(),
        peak=0,
        clipped=0,
        gain=1,
        not_kept=(),
        notes=(),
    )


@pytest.mark.parametrize("clip", ["count", "normalize"])
@pytest.mark.parametrize("length", [0, 1, LONG])
def test_progress_rises_to_the_total(tmp_path: Path, length: int, clip: Any) -> None:
    src = make(tmp_path / "in.wav", np.zeros(length))
    states: list[FileProgress] = []
    run(src, tmp_path / "out.wav", clip=clip, progress=states.append)
    done = [state.samples for state in states]
    assert done == sorted(done)
    assert not length or done[-1] == length
    assert length < LONG or len(set(done)) > 2
    assert all((state.total, state.samplerate) == (length, RATE) for state in states)
    assert all(state.speed == state.samples / RATE / state.elapsed_s for state in states)


def test_samples_beyond_full_scale_are_limited_and_counted(tmp_path: Path) -> None:
    src = make(tmp_path / "in.wav", np.array([0.25, 0.75, -0.25, -0.75, -0.5, 0.0] * 10_000), "PCM_16")
    report = run(src, tmp_path / "out.wav", amplify(2))
    assert (report.clipped, report.gain) == (20_000, 1)
    assert report.peak == pytest.approx(1.5, rel=1e-6)
    highest = 1 - 2.0**-15
    assert np.array_equal(read(tmp_path / "out.wav")[:6, 0], [0.5, highest, -0.5, -1, -1, 0])


def test_limits_are_those_of_the_subtype(tmp_path: Path) -> None:
    src = make(tmp_path / "in.wav", np.array([1.5, -1.5, 0.0]), "FLOAT")
    for subtype, bits in BITS.items():
        if subtype != "PCM_S8":
            report = run(src, tmp_path / "out.wav", subtype=subtype, overwrite=True)
            assert report.clipped == 2
            assert read(tmp_path / "out.wav")[:2, 0].tolist() == [1 - 2.0 ** (1 - bits), -1]


def test_floats_are_never_limited(tmp_path: Path) -> None:
    src = make(tmp_path / "in.wav", sine(3000), "FLOAT")
    for clip in ("count", "error", "normalize"):
        report = run(src, tmp_path / "out.wav", amplify(8), clip=clip, overwrite=True)
        assert (report.clipped, report.gain) == (0, 1)
        assert np.abs(read(tmp_path / "out.wav") - 8 * read(src)).max() < 1e-6


def test_clipping_can_be_refused(tmp_path: Path) -> None:
    samples = np.zeros(LONG)
    samples[40_000] = 0.75
    src = make(tmp_path / "in.wav", samples)
    with pytest.raises(AudioError, match="sample 40000 is beyond full scale"):
        run(src, tmp_path / "out.wav", amplify(2), clip="error")
    assert list(tmp_path.iterdir()) == [src]
    assert run(src, tmp_path / "out.wav", clip="error").clipped == 0


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_normalizing_brings_the_peak_to_full_scale(tmp_path: Path, subtype: str) -> None:
    src = make(tmp_path / "in.wav", np.stack([sine(LONG), sine(LONG, 0.125)], axis=1), subtype)
    report = run(src, tmp_path / "out.wav", amplify(4), clip="normalize")
    step = 2.0 ** (1 - BITS[subtype])
    assert report.peak == pytest.approx(2, rel=1e-4)
    assert report.clipped > 0
    assert report.gain == pytest.approx((1 - step) / report.peak)
    assert np.abs(read(tmp_path / "out.wav") - read(src) * 4 * report.gain).max() < step
    assert np.abs(read(tmp_path / "out.wav")).max() == 1 - step


def test_normalizing_leaves_alone_what_fits(tmp_path: Path) -> None:
    samples = full_range(16, LONG, 2)
    src = make(tmp_path / "in.wav", samples, "PCM_16")
    report = run(src, tmp_path / "out.wav", clip="normalize")
    assert np.array_equal(read(tmp_path / "out.wav", "int32"), samples)
    assert (report.clipped, report.gain) == (0, 1)


def test_dither_is_triangular_and_independent_of_the_signal(tmp_path: Path) -> None:
    src = make(tmp_path / "in.wav", np.stack([sine(LONG), np.full(LONG, 0.3 / 2**15)], axis=1), "DOUBLE")
    run(src, tmp_path / "out.wav", subtype="PCM_16", dither="tpdf")
    error = (read(tmp_path / "out.wav") - read(src)) * 2**15
    assert np.abs(error).max() < 1.5
    # Rounding and dither of two steps' width: 1/12 + 2/12 of a step squared. The bounds are 5 sigma and more.
    assert np.abs(error.mean(axis=0)).max() < 5 * 0.5 / np.sqrt(LONG)
    assert np.abs(error.var(axis=0) - 0.25).max() < 0.01
    assert abs(np.corrcoef(error.T)[0, 1]) < 0.025


def test_dither_is_the_same_every_time(tmp_path: Path) -> None:
    src = make(tmp_path / "in.wav", sine(LONG), "PCM_24")
    for name in ("once.wav", "again.wav"):
        run(src, tmp_path / name, subtype="PCM_16", dither="tpdf")
    run(src, tmp_path / "plain.wav", subtype="PCM_16")
    once, again, plain = (read(tmp_path / f"{name}.wav", "int16") for name in ("once", "again", "plain"))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, plain)


def test_dither_leaves_floats_alone(tmp_path: Path) -> None:
    src = make(tmp_path / "in.wav", sine(3000), "DOUBLE")
    run(src, tmp_path / "dithered.wav", dither="tpdf")
    assert np.abs(read(tmp_path / "dithered.wav") - read(src)).max() <= 1e-14


def peak_memory(work: Callable[[], object]) -> int:
    work()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("clip", ["count", "normalize"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, clip: Any) -> None:
    def measured(length: int) -> int:
        src = make(tmp_path / f"{length}.wav", np.zeros(length))
        return peak_memory(lambda: run(src, tmp_path / "out.wav", clip=clip, overwrite=True))

    short, long = measured(100_000), measured(1_500_000)
    # A single block of the long file, beyond what the short one took, would be 64 kB.
    assert long < short + 50_000


def test_memory_of_frames_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def measured(length: int) -> int:
        src = make(tmp_path / f"{length}.wav", np.zeros(length))
        return peak_memory(lambda: deque(rtstft.frames(src, GEOMETRY), maxlen=0))

    short, long = measured(100_000), measured(1_500_000)
    assert long < short + 50_000
