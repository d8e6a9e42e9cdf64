"""What a file job leaves behind when it fails or is killed, and what it makes of bad input."""

import gc
import io
import os
import signal
import stat
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
import soundfile
from strategies import noise

import rtstft
from rtstft import STFT, AudioError, FileError, FileReport, PluginError
from rtstft.file import target

GEOMETRY = STFT(256, 64)
RATE = 48_000
LENGTH = 40_000
"""Samples; more than two of the blocks in which files are read."""
OLD = b"what was here before"

needs_posix = pytest.mark.skipif(os.name != "posix", reason="POSIX files and signals")


def identity(frame: Any) -> None:
    """Changes nothing."""


def encoded(samples: Any, container: str = "WAV", subtype: str | None = "PCM_16") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, subtype, format=container)
    return buffer.getvalue()


def read(path: Path, dtype: str = "int16") -> Any:
    return soundfile.read(path, dtype=dtype, always_2d=True)[0]


def run(src: Path | str, dst: Path, callbacks: Any = identity, **options: Any) -> FileReport:
    return rtstft.process_file(src, dst, callbacks, GEOMETRY, **options)


@pytest.fixture
def src(tmp_path: Path) -> Path:
    path = tmp_path / "in.wav"
    path.write_bytes(encoded(noise(LENGTH, 2, "float64") / 2))
    return path


