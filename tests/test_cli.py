"""The rtstft command: its verbs, its pipes, and one line for every error."""

import io
import json
import shlex
import signal
import struct
import subprocess
import sys
import warnings
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
import soundfile
from command import rtstft
from strategies import noise

from rtstft import STFT

COMMAND = [sys.executable, "-W", "error", "-m", "rtstft"]
RATE = 48_000
EFFECTS = dedent("""
    import numpy as np

    def half(frame):
        frame *= 0.5

    def offset(frame, info):
        frame[:, 0] += 1

    def broken(frame):
        raise ValueError("first line\\nsecond line")

    def silent(frame):
        return frame * np.nan

    class Double:
        def process(self, frame):
            frame *= 2

    class Needy:
        def __init__(self, strength):
            pass

    number = 3
""")


@pytest.fixture(autouse=True)
def _material(command_folder: Path) -> None:
    (command_folder / "effects.py").write_text(EFFECTS)
    soundfile.write("in.wav", noise(3000, 2, "float64") / 2, RATE, "PCM_16")


def piped(*words: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *words], input=data, capture_output=True, check=False)


def encoded(samples: Any, container: str, subtype: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, subtype, format=container)
    return buffer.getvalue()


def read(name: str | bytes, dtype: str = "int16") -> Any:
    file = io.BytesIO(name) if isinstance(name, bytes) else name
    return soundfile.read(file, dtype=dtype, always_2d=True)[0]


def test_process_without_callback_copies(capsys: pytest.CaptureFixture[str]) -> None:
    assert rtstft("process", "in.wav", "out.wav") == 0
    assert np.array_equal(read("out.wav"), read("in.wav"))
    out, err = capsys.readouterr()
    assert out.startswith("out.wav: 0.06 s, 2 ch, 48000 Hz, WAV PCM_16, peak 0.500, ")
    assert (len(out.splitlines()), err) == (1, "")


def test_geometry_options_reach_the_callback() -> None:
    Path("shape.py").write_text("def check(frame):\n    assert frame.shape == (2, 257), frame.shape\n")
    options = ["--n-fft", "512", "--hop-length", "100", "--win-length", "400", "--window", "kaiser:8"]
    assert rtstft("process", "in.wav", "out.wav", "-c", "shape.py:check", *options) == 0
    assert rtstft("process", "in.wav", "out.wav", "-c", "shape.py:check", "--overwrite") == 1


def test_low_delay_geometry_knows_the_samplerate_of_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert rtstft("process", "in.wav", "out.wav", "--latency-ms", "5", "--json") == 0
    expected = STFT.for_latency(0.005, RATE)
    assert json.loads(capsys.readouterr().out)["latency"] == expected.latency() <= 240


def test_options_of_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--format", "flac", "--subtype", "pcm_24", "--dither", "--clip", "normalize"]
    assert (
        rtstft("process", "in.wav", "out.x", *words, "-c", "effects.py:Double", "-c", "effects.py:Double")
        == 0
    )
    info = soundfile.info("out.x")
    assert (info.format, info.subtype) == ("FLAC", "PCM_24")
    assert np.abs(read("out.x", "float64")).max() == pytest.approx(1, abs=1e-6)
    assert "note: lowered to 0.5" in capsys.readouterr().out


GEOMETRY_OPTIONS = ["n-fft", "hop-length", "win-length", "window", "latency-ms", "synthesis"]
JOB_OPTIONS = ["planner-effort", "subtype", "format", "dither", "clip", "overwrite", "quiet", "json"]
DEVICE_OPTIONS = ["input", "output", "samplerate", "channels", "blocksize"]


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("process", [*GEOMETRY_OPTIONS, *JOB_OPTIONS]),
        ("stretch", ["n-fft", "hop-length", *JOB_OPTIONS]),
        ("live", [*DEVICE_OPTIONS, *GEOMETRY_OPTIONS]),
        ("latency", [*DEVICE_OPTIONS, *GEOMETRY_OPTIONS]),
        ("doctor", [*DEVICE_OPTIONS, *GEOMETRY_OPTIONS]),
        ("info", GEOMETRY_OPTIONS),
    ],
)
def test_verbs_share_their_options(
    verb: str, options: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert rtstft(verb, "--help") == 0
    words = capsys.readouterr().out.split()
    assert [f"--{name}" for name in options if f"--{name}" not in words] == []


def test_json_report_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert rtstft("process", "in.wav", "out.wav", "--json", "-c", "effects.py:half") == 0
    out, err = capsys.readouterr()
    assert (len(out.splitlines()), err) == (1, "")
    report = json.loads(out)
    assert (report["samples"], report["channels"], report["samplerate"]) == (3000, 2, RATE)
    assert report["peak"] == pytest.approx(0.25, rel=1e-3)
    assert report["speed"] == report["seconds"] / report["elapsed_s"]
    assert {"latency", "clipped", "gain", "not_kept", "notes", "format", "subtype"} <= set(report)


FAILURES: dict[str, tuple[list[str], int, dict[str, Any]]] = {
    "callback raises": (
        ["process", "in.wav", "out.wav", "-c", "effects.py:broken"],
        1,
        {
            "kind": "PluginError",
            "plugin": "broken",
            "frame": 0,
            "message": "raised ValueError: first line\nsecond line",
        },
    ),
    "callback cannot be prepared": (
        ["process", "in.wav", "out.wav", "-c", "filter:kind=fir"],
        2,
        {
            "kind": "SetupError",
            "plugin": "Filter",
            "frame": None,
            "message": "kind='fir' without taps: give an array, Filter(taps), or a path",
        },
    ),
    "no callback": (
        ["process", "in.wav", "out.wav", "-c", "effects.py:number"],
        2,
        {
            "kind": "CallbackError",
            "plugin": None,
            "frame": None,
            "message": "callback 'effects.py:number' is 3, expected a function or a plugin",
        },
    ),
    "no file": (
        ["stretch", "missing.wav", "out.wav", "--rate", "2"],
        2,
        {"kind": "FileError", "plugin": None, "frame": None, "message": "missing.wav does not exist"},
    ),
    "no rate": (
        ["stretch", "in.wav", "out.wav", "--rate", "0"],
        2,
        {
            "kind": "AudioError",
            "plugin": None,
            "frame": None,
            "message": "rate=0.0, expected a speed from 0.0625 to 16: 1.25 is faster",
        },
    ),
    "live": (
        ["live", "--yes", "-c", "effects.py:number", "--no-isolate"],
        2,
        {
            "kind": "CallbackError",
            "plugin": None,
            "frame": None,
            "message": "callback 'effects.py:number' is 3, expected a function or a plugin",
        },
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_error_is_a_line_of_json_too(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    words, code, facts = FAILURES[name]
    assert rtstft(*words) == code
    plain = capsys.readouterr()
    assert rtstft(*words, "--json") == code
    out, err = capsys.readouterr()
    assert json.loads(out) == {"error": facts}
    assert len(out.splitlines()) == 1
    assert (plain.out, plain.err) == ("", err)


def test_json_of_an_error_keeps_out_of_the_sound() -> None:
    ended = piped("process", "in.wav", "-", "--json", "-c", "effects.py:broken")
    assert (ended.returncode, ended.stdout[:4], b"error" in ended.stdout) == (1, b"RIFF", False)
    assert json.loads(ended.stderr.splitlines()[0])["error"]["plugin"] == "broken"


def test_quiet_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert rtstft("process", "in.wav", "out.wav", "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    assert Path("out.wav").exists()


def test_summary_tells_of_clipping_and_of_what_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    with soundfile.SoundFile("tagged.wav", "w", RATE, 1) as file:
        file.title = "Mouse"
        file.write(np.full(2000, 0.9))
    assert rtstft("process", "tagged.wav", "out.au", "-c", "effects.py:Double") == 0
    notes = capsys.readouterr().out.splitlines()[1:]
    assert notes == [
        "note: 2000 samples beyond full scale were limited to it (see --clip)",
        "note: not kept: title",
    ]


@pytest.mark.parametrize(
    ("specs", "gain", "offset"),
    [
        (["effects.py:half"], 0.5, 0),
        (["effects.py:Double"], 2, 0),
        (["package.module:half"], 0.5, 0),
        (["effects.py:half", "effects.py:offset"], 0.5, 1),
        (["effects.py:offset", "effects.py:half"], 0.5, 0.5),
    ],
)
def test_callbacks_by_name_run_in_their_order(specs: list[str], gain: float, offset: float) -> None:
    Path("package").mkdir()
    Path("package/__init__.py").touch()
    Path("package/module.py").write_text(EFFECTS)
    sys.path.insert(0, "")
    callbacks = [word for spec in specs for word in ("-c", spec)]
    assert rtstft("process", "in.wav", "out.wav", "--subtype", "DOUBLE", *callbacks) == 0
    geometry = STFT()
    spectra = geometry.stft(read("in.wav", "float64")) * gain
    spectra[..., 0] += offset
    expected = geometry.istft(spectra, length=3000)
    assert np.abs(read("out.wav", "float64") - expected).max() < 1e-14


def test_callback_file_may_import_its_neighbour_from_another_folder() -> None:
    Path("elsewhere").mkdir()
    Path("elsewhere/neighbour.py").write_text("GAIN = 0\n")
    Path("elsewhere/mute.py").write_text("import neighbour\ndef mute(frame):\n    frame *= neighbour.GAIN\n")
    assert rtstft("process", "in.wav", "out.wav", "-c", "elsewhere/mute.py:mute") == 0
    assert not read("out.wav").any()


PROCESS = ["process", "in.wav", "out.wav"]
ERRORS: dict[str, tuple[list[str], int, str]] = {
    "no verb": ([], 2, "--help"),
    "unknown verb": (["proces"], 2, "proces"),
    "missing arguments": (["process"], 2, "IN"),
    "missing argument": (["process", "in.wav"], 2, "OUT"),
    "extra argument": ([*PROCESS, "more"], 2, "more"),
    "unknown option": ([*PROCESS, "--fast"], 2, "--fast"),
    "no integer": ([*PROCESS, "--n-fft", "many"], 2, "--n-fft"),
    "unknown clip": ([*PROCESS, "--clip", "limit"], 2, "normalize"),
    "unknown effort": ([*PROCESS, "--planner-effort", "none"], 2, "estimate"),
    "unknown window": ([*PROCESS, "--window", "hanning?"], 2, "hanning?"),
    "impossible geometry": ([*PROCESS, "--n-fft", "8", "--hop-length", "9"], 2, "hop_length=9"),
    "zero hop": ([*PROCESS, "--hop-length", "0"], 2, "hop_length=0"),
    "two geometries": ([*PROCESS, "--latency-ms", "5", "--window", "hann"], 2, "leave out"),
    "impossible latency": ([*PROCESS, "--latency-ms", "0.001"], 2, "least possible"),
    "missing file": (["process", "missing.wav", "out.wav"], 2, "missing.wav does not exist"),
    "no sound file": (["process", "effects.py", "out.wav"], 2, "effects.py cannot be read"),
    "existing target": (["process", "in.wav", "in.wav"], 2, "--overwrite"),
    "missing folder": (["process", "in.wav", "missing/out.wav"], 2, "there is no folder"),
    "unknown format": ([*PROCESS, "--format", "nope"], 2, "format='nope'"),
    "impossible subtype": ([*PROCESS, "--subtype", "VORBIS"], 2, "PCM_16"),
    "refused clipping": ([*PROCESS, "--clip", "error", *["-c", "effects.py:Double"] * 2], 2, "full scale"),
    "callback without name": (
        [*PROCESS, "-c", "effects.py"],
        2,
        "it has effects.py:half, effects.py:offset, ",
    ),
    "callback without place": ([*PROCESS, "-c", ":half"], 2, "file.py:name"),
    "callback file missing": ([*PROCESS, "-c", "missing.py:half"], 2, "there is no file missing.py"),
    "callback module missing": ([*PROCESS, "-c", "missing.module:half"], 2, "ModuleNotFoundError"),
    "callback missing": (
        [*PROCESS, "-c", "effects.py:third"],
        2,
        "it has effects.py:half, effects.py:offset, ",
    ),
    "callback is none": ([*PROCESS, "-c", "effects.py:number"], 2, "is 3, expected"),
    "callback cannot be made": ([*PROCESS, "-c", "effects.py:Needy"], 2, "strength"),
    "callback file broken": ([*PROCESS, "-c", "syntax.py:half"], 2, "SyntaxError"),
    "callback raises": ([*PROCESS, "-c", "effects.py:broken"], 1, "frame 0: raised ValueError: first line"),
    "callback leaves nan": ([*PROCESS, "-c", "effects.py:silent"], 1, "'silent', frame 0: left NaN"),
    "info of a missing file": (["info", "missing.wav"], 2, "missing.wav does not exist"),
    "info of an impossible geometry": (["info", "--n-fft", "1"], 2, "n_fft=1"),
    "info at no samplerate": (["info", "--samplerate", "0"], 2, "samplerate"),
    "info at a negative samplerate": (["info", "--samplerate", "-1"], 2, "samplerate"),
    "demo into a missing folder": (["demo", "missing"], 2, "there is no folder missing"),
}


@pytest.mark.parametrize("error", ERRORS)
def test_error_is_one_line_and_an_exit_code(error: str, capsys: pytest.CaptureFixture[str]) -> None:
    words, code, hint = ERRORS[error]
    Path("syntax.py").write_text("def half(:\n")
    files = sorted(Path().iterdir())
    assert rtstft(*words) == code
    line = capsys.readouterr().err
    assert line.startswith("rtstft: ")
    assert len(line.splitlines()) == 1
    assert line != "rtstft:  (rtstft --help)\n"
    assert hint in line
    assert "Traceback" not in line
    assert sorted(path for path in Path().iterdir() if path.name != "__pycache__") == files


def test_debug_shows_where_an_error_came_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert rtstft("--debug", *PROCESS, "-c", "effects.py:broken") == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert 'effects.py", line' in err
    assert err.splitlines()[-1].startswith("rtstft: callback 'broken', frame 0")


def test_warning_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert rtstft("info", "--n-fft", "64", "--hop-length", "60") == 0
    line = capsys.readouterr().err
    assert line.startswith("rtstft: warning: ")
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize("words", [["--help"], ["process", "--help"], ["info", "--help"], ["demo", "--help"]])
def test_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert rtstft(*words) == 0
    out, err = capsys.readouterr()
    assert "Usage: rtstft" in out
    assert err == ""


def test_info_numbers_are_those_of_the_geometry(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--n-fft", "512", "--hop-length", "100", "--win-length", "400", "--window", "hamming:symmetric"]
    assert rtstft("info", *words, "--samplerate", "44100", "--json") == 0
    geometry = STFT(512, 100, 400, ("hamming", "symmetric"))
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1
    assert json.loads(out) == {
        "geometry": {
            "n_fft": 512,
            "hop_length": 100,
            "win_length": 400,
            "window": ["hamming", "symmetric"],
            "synthesis": "dual",
            "bins": 257,
            "bin_hz": 44_100 / 512,
            "samplerate": 44_100,
            "reconstruction_error": geometry.reconstruction_error,
            "conditioning": geometry.conditioning,
            "latency": {"any": geometry.latency()}
            | {str(size): geometry.latency(size) for size in (32, 64, 100, 128, 256, 512, 1024)},
        }
    }


def test_info_describes_a_file_at_its_samplerate(capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write("low.flac", np.zeros((4000, 2)), 8000)
    assert rtstft("info", "low.flac", "--json", "--latency-ms", "10") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["geometry"]["samplerate"] == 8000
    assert facts["geometry"]["latency"]["any"] == STFT.for_latency(0.01, 8000).latency()
    assert facts["file"] == {
        "name": "low.flac",
        "format": "FLAC PCM_16",
        "samplerate": 8000,
        "channels": 2,
        "samples": 4000,
        "seconds": 0.5,
        "notes": [],
    }


def test_info_for_reading(capsys: pytest.CaptureFixture[str]) -> None:
    assert rtstft("info", "in.wav") == 0
    out = capsys.readouterr().out
    geometry = STFT()
    assert "WAV PCM_16" in out
    assert geometry.describe(RATE) in out
    for blocksize in (32, 256, 1024):
        assert f"{blocksize}  {geometry.latency(blocksize)} samples" in out


def test_demo_cleans_a_noisy_file_and_will_not_overwrite(capsys: pytest.CaptureFixture[str]) -> None:
    assert rtstft("demo") == 0
    out, err = capsys.readouterr()
    names = ["rtstft-demo-noisy.wav", "rtstft-demo-cleaned.wav"]
    assert err == ""
    assert all(name in out for name in names)
    noisy, cleaned = (read(name, "float64") for name in names)
    assert noisy.shape == cleaned.shape
    # The melody has died away by the end: what is left there is noise.
    assert np.std(cleaned[-2000:]) < 0.5 * np.std(noisy[-2000:])

    before = Path(names[1]).read_bytes()
    assert rtstft("demo") == 2
    assert "exists" in capsys.readouterr().err
    assert Path(names[1]).read_bytes() == before
    assert rtstft("demo", "--overwrite") == 0


PCM = {"PCM_S8": "int16", "PCM_U8": "int16", "PCM_16": "int16", "PCM_24": "int32", "PCM_32": "int32"}
TOLERANCE = {"FLOAT": 1e-7, "DOUBLE": 1e-14}


@pytest.mark.parametrize(
    ("container", "subtype"),
    [("WAV", s) for s in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")]
    + [("AU", s) for s in ("PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")],
)
def test_pipe_gives_back_every_sample(container: str, subtype: str) -> None:
    data = encoded(noise(20_000, 2, "float64"), container, subtype)
    ended = piped("process", "-", "-", "--quiet", data=data)
    assert (ended.returncode, ended.stderr) == (0, b"")
    with soundfile.SoundFile(io.BytesIO(ended.stdout)) as file:
        assert (file.format, file.subtype, file.samplerate) == (container, subtype, RATE)
    if subtype in PCM:
        assert np.array_equal(read(ended.stdout, PCM[subtype]), read(data, PCM[subtype]))
    else:
        assert np.abs(read(ended.stdout, "float64") - read(data, "float64")).max() <= TOLERANCE[subtype]


@pytest.mark.parametrize("extremes", [[-1.0, 1 - 2.0**-23], [2.0, -2.0]])
@pytest.mark.parametrize(("container", "subtype"), [("WAV", "PCM_U8"), ("WAV", "PCM_24"), ("AU", "PCM_24")])
def test_pipe_writes_the_integers_of_a_file(container: str, subtype: str, extremes: list[float]) -> None:
    soundfile.write("extremes.wav", np.repeat(extremes, 500), RATE, "DOUBLE")
    words = ["--quiet", "--subtype", subtype, "--format", container]
    assert rtstft("process", "extremes.wav", "file", *words) == 0
    assert np.array_equal(
        read(piped("process", "extremes.wav", "-", *words).stdout, "int32"), read("file", "int32")
    )


def test_commands_form_a_pipeline() -> None:
    data = encoded(noise(5000, 1, "float64") / 4, "AU", "PCM_16")
    once = piped("process", "-", "-", "-c", "effects.py:Double", "--quiet", data=data)
    twice = piped("process", "-", "-", "-c", "effects.py:half", "--quiet", data=once.stdout)
    assert np.array_equal(read(twice.stdout), read(data))


def test_pipe_into_a_file_and_out_of_one() -> None:
    data = Path("in.wav").read_bytes()
    assert piped("process", "-", "out.flac", data=data).returncode == 0
    assert np.array_equal(read("out.flac"), read("in.wav"))
    ended = piped("process", "out.flac", "-", "--json")
    assert np.array_equal(read(ended.stdout), read("in.wav"))
    assert json.loads(ended.stderr)["format"] == "WAV"


@pytest.mark.parametrize("container", ["WAVEX", "RF64", "W64", "AIFF", "CAF", "FLAC", "NIST", "VOC"])
def test_pipe_of_another_container_is_read_right_or_refused(container: str) -> None:
    data = encoded(noise(5000, 2, "float64"), container, "PCM_16")
    ended = piped("process", "-", "-", "--quiet", data=data)
    if ended.returncode:
        assert ended.returncode == 2
        assert len(ended.stderr.splitlines()) == 1
    else:
        assert np.array_equal(read(ended.stdout), read(data))


@pytest.mark.parametrize(
    ("words", "data"),
    [
        (["process", "-", "-"], b""),
        (["process", "-", "-"], b"no sound at all " * 100),
        (["process", "in.wav", "-", "--format", "FLAC"], b""),
        (["process", "in.wav", "-", "--subtype", "ULAW"], b""),
    ],
)
def test_pipe_that_cannot_be_is_one_line_and_no_output(words: list[str], data: bytes) -> None:
    ended = piped(*words, data=data)
    assert ended.returncode == 2
    assert ended.stdout == b""
    assert len(ended.stderr.splitlines()) == 1


def test_pipe_tells_of_tags_it_cannot_carry() -> None:
    with soundfile.SoundFile("tagged.wav", "w", RATE, 1) as file:
        file.title = "Mouse"
        file.write(np.zeros(100))
    assert json.loads(piped("process", "tagged.wav", "-", "--json").stderr)["not_kept"] == ["title"]


@pytest.mark.parametrize(
    "words", [["process", "in.wav", "-"], ["process", "long.wav", "-"], ["info", "in.wav"]]
)
def test_reader_that_left_is_no_traceback(words: list[str]) -> None:
    soundfile.write("long.wav", np.zeros(300_000), RATE)
    with subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def promised(wav: bytes, au: bytes) -> tuple[int, int, int]:
    """Sizes of RIFF, data and AU data that the headers tell."""
    sizes: tuple[int, int, int] = (
        *struct.unpack_from("<I", wav, 4),
        *struct.unpack_from("<I", wav, 40),
        *struct.unpack_from(">I", au, 8),
    )
    return sizes


def test_piped_header_promises_a_length_that_is_known() -> None:
    wav, au = (piped("process", "in.wav", "-", "--quiet", "--format", c).stdout for c in ("WAV", "AU"))
    assert promised(wav, au) == (len(wav) - 8, len(wav) - 44, len(au) - 28)


def test_piped_header_promises_no_length_that_is_not_known() -> None:
    data = Path("in.wav").read_bytes()
    wav, au = (piped("process", "-", "-", "--quiet", "--format", c, data=data).stdout for c in ("WAV", "AU"))
    assert promised(wav, au) == (0xFFFFFFFF,) * 3


def test_low_delay_geometry_knows_the_samplerate_of_a_pipe() -> None:
    soundfile.write("low.wav", np.zeros(1000), 8000)
    ended = piped("process", "-", "-", "--latency-ms", "5", "--json", data=Path("low.wav").read_bytes())
    assert json.loads(ended.stderr)["latency"] == STFT.for_latency(0.005, 8000).latency()


def test_what_a_callback_prints_does_not_end_up_in_the_sound() -> None:
    Path("talk.py").write_text("print('loaded')\ndef talk(frame): print('frame')\n")
    silent = piped("process", "in.wav", "-", "--quiet")
    talking = piped("process", "in.wav", "-", "--quiet", "-c", "talk.py:talk")
    assert talking.stdout == silent.stdout
    assert b"frame" in talking.stderr


@pytest.mark.parametrize("name", ["soundfile.py", "numpy.py", "tempfile.py"])
def test_callback_file_may_be_called_like_a_module(name: str) -> None:
    Path("fx").mkdir()
    Path("fx", name).write_text("def effect(frame): frame *= 0.5\n")
    ended = piped("process", "in.wav", "out.wav", "--overwrite", "-c", f"fx/{name}:effect")
    assert ended.returncode == 0, ended.stderr


def test_callback_of_a_package_in_this_folder_is_found_by_the_installed_command() -> None:
    Path("pk.py").write_text("def effect(frame): frame *= 0.5\n")
    command = Path(sys.executable).with_name("rtstft")
    words = [str(command), "process", "in.wav", "out.wav", "--overwrite", "-c", "pk:effect"]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 0


def test_signal_that_the_caller_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert rtstft("info") == 0
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


@pytest.mark.parametrize(("words", "closed"), [(["-", "out.wav"], "<&-"), (["in.wav", "-"], ">&-")])
def test_closed_stream_is_one_line(words: list[str], closed: str) -> None:
    command = shlex.join([sys.executable, "-m", "rtstft", "process", *words])
    ended = subprocess.run(["sh", "-c", f"{command} {closed}"], stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 2
    assert ended.stderr.count(b"\n") == 1
    assert b"is closed" in ended.stderr