@pytest.fixture(params=["old", "new"])
def dst(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A target that exists, and one that does not."""
    path = tmp_path / "out.wav"
    if request.param == "old":
        path.write_bytes(OLD)
    return path


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """Names, bytes and modes of all files in `folder` are afterwards what they were."""

    def state() -> dict[str, tuple[bytes, int]]:
        return {p.name: (p.read_bytes(), p.stat().st_mode) for p in folder.iterdir() if p.is_file()}

    before = state()
    yield
    assert state() == before


def on_frame(number: int, act: Callable[[Any], object]) -> Callable[[Any], None]:
    """A callback that does something once, in the middle of a file."""
    count = 0

    def callback(frame: Any) -> None:
        nonlocal count
        count += 1
        if count == number:
            act(frame)

    return callback


def raising(error: type[BaseException]) -> Callable[[Any], None]:
    def act(_: Any) -> None:
        raise error()

    return act


def spoil(frame: Any) -> None:
    frame[0, 3] = np.nan


def overdrive(frame: Any) -> None:
    frame *= 100


MIDWAY = LENGTH // GEOMETRY.hop_length // 2
FAILURES: dict[str, tuple[type[BaseException], dict[str, Any]]] = {
    "exception": (PluginError, {"act": raising(ZeroDivisionError)}),
    "interrupt": (KeyboardInterrupt, {"act": raising(KeyboardInterrupt)}),
    "exit": (SystemExit, {"act": raising(SystemExit)}),
    "nan": (PluginError, {"act": spoil}),
    "clipping": (AudioError, {"act": overdrive, "clip": "error"}),
    "progress": (OverflowError, {"act": identity, "progress": raising(OverflowError)}),
}


def run_into(failure: str, src: Path, dst: Path, **options: Any) -> None:
    """A job that fails in the middle of its file."""
    expected, causes = FAILURES[failure]
    options |= causes
    callback = on_frame(MIDWAY, options.pop("act"))
    with pytest.raises(expected):
        run(src, dst, callback, overwrite=True, **options)


@pytest.mark.parametrize("clip", ["count", "normalize"])
@pytest.mark.parametrize("failure", FAILURES)
def test_failure_leaves_the_folder_as_it_was(
    tmp_path: Path, src: Path, dst: Path, failure: str, clip: str
) -> None:
    with unchanged(tmp_path):
        run_into(failure, src, dst, clip=clip)
        gc.collect()  # a file left open would warn here


@pytest.mark.parametrize("failure", FAILURES)
def test_failure_spares_a_source_that_is_its_own_target(tmp_path: Path, src: Path, failure: str) -> None:
    with unchanged(tmp_path):
        run_into(failure, src, src)


def test_nan_in_the_source_leaves_the_folder_as_it_was(tmp_path: Path, dst: Path) -> None:
    samples = np.zeros(LENGTH)
    samples[30_000] = np.nan
    src = tmp_path / "in.wav"
    src.write_bytes(encoded(samples, subtype="FLOAT"))
    with unchanged(tmp_path), pytest.raises(AudioError, match=r"NaN or Inf .* in the input"):
        run(src, dst, overwrite=True)


def test_source_may_be_its_own_target(src: Path) -> None:
    before = read(src)
    run(src, src, overwrite=True)
    assert np.array_equal(read(src), before)
    run(src, src, lambda frame: np.multiply(frame, 0.5, frame), overwrite=True)
    assert np.abs(read(src) - before / 2).max() <= 0.5
    assert list(src.parent.iterdir()) == [src]


def test_existing_target_needs_overwrite(tmp_path: Path, src: Path) -> None:
    (tmp_path / "out.wav").write_bytes(OLD)
    called: list[Any] = []
    with unchanged(tmp_path):
        with pytest.raises(FileError, match=r"out\.wav exists: .*overwrite=True"):
            run(src, tmp_path / "out.wav", called.append)
        with pytest.raises(FileError, match="exists"):
            run(src, src, called.append)
    assert not called


def test_target_that_appears_meanwhile_is_kept(tmp_path: Path, src: Path) -> None:
    def appear(_: Any) -> None:
        (tmp_path / "out.wav").write_bytes(OLD)

    with pytest.raises(FileError, match="exists"):
        run(src, tmp_path / "out.wav", on_frame(MIDWAY, appear))
    assert (tmp_path / "out.wav").read_bytes() == OLD
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "is not a regular file"),
        ("missing/out.wav", "there is no folder .*missing"),
        ("in.wav/out.wav", "there is no folder .*in.wav"),
        ("x" * 300 + ".wav", "x{300}"),
    ],
)
def test_target_that_cannot_be_a_file(tmp_path: Path, src: Path, name: str, message: str) -> None:
    with unchanged(tmp_path), pytest.raises(FileError, match=message):
        run(src, tmp_path / name, overwrite=True)


def test_longest_possible_name_is_written(tmp_path: Path, src: Path) -> None:
    run(src, tmp_path / ("x" * 251 + ".wav"))
    assert len(list(tmp_path.iterdir())) == 2


@needs_posix
def test_target_that_is_a_named_pipe(tmp_path: Path, src: Path) -> None:
    os.mkfifo(tmp_path / "out.wav")
    with (
        unchanged(tmp_path),
        pytest.raises(FileError, match=r"not a regular file; .* use - for standard output"),
    ):
        run(src, tmp_path / "out.wav", overwrite=True)
    assert stat.S_ISFIFO((tmp_path / "out.wav").stat().st_mode)


@needs_posix
@pytest.mark.parametrize("exists", [True, False])
def test_link_stays_a_link_and_its_target_is_replaced(tmp_path: Path, src: Path, exists: bool) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    if exists:
        (folder / "real.wav").write_bytes(OLD)
    link = tmp_path / "out.wav"
    link.symlink_to(folder / "real.wav")
    run(src, link, overwrite=True)
    assert link.is_symlink()
    assert np.array_equal(read(folder / "real.wav"), read(src))
    assert sorted(p.name for p in (*tmp_path.iterdir(), *folder.iterdir())) == [
        "elsewhere",
        "in.wav",
        "out.wav",
        "real.wav",
    ]


@needs_posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_overwritten_file_keeps_its_mode(tmp_path: Path, src: Path, mode: int) -> None:
    (tmp_path / "out.wav").write_bytes(OLD)
    (tmp_path / "out.wav").chmod(mode)
    run(src, tmp_path / "out.wav", overwrite=True)
    assert stat.S_IMODE((tmp_path / "out.wav").stat().st_mode) == mode


@needs_posix
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_new_file_follows_the_umask(tmp_path: Path, src: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        run(src, tmp_path / "out.wav")
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.wav").stat().st_mode) == 0o666 & ~mask


FULL_DISK = dedent("""
    import os, resource, signal, sys
    import rtstft

    src, dst, subtype, clip = sys.argv[1:]
    geometry = rtstft.STFT(256, 64)
    def run(overwrite):
        return rtstft.process_file(src, dst, (), geometry, subtype=subtype, clip=clip, overwrite=overwrite)
    run(False)
    size = os.path.getsize(dst)
    with open(dst, "wb") as file:
        file.write(b"what was here before")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for missing in (1, 10, 100, 1000, size // 2, size - 60, size - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - missing, resource.RLIM_INFINITY))
        try:
            run(True)
        except rtstft.FileError as error:
            assert len(str(error).splitlines()) == 1
        except BaseException as error:
            print(f"{missing} of {size} bytes short: {error!r}")
        else:
            print(f"{missing} of {size} bytes short: no error")
""")


@needs_posix
@pytest.mark.parametrize(
    ("container", "subtype", "clip"),
    [
        ("wav", "PCM_16", "count"),
        ("wav", "PCM_16", "normalize"),
        ("wav", "FLOAT", "count"),
        ("wav", "IMA_ADPCM", "count"),
        ("aiff", "PCM_24", "count"),
        ("caf", "PCM_24", "count"),
        ("flac", "PCM_16", "count"),
        ("mp3", "MPEG_LAYER_III", "count"),
        ("ogg", "OPUS", "count"),
        ("ogg", "VORBIS", "count"),
        ("rf64", "PCM_16", "count"),
        ("w64", "PCM_16", "count"),
    ],
)
def test_full_disk_is_an_error_and_leaves_the_old_file(
    tmp_path: Path, src: Path, container: str, subtype: str, clip: str
) -> None:
    dst = tmp_path / f"out.{container}"
    command = [sys.executable, "-c", FULL_DISK, str(src), str(dst), subtype, clip]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.stdout == ""
    assert ended.returncode == 0
    assert dst.read_bytes() == OLD
    assert sorted(tmp_path.iterdir()) == sorted([src, dst])


# Announces itself in the middle of the file, and stays there.
STUCK = dedent("""
    import os

    count = 0
    def stuck(frame):
        global count
        count += 1
        if count == 300:
            os.write(1, b"x")
            while True:
                pass
""")


def heeding_signals() -> None:
    """Where the tests run in the background, signals may be ignored, and that is inherited."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def stopped_midway(folder: Path, src: Path, dst: Path, number: int) -> tuple[int, bytes]:
    """Exit code and standard error of a command that gets signal `number` in the middle of its file."""
    effect = folder / "effects"
    effect.mkdir()
    (effect / "fx.py").write_text(STUCK)
    command = [sys.executable, "-m", "rtstft", "process", str(src), str(dst), "--overwrite"]
    process = subprocess.Popen(
        [*command, "-c", f"{effect / 'fx.py'}:stuck", "--n-fft", "256"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heeding_signals,
    )
    with process:
        assert process.stdout is not None
        try:
            assert process.stdout.read(1) == b"x"
            process.send_signal(number)
            return process.wait(timeout=60), process.communicate()[1]
        finally:
            process.kill()


@needs_posix
def test_killed_process_leaves_the_old_file_or_none(tmp_path: Path, src: Path, dst: Path) -> None:
    before = dst.read_bytes() if dst.exists() else None
    assert stopped_midway(tmp_path, src, dst, signal.SIGKILL)[0] == -signal.SIGKILL
    assert (dst.read_bytes() if dst.exists() else None) == before


@needs_posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopped_command_leaves_nothing_and_says_how_it_ended(
    tmp_path: Path, src: Path, dst: Path, number: int
) -> None:
    with unchanged(tmp_path):
        code, errors = stopped_midway(tmp_path, src, dst, number)
    assert code == 128 + number
    assert b"Traceback" not in errors


@needs_posix
def test_interrupted_command_says_so_in_one_line(tmp_path: Path, src: Path) -> None:
    _, errors = stopped_midway(tmp_path, src, tmp_path / "out.wav", signal.SIGINT)
    assert errors == b"rtstft: interrupted\n"


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers with 32-bit sizes end at 70 kB."""
    monkeypatch.setattr(target, "SIZE_LIMIT", 70_000)


@contextmanager
def standard_input(data: bytes) -> Iterator[None]:
    """`data` through a pipe, whose length nobody knows."""
    reading, writing = os.pipe()

    def feed() -> None:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(data)

    feeder = threading.Thread(target=feed)
    feeder.start()
    with pytest.MonkeyPatch.context() as patch, os.fdopen(reading, "rb") as pipe:
        patch.setattr(sys, "stdin", pipe)
        yield
    feeder.join()


def test_limit_leaves_room_below_what_32_bits_count() -> None:
    assert 2**32 - 2**24 < target.SIZE_LIMIT < 2**32


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_wav_beyond_its_limit_becomes_rf64(tmp_path: Path, subtype: str, piped: bool) -> None:
    data = encoded(noise(LENGTH, 2, "float64"), subtype=subtype)
    dst = tmp_path / "out.wav"
    if piped:
        with standard_input(data):
            report = run("-", dst)
    else:
        (tmp_path / "in.wav").write_bytes(data)
        report = run(tmp_path / "in.wav", dst)
        (tmp_path / "in.wav").unlink()
    info = soundfile.info(dst)
    assert (info.format, info.subtype) == (report.format, report.subtype) == ("RF64", subtype)
    assert report.notes == ("WAV ends at 4 GB: written as RF64",)
    expected = soundfile.read(io.BytesIO(data))[0]
    tolerance = {"FLOAT": 1e-7, "DOUBLE": 1e-14}.get(subtype, 0)
    assert np.abs(read(dst, "float64") - expected).max() <= tolerance
    assert list(tmp_path.iterdir()) == [dst]


@pytest.mark.usefixtures("small_limit")
def test_wav_below_its_limit_stays_wav(tmp_path: Path) -> None:
    src = tmp_path / "in.wav"
    src.write_bytes(encoded(noise(17_000, 2, "float64")))
    report = run(src, tmp_path / "out.wav")
    assert (report.format, report.notes) == ("WAV", ())


@pytest.mark.usefixtures("small_limit")
def test_tags_move_on_to_rf64(tmp_path: Path) -> None:
    src = tmp_path / "in.wav"
    with soundfile.SoundFile(src, "w", RATE, 1) as file:
        file.title = "Mouse"
        file.write(np.zeros(LENGTH))
    assert run(src, tmp_path / "out.wav").not_kept == ()
    with soundfile.SoundFile(tmp_path / "out.wav") as written:
        assert (written.format, written.title) == ("RF64", "Mouse")


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize("clip", ["count", "normalize"])
def test_failure_after_the_change_to_rf64_leaves_nothing(tmp_path: Path, clip: str) -> None:
    def stop(state: rtstft.FileProgress) -> None:
        if state.samples > 33_000:
            raise OverflowError

    data = encoded(noise(LENGTH, 2, "float64"))
    with unchanged(tmp_path), standard_input(data), pytest.raises(OverflowError):
        run("-", tmp_path / "out.wav", clip=clip, progress=stop)


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.parametrize("container", ["AIFF", "AU"])
def test_other_containers_refuse_what_they_cannot_count(tmp_path: Path, container: str, piped: bool) -> None:
    data = encoded(noise(LENGTH, 2, "float64"))
    src, dst = tmp_path / "in.wav", tmp_path / f"out.{container.lower()}"
    src.write_bytes(data)
    dst.write_bytes(OLD)
    refusal = pytest.raises(
        FileError, match=f"{container} cannot hold more than 4 GB.*RF64, W64, CAF or FLAC"
    )
    with unchanged(tmp_path), standard_input(data if piped else b""), refusal:
        run("-" if piped else src, dst, overwrite=True)


TEXT = b"A text, and no sound file at all.\n" * 30


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.wav", TEXT, "cannot be read as a sound file"),
        ("a.flac", TEXT, "cannot be read as a sound file"),
        ("a.mp3", TEXT, "cannot be read as a sound file"),
        ("a.txt", TEXT, "cannot be read as a sound file"),
        ("a", TEXT, "cannot be read as a sound file"),
        ("a.raw", TEXT, "cannot be read as a sound file: it has no header"),
        ("a.wav", bytes(1000), "cannot be read as a sound file"),
        ("a.wav", np.random.default_rng(0).bytes(1000), "cannot be read as a sound file"),
        ("a.wav", b"RIFF", "cannot be read as a sound file"),
        ("a.wav", encoded(np.zeros(100))[:30], "cannot be read as a sound file"),
        ("a.flac", encoded(np.zeros(100), "FLAC")[:60], "cannot be read as a sound file"),
        ("a.ogg", encoded(np.zeros(100), "OGG", "VORBIS")[:60], "cannot be read as a sound file"),
        ("a.wav", b"", r"is empty \(0 bytes\), expected a sound file"),
        ("a.wav", None, "does not exist"),
    ],
)
def test_what_is_no_sound_file(
    tmp_path: Path, dst: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with unchanged(tmp_path), pytest.raises(FileError, match=rf"{name} {message}") as caught:
        run(tmp_path / name, dst, overwrite=True)
    assert len(str(caught.value).splitlines()) == 1


def test_folder_is_no_sound_file(tmp_path: Path, dst: Path) -> None:
    with unchanged(tmp_path), pytest.raises(FileError, match="is a folder, expected a sound file"):
        run(tmp_path, dst, overwrite=True)


def test_file_that_may_not_be_read_is_named(
    tmp_path: Path, dst: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret.wav"
    path.write_bytes(encoded(np.zeros(100)))
    # Nothing is forbidden to the superuser, who may be running this.
    monkeypatch.setattr(os, "access", lambda asked, mode: (asked, mode) != (path, os.R_OK))
    with unchanged(tmp_path), pytest.raises(FileError, match=r"secret\.wav may not be read: see its perm"):
        run(path, dst, overwrite=True)


@pytest.mark.parametrize("container", ["WAV", "WAVEX", "AIFF", "AU", "W64", "RF64"])
def test_cut_off_file_gives_what_is_there_and_says_so(tmp_path: Path, container: str) -> None:
    samples = np.random.default_rng(0).integers(-(2**15), 2**15, (LENGTH, 2), dtype=np.int16)
    src, dst = (tmp_path / f"{name}.{container.lower()}" for name in ("in", "out"))
    src.write_bytes(encoded(samples, container)[:100_001])
    report = run(src, dst)
    assert 24_900 < report.samples < 25_000
    assert np.array_equal(read(dst), samples[: report.samples])
    assert any("in." in note and "cut off" in note for note in report.notes)


@pytest.mark.parametrize("at", [20_000, 100, 50])
def test_cut_off_flac_is_an_error(tmp_path: Path, at: int) -> None:
    src = tmp_path / "in.flac"
    src.write_bytes(encoded(noise(LENGTH, 1, "float64"), "FLAC")[:at])
    with unchanged(tmp_path), pytest.raises(FileError, match=r"in\.flac (is damaged|cannot be read)"):
        run(src, tmp_path / "out.flac")


def test_damaged_flac_is_an_error_that_says_where(tmp_path: Path) -> None:
    data = bytearray(encoded(noise(LENGTH, 1, "float64"), "FLAC"))
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    src = tmp_path / "in.flac"
    src.write_bytes(data)
    with unchanged(tmp_path), pytest.raises(FileError, match=r"in\.flac is damaged after sample 16384"):
        run(src, tmp_path / "out.flac")


def test_cut_off_mp3_gives_what_is_there_and_says_so(tmp_path: Path) -> None:
    data = encoded(noise(LENGTH, 1, "float64"), "MP3", "MPEG_LAYER_III")
    src = tmp_path / "in.mp3"
    src.write_bytes(data[: len(data) // 2])
    report = run(src, tmp_path / "out.wav", subtype="PCM_16")
    assert len(read(tmp_path / "out.wav")) == report.samples < LENGTH
    assert any("in.mp3 is cut off" in note for note in report.notes)


def test_wav_from_a_pipe_is_not_called_cut_off(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-(2**15), 2**15, 1000, dtype=np.int16)
    data = bytearray(encoded(samples))
    data[4:8] = data[40:44] = struct.pack("<I", 0xFFFFFFFF)
    (tmp_path / "in.wav").write_bytes(data)
    report = run(tmp_path / "in.wav", tmp_path / "out.wav")
    assert np.array_equal(read(tmp_path / "out.wav")[:, 0], samples)
    assert report.notes == ()


@pytest.mark.parametrize("clip", ["count", "normalize"])
@pytest.mark.parametrize(
    ("container", "subtype"),
    [
        ("WAV", "PCM_16"),
        ("AIFF", "PCM_16"),
        ("AU", "FLOAT"),
        ("CAF", "PCM_24"),
        ("W64", "DOUBLE"),
        ("OGG", "VORBIS"),
    ],
)
def test_file_without_samples_gives_one(tmp_path: Path, container: str, subtype: str, clip: str) -> None:
    src, dst = (tmp_path / f"{name}.{container.lower()}" for name in ("in", "out"))
    src.write_bytes(encoded(np.zeros((0, 2)), container, subtype))
    report = run(src, dst, clip=clip)
    assert read(dst, "float64").shape == (0, 2)
    assert (report.format, report.subtype, report.notes) == (container, subtype, ())
    assert (report.samples, report.seconds, report.speed, report.peak, report.clipped) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(("name", "subtype"), [("out.flac", "PCM_16"), ("out.opus", "OPUS")])
def test_container_that_needs_samples_says_so(tmp_path: Path, name: str, subtype: str) -> None:
    src = tmp_path / "in.wav"
    src.write_bytes(encoded(np.zeros((0, 1))))
    with unchanged(tmp_path), pytest.raises(FileError) as caught:
        run(src, tmp_path / name, subtype=subtype)
    assert "disk" not in str(caught.value)


@pytest.mark.parametrize(
    ("true", "named", "written"), [("FLAC", "wav", "WAV"), ("WAV", "flac", "FLAC"), ("AIFF", "wav", "WAV")]
)
def test_mislabelled_file_is_read_for_what_it_is_and_written_as_named(
    tmp_path: Path, true: str, named: str, written: str
) -> None:
    samples = np.random.default_rng(0).integers(-(2**15), 2**15, (1000, 2), dtype=np.int16)
    src = tmp_path / f"in.{named}"
    src.write_bytes(encoded(samples, true))
    for dst in (tmp_path / f"out.{named}", src):
        report = run(src, dst, overwrite=True)
        assert report.format == soundfile.info(dst).format == written
        assert np.array_equal(read(dst), samples)


def test_file_that_replaces_its_source_does_not_become_lossy_unasked(tmp_path: Path) -> None:
    src = tmp_path / "in.mp3"
    src.write_bytes(encoded(np.zeros(100)))
    with unchanged(tmp_path), pytest.raises(FileError, match=r"MP3 cannot hold PCM_16: .*MPEG_LAYER_III"):
        run(src, src, overwrite=True)
