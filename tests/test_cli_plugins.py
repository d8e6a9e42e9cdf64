"""The command's plugins: listed, begun, run in their order, and given auxiliary inputs."""

import itertools
import json
import pickle
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

from rtstft import (
    STFT,
    Chain,
    FileError,
    GeometryError,
    PluginError,
    PluginWarning,
    Processor,
    SetupError,
    process_file,
    save_preset,
)
from rtstft.delay import FrameDelay
from rtstft.documented import without_parameters
from rtstft.loading import load
from rtstft.places import registered
from rtstft.plugin import Context, Plugin
from rtstft.plugins.gain import Gain
from rtstft.testing import check_plugin

RATE = 48_000
LENGTH = 40_000  # more than two blocks of a file
FX = dedent("""
    import numpy as np
    import rtstft

    class Add(rtstft.Plugin):
        '''Adds to the first bin.'''
        by = rtstft.Param(1.0)
        text = rtstft.Param("[/as] [it] is")
        def process(self, frame):
            frame[:, 0] += self.by

    class Side(rtstft.Plugin):
        '''Replaces the signal by an input.'''
        aux = ("sidechain",)
        def process(self, frame, info, aux):
            frame[...] = aux["sidechain"]

    class Needy(rtstft.Plugin):
        '''Cannot be made without.'''
        def __init__(self, size):
            pass
""")
FAULTY = dedent("""
    import numpy as np
    import rtstft

    class Beyond(rtstft.Plugin):
        '''Sets its parameter to more than that takes.'''
        a = rtstft.Param(0.5, min=0, max=1)
        def __init__(self):
            super().__init__()
            self.a = 2.0

    class Fileless(rtstft.Plugin):
        '''Lacks a file.'''
        def __init__(self):
            raise rtstft.FileError("model.bin cannot be read")

    class Single(rtstft.Plugin):
        '''Names its input without a tuple.'''
        aux = "side"

    class Limited(rtstft.Plugin):
        '''Has limits of numpy's.'''
        a = rtstft.Param(0.5, min=np.float32(0), max=np.int64(1))
""")


class Side(Plugin):
    """Replaces the signal by an input."""

    aux = ("sidechain",)

    def process(self, frame: Any, _info: Any, aux: Any) -> None:
        frame[...] = aux["sidechain"]


class Look(Plugin):
    """Delays by its lookahead."""

    def __init__(self, lookahead: int) -> None:
        self.lookahead = lookahead

    def prepare(self, context: Context) -> None:
        self._delay = FrameDelay(self.lookahead, (context.channels, context.stft.bins), context.complex_dtype)

    def process(self, frame: Any) -> Any:
        return self._delay.push(frame)


@pytest.fixture(autouse=True)
def _material(command_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A plugin that somebody has made in the checkout, as the README has it, is not in the way of the test's.
    checkout = Path(__file__).parent.parent
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if Path(folder).resolve() != checkout])
    (command_folder / "fx.py").write_text(FX)
    soundfile.write("in.wav", noise(LENGTH, 1, "float64") / 2, RATE, "DOUBLE")
    soundfile.write("voice.wav", noise(LENGTH, 1, "float64", seed=1) / 2, RATE, "DOUBLE")


def read(name: str) -> Any:
    return soundfile.read(name, always_2d=True)[0]


def test_table_names_every_plugin_and_parameter(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert rtstft("plugins") == 0
    out, err = capsys.readouterr()
    assert err == ""
    words = out.split()
    for name, entry in registered().items():
        assert name in words
        assert set(entry.load().params) - {"mix", "bypass"} <= set(words)
    assert "-120 to 60 dB" in out
    assert "low, high, band, notch, fir" in out
    assert 'path "" path file of the impulse response' in " ".join(words)
    assert "low_shelf, peak or high_shelf:Hz:dB[:Q], separated by commas" in out  # and not taken for markup


def test_json_has_all_there_is_to_know(capsys: pytest.CaptureFixture[str]) -> None:
    assert rtstft("plugins", "--json") == 0
    out, err = capsys.readouterr()
    assert (len(out.splitlines()), err) == (1, "")
    found = {entry["name"]: entry for entry in json.loads(out)}
    assert list(found) == sorted(registered())
    for name, entry in registered().items():
        kind = entry.load()
        described = found[name]
        assert described["class"] == entry.value
        assert described["summary"]
        assert described["doc"].startswith(described["summary"].split(".")[0][:20])
        assert described["aux"] == list(kind.aux)
        assert [param["name"] for param in described["parameters"]] == list(kind.params)
        for facts in described["parameters"]:
            param = kind.params[facts["name"]]
            assert facts == param.describe()
            assert (facts["default"], facts["min"], facts["max"]) == (param.default, param.min, param.max)
            assert facts["doc"]
            for ending, unit in {"_db": "dB", "_hz": "Hz", "_s": "s"}.items():
                assert facts["unit"] == unit or not facts["name"].endswith(ending)
    (gain_db,) = (p for p in found["gain"]["parameters"] if p["name"] == "gain_db")
    assert gain_db == {
        "name": "gain_db",
        "type": "float",
        "default": 0.0,
        "min": -120.0,
        "max": 60.0,
        "choices": [],
        "unit": "dB",
        "smooth_s": 0.02,
        "fixed": False,
        "doc": "what to add to the level",
    }


DESCRIBED = dedent("""
    import rtstft

    class Fx(rtstft.Plugin):
        '''Does [one] thing,
        in two lines.

        Algorithm: as it is.
        Cost: none.

        Example:
            rtstft.plugin(
        '''
        aux = ("voice",)
        level_db = rtstft.Param(-3.5, max=0.0, smooth_s=0.05, doc="how loud [dB]")
        size = rtstft.Param(4, fixed=True, doc="how large")
""")


@pytest.mark.parametrize("name", registered())
def test_one_plugin_is_shown_whole(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert rtstft("plugins", name) == 0
    out, err = capsys.readouterr()
    assert err == ""
    kind = registered()[name].load()
    words = out.split()
    assert set(without_parameters(kind.__doc__).split()) <= set(words)
    assert set(kind.params) <= set(words)
    for param in kind.params.values():
        assert set(param.doc.split()) <= set(words)
        assert param.__doc__ not in " ".join(words)  # the table has it


def test_one_plugin_is_shown_in_a_readable_form(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    Path("described.py").write_text(DESCRIBED)
    assert rtstft("plugins", "described.py:Fx") == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    where = f"described.py:Fx {Path('described.py').resolve()}:Fx"
    assert " ".join(" ".join(lines[: lines.index("")]).split()) == where
    del lines[: lines.index("") + 1]
    assert lines[:8] == [
        "Does [one] thing, in two lines.",
        "",
        "Algorithm: as it is.",
        "Cost: none.",
        "",
        "Example:",
        "    rtstft.plugin(",
        "",
    ]
    assert [" ".join(line.split()) for line in lines[8:13]] == [
        "parameter default values",
        "level_db -3.5 up to 0 dB smoothed 0.05 s how loud [dB]",
        "size 4 fixed how large",
        "mix 1 0 to 1 share of the processed signal; the rest is the dry one, aligned",
        "bypass false true, false dry signal at the same latency; the plugin keeps listening",
    ]
    assert " ".join(lines[13].split()) == "--aux voice= auxiliary input"


@pytest.mark.parametrize(
    "words",
    [
        ["gain", "--json"],
        ["--json", "gain"],
        ["show", "gain", "--json"],
        ["rtstft.plugins.gain:Gain", "--json"],
    ],
)
def test_one_plugin_as_json_is_as_in_the_list(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert rtstft("plugins", "--json") == 0
    (listed,) = (entry for entry in json.loads(capsys.readouterr().out) if entry["name"] == "gain")
    assert rtstft("plugins", *words) == 0
    out, err = capsys.readouterr()
    assert (len(out.splitlines()), err) == (1, "")
    shown = json.loads(out)
    assert shown["name"] in ("gain", "rtstft.plugins.gain:Gain")
    assert {**shown, "name": "gain"} == listed


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gian", "there is no plugin 'gian'; there are blur, "),
        ("missing.py:Fx", "there is no file missing.py"),
        ("missing.py", "there is no file missing.py"),
        ("fx.py", "expected fx.py:NAME; it has fx.py:Add, fx.py:Side, fx.py:Needy\n"),
        ("fx.py:Nothing", "fx.py has no 'Nothing'; it has fx.py:Add, fx.py:Side"),
        ("fx.py:np.abs", "expected a class derived from rtstft.Plugin"),
        ("fx.py:Needy", "'fx.py:Needy' raised TypeError"),
        ("missing.toml", "missing.toml cannot be read: No such file"),
        (
            "broken.toml",
            "Gain has no parameter 'level'; it has gain_db, mix, bypass (in the preset broken.toml)",
        ),
    ],
)
def test_plugin_that_cannot_be_shown_is_one_line(
    name: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("broken.toml").write_text('plugin = "gain"\nparameters.level = 3\n')
    assert rtstft("plugins", name) == 2
    out, err = capsys.readouterr()
    assert says in err
    assert (out, len(err.splitlines())) == ("", 1)


@pytest.fixture
def voice() -> Chain:
    """Saved as voice.toml."""
    add: Any = load("fx.py:Add:by=3")
    add.automate("by", [(0, -60), (2.5, -30)])
    row = Chain([Gain(gain_db=-6), Chain([add, Chain(), load("fx.py:Side")]), Gain()])
    save_preset("voice.toml", row)
    return row


@pytest.mark.usefixtures("voice")
def test_plugins_of_a_preset_are_shown_in_order(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    assert rtstft("plugins", "voice.toml") == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = [" ".join(line.split()) for line in out.splitlines()]
    fx = Path("fx.py").resolve()
    assert lines[0] == f"voice.toml gain, {fx}:Add, {fx}:Side, gain"
    heads = [line for before, line in itertools.pairwise(lines) if not before]
    assert [head.split()[0] for head in heads] == ["gain", f"{fx}:Add", f"{fx}:Side", "gain"]
    assert heads[1] == f"{fx}:Add Adds to the first bin."
    assert lines[3:5] == [
        "parameter set to default values",
        "gain_db -6 0 -120 to 60 dB what to add to the level",
    ]
    assert "by -60 at 0 s, -30 at 2.5 s 1" in lines
    assert "text [/as] [it] is [/as] [it] is text" in lines
    assert "--aux sidechain= auxiliary input" in lines
    assert lines.count("gain_db 0 0 -120 to 60 dB what to add to the level") == 1
    assert len([line for line in lines if line.startswith("bypass false false")]) == 4


@pytest.mark.parametrize("words", [["voice.toml", "--json"], ["--json", "show", "voice.toml"]])
def test_preset_as_json_has_what_it_sets(
    words: list[str], voice: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rtstft("plugins", *words) == 0
    out, err = capsys.readouterr()
    assert (len(out.splitlines()), err) == (1, "")
    shown = json.loads(out)
    assert (shown.keys(), shown["name"]) == ({"name", "plugins"}, "voice.toml")
    inner: Any = voice[1]
    expected: list[Any] = [voice[0], inner[0], inner[2], voice[2]]
    assert len(shown["plugins"]) == len(expected)
    for entry, plugin in zip(shown["plugins"], expected):
        assert entry["name"] == plugin.to_dict()["plugin"]
        assert entry["aux"] == list(plugin.aux)
        for facts, (name, value) in zip(entry["parameters"], plugin.parameter_values, strict=True):
            points = [[0.0, -60.0], [2.5, -30.0]] if name == "by" else []
            assert facts == {**plugin.params[name].describe(), "value": value, "automation": points}


def test_plugin_that_says_nothing_of_itself_is_shown_without_words_of_the_base_class(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("fx.py").write_text(FX + "\nclass Silent(rtstft.Plugin):\n    pass\nclass Heir(Add):\n    pass\n")
    said = []
    for name in ("Silent", "Heir"):
        assert rtstft("plugins", f"fx.py:{name}", "--json") == 0
        facts = json.loads(capsys.readouterr().out)
        said.append((facts["summary"], facts["doc"]))
    assert said == [("", ""), ("Adds to the first bin.",) * 2]


def test_preset_of_one_plugin_or_none_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    save_preset("one.json", Gain(gain_db=3))
    save_preset("none.json", Chain())
    assert rtstft("plugins", "one.json") == 0
    assert capsys.readouterr().out.split()[:2] == ["one.json", "gain"]
    assert rtstft("plugins", "none.json") == 0
    assert capsys.readouterr().out.split() == ["none.json", "no", "plugins"]


def test_broken_plugins_of_others_are_listed_with_what_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command_folder: Path
) -> None:
    info = command_folder / "site" / "other-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[rtstft.plugins]\nzap = nowhere:Zap\nzip = fx:Needy\nzoom = fx:Add\ngain = fx:Add\n"
        "beyond = faulty:Beyond\nfileless = faulty:Fileless\nsingle = faulty:Single\n"
        "limited = faulty:Limited\n"
    )
    (command_folder / "faulty.py").write_text(FAULTY)
    monkeypatch.setattr(sys, "path", [str(info.parent), str(command_folder), *sys.path])
    assert rtstft("plugins", "--json") == 0
    found = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert "ModuleNotFoundError" in found["zap"]["error"]
    assert "TypeError" in found["zip"]["error"]
    assert found["beyond"]["error"] == "Beyond.a=2.0, expected a number from 0 to 1"
    assert found["fileless"]["error"] == "model.bin cannot be read"
    assert found["single"]["error"] == "aux is 'side', expected a tuple of names: ('side',)"
    limit, *_ = found["limited"]["parameters"]
    assert (limit["min"], limit["max"]) == (0, 1)
    faulty = {name for name in found if "error" in found[name]}
    assert faulty == {"zap", "zip", "beyond", "fileless", "single"}
    assert found["zoom"]["summary"] == "Adds to the first bin."
    assert found["gain"]["class"] == "rtstft.plugins.gain:Gain"
    doubt = found["gain"]["warning"]
    assert doubt.startswith("plugin 'gain' is of rtstft (rtstft.plugins.gain:Gain) and of other (fx:Add)")
    assert [name for name in found if "warning" in found[name]] == ["gain"]
    monkeypatch.setenv("COLUMNS", "200")
    assert rtstft("plugins") == 0
    out, err = capsys.readouterr()
    assert (out.count(f"warning: {doubt}"), err) == (1, "")
    assert "ModuleNotFoundError" in out
    assert "beyond  Beyond.a=2.0, expected a number from 0 to 1" in out
    assert "[/as] [it] is" in out
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert rtstft("process", "in.wav", "out.wav", "-p", "gain", "-q") == 0
    assert capsys.readouterr().err == f"rtstft: warning: {doubt}\n"


@pytest.mark.parametrize(
    ("name", "kind", "module"),
    [
        ("MyGate", "MyGate", "my_gate"),
        ("my_gate", "MyGate", "my_gate"),
        ("gate2", "Gate2", "gate2"),
        ("X", "X", "x"),
        ("HTTPGate", "HTTPGate", "httpgate"),
        ("my__gate_", "My_gate_", "my_gate_"),
    ],
)
def test_skeleton_keeps_the_contract(
    name: str, kind: str, module: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rtstft("plugins", "new", name, "--folder", "mine") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(f"wrote mine/{module}.py and mine/test_{module}.py. Try it: rtstft live --plugin ")
    assert {path.name for path in Path("mine").iterdir()} == {f"{module}.py", f"test_{module}.py"}
    made: Any = load(f"mine/{module}.py:{kind}:amount=0.5")
    assert type(made).__name__ == kind
    check_plugin(type(made), geometries=(STFT(128, 32),))
    assert rtstft("process", "in.wav", "out.wav", "--plugin", f"mine/{module}.py:{kind}:amount=0.5") == 0


def test_skeleton_passes_its_own_test() -> None:
    assert rtstft("plugins", "new", "MyGate") == 0
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_my_gate.py"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    assert "1 passed" in ended.stdout


@pytest.mark.parametrize("there", ["my_gate.py", "test_my_gate.py"])
def test_skeleton_never_overwrites(there: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(there).write_text("mine")
    files = sorted(Path().iterdir())
    assert rtstft("plugins", "new", "MyGate") == 2
    assert f"{there} exists: choose another name, or another --folder" in capsys.readouterr().err
    assert sorted(Path().iterdir()) == files
    assert Path(there).read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "expected letters, digits and _"),
        ("My Gate", "expected letters, digits and _"),
        ("my-gate", "expected letters, digits and _"),
        ("../Gate", "expected letters, digits and _"),
        ("2gates", "expected letters, digits and _"),
        ("_gate", "expected letters, digits and _"),
        ("Größe", "expected letters, digits and _"),
        ("None", "Python has none already"),
        ("Pass", "Python has pass already"),
        ("Numpy", "Python has numpy already"),
        ("rtstft", "Python has rtstft already"),
        ("json", "Python has json already"),
    ],
)
def test_skeleton_of_a_name_that_cannot_be(name: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted(Path().iterdir())
    assert rtstft("plugins", "new", name) == 2
    err = capsys.readouterr().err
    assert says in err
    assert len(err.splitlines()) == 1
    assert sorted(Path().iterdir()) == files


def test_skeleton_where_nothing_can_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert rtstft("plugins", "new", "MyGate", "--folder", "in.wav") == 2
    assert "in.wav cannot be written to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("specs", "gain", "offset"),
    [
        (["gain:gain_db=-6.020599913279624"], 0.5, 0),
        (["gain:gain_db=-6.020599913279624", "fx.py:Add:by=3"], 0.5, 3),
        (["fx.py:Add:by=3", "gain:gain_db=-6.020599913279624"], 0.5, 1.5),
        (["fx.py:Add", "fx:Add:by=3"], 1, 4),
        (["fx.py:Add:by=8,mix=0.25"], 1, 2),
        (["half.toml", "fx.py:Add:by=3"], 0.5, 3),
        (["fx.py:Add:by=3", "row.json"], 0.25, 0.75),
    ],
)
def test_plugins_run_in_their_order(specs: list[str], gain: float, offset: float) -> None:
    save_preset("half.toml", Gain(gain_db=-6.020599913279624))
    save_preset("row.json", Chain([Gain(gain_db=-6.020599913279624), Gain(gain_db=-6.020599913279624)]))
    options = [word for spec in specs for word in ("--plugin", spec)]
    assert rtstft("process", "in.wav", "out.wav", *options) == 0
    geometry = STFT()
    spectra = geometry.stft(read("in.wav")) * gain
    spectra[..., 0] += offset
    expected = geometry.istft(spectra, length=LENGTH)
    assert np.abs(read("out.wav") - expected).max() < 1e-12


def test_exit_in_a_plugins_file_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    Path("leaves.py").write_text("import sys\nsys.exit(3)\n")
    assert rtstft("process", "in.wav", "out.wav", "-p", "leaves.py:fx") == 2
    assert capsys.readouterr().err == "rtstft: callback 'leaves.py:fx': leaves.py raised SystemExit: 3\n"
    assert not Path("out.wav").exists()


def test_error_in_a_preset_names_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("voice.toml").write_text('plugin = "gain"\nparameters.level = 3\n')
    assert rtstft("process", "in.wav", "out.wav", "-p", "voice.toml") == 2
    err = capsys.readouterr().err
    assert "Gain has no parameter 'level'" in err
    assert "(in the preset voice.toml)" in err
    assert len(err.splitlines()) == 1


SIDE = ["process", "in.wav", "out.wav", "-p", "fx.py:Side"]


def test_sidechain_comes_from_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert rtstft(*SIDE, "--aux", "sidechain=voice.wav", "--json") == 0
    assert json.loads(capsys.readouterr().out)["notes"] == []
    assert np.abs(read("out.wav") - read("voice.wav")).max() < 1e-12


@pytest.mark.parametrize("length", [0, 1, 16_384, 20_000, LENGTH - 1, LENGTH, LENGTH + 1, 2 * LENGTH])
def test_sidechain_of_another_length(length: int, capsys: pytest.CaptureFixture[str]) -> None:
    voice = noise(length, 1, "float64", seed=1) / 2
    soundfile.write("short.wav", voice, RATE, "DOUBLE")
    assert rtstft(*SIDE, "--aux", "sidechain=short.wav") == 0
    out = capsys.readouterr().out
    note = "note: auxiliary input 'sidechain' ended early: silence from there on"
    assert out.count(note) == (length < LENGTH)
    expected = np.zeros((LENGTH, 1))
    expected[:length] = voice[:LENGTH]
    assert np.abs(read("out.wav") - expected).max() < 1e-12


def test_notes_of_an_auxiliary_file_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    data = Path("voice.wav").read_bytes()
    Path("cut.wav").write_bytes(data[: len(data) // 2])
    assert rtstft(*SIDE, "--aux", "sidechain=cut.wav") == 0
    notes = capsys.readouterr().out.splitlines()[1:]
    assert notes[0].startswith("note: cut.wav is cut off")
    assert notes[1].startswith("note: auxiliary input 'sidechain' ended early")


AUX: dict[str, tuple[list[str], int, str]] = {
    "missing input": (
        [],
        2,
        "Side: needs the auxiliary input 'sidechain'; there are none: see aux=",
    ),
    "other input": (
        ["--aux", "voice=voice.wav"],
        2,
        "needs the auxiliary input 'sidechain'; there are voice",
    ),
    "missing file": (["--aux", "sidechain=missing.wav"], 2, "missing.wav does not exist"),
    "no sound file": (["--aux", "sidechain=fx.py"], 2, "fx.py cannot be read as a sound file"),
    "other samplerate": (
        ["--aux", "sidechain=low.wav"],
        2,
        "auxiliary input 'sidechain': low.wav has 44100 Hz, expected the 48000 Hz of in.wav: resample it",
    ),
    "no name": (["--aux", "=voice.wav"], 2, "--aux =voice.wav, expected NAME=FILE"),
    "no file": (["--aux", "sidechain="], 2, "--aux sidechain=, expected NAME=FILE"),
    "no equals": (["--aux", "voice.wav"], 2, "--aux voice.wav, expected NAME=FILE"),
    "twice": (["--aux", "sidechain=voice.wav"] * 2, 2, "each name once"),
}


@pytest.mark.parametrize("name", AUX)
def test_sidechain_that_cannot_be_is_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write("low.wav", np.zeros(100), 44_100)
    words, code, says = AUX[name]
    assert rtstft(*SIDE, *words) == code
    err = capsys.readouterr().err
    assert says in err
    assert len(err.splitlines()) == 1
    assert not Path("out.wav").exists()


REFUSING = dedent("""
    import rtstft

    def refusing(error):
        class Picky(rtstft.Plugin):
            def prepare(self, context):
                raise error
            def process(self, frame):
                pass
        return Picky()

    class Updates(rtstft.Plugin):
        def update(self):
            raise rtstft.ParameterError("high_hz=3, expected more than low_hz=5")
        def process(self, frame):
            pass

    audio = refusing(rtstft.AudioError("noise.wav has 3 channels, expected 1 or 2"))
    geometry = refusing(rtstft.GeometryError("hop_length=256, expected 128 at most: try 128"))
    file = refusing(rtstft.FileError("noise.wav cannot be read: no such file"))
    parameter = refusing(rtstft.ParameterError("low_hz=5, expected less than high_hz=3"))
    updates = Updates()
    inner = refusing(rtstft.PluginError("Inner", 3, "raised ValueError: no"))
    value = refusing(ValueError("no table"))
    system = refusing(OSError(2, "no such file"))
""")


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("audio", 2, "Picky: noise.wav has 3 channels, expected 1 or 2"),
        ("geometry", 2, "Picky: hop_length=256, expected 128 at most: try 128"),
        ("file", 2, "Picky: noise.wav cannot be read: no such file"),
        ("parameter", 2, "Picky: low_hz=5, expected less than high_hz=3"),
        ("updates", 2, "Updates: high_hz=3, expected more than low_hz=5"),
        (
            "inner",
            1,
            "callback 'Picky': prepare raised PluginError: callback 'Inner', frame 3: raised ValueError: no",
        ),
        ("value", 1, "callback 'Picky': prepare raised ValueError: no table"),
        ("system", 1, "callback 'Picky': prepare raised FileNotFoundError: [Errno 2] no such file"),
    ],
)
def test_plugin_that_cannot_be_prepared(
    name: str, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("refusing.py").write_text(REFUSING)
    assert rtstft("process", "in.wav", "out.wav", "-p", f"refusing.py:{name}") == code
    assert capsys.readouterr().err == f"rtstft: {says}\n"
    assert not Path("out.wav").exists()


def test_noise_file_of_another_samplerate_is_an_input_error(capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write("noise.wav", noise(44_100, 1, "float64"), 44_100)
    assert rtstft("process", "in.wav", "out.wav", "-p", "denoise:noise_file=noise.wav") == 2
    says = f"Denoise: noise_file='{Path('noise.wav').resolve()}' has 44100 Hz, expected 48000: resample it"
    assert capsys.readouterr().err == f"rtstft: {says}\n"


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("none.wav", "none.wav does not exist"),
        (".", " is a folder, expected a sound file"),
        ("empty.wav", "empty.wav is empty (0 bytes), expected a sound file"),
        ("fx.py", "fx.py cannot be read as a sound file: Format not recognised."),
        ("fx.raw", "fx.raw cannot be read as a sound file: it has no header"),
    ],
)
@pytest.mark.parametrize(
    ("plugin", "name"),
    [
        ("convolve:path=", "Convolve"),
        ("filter:kind=fir,path=", "Filter"),
        ("denoise:noise_file=", "Denoise"),
    ],
)
def test_sound_file_of_a_plugin_that_cannot_be_read_says_why(
    plugin: str, name: str, file: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty.wav").touch()
    Path("fx.raw").write_bytes(bytes(1000))
    assert rtstft("process", "in.wav", "out.wav", "-p", f"{plugin}{file}", "--json") == 2
    out, err = capsys.readouterr()
    assert err.startswith(f"rtstft: {name}: ")
    assert err.endswith(f"{says}\n")
    problem = json.loads(out)["error"]
    assert f"rtstft: {problem['plugin']}: {problem['message']}\n" == err
    assert not Path("out.wav").exists()


def test_setup_error_keeps_what_was_raised_and_travels() -> None:
    class Picky(Plugin):
        def prepare(self, _context: Context) -> None:
            raise GeometryError("no")

    with pytest.raises(SetupError, match=r"^Picky: no$") as raised:
        Processor(Picky(), STFT())
    assert isinstance(raised.value, PluginError)
    assert isinstance(raised.value.__cause__, GeometryError)
    twin = pickle.loads(pickle.dumps(raised.value))
    assert (type(twin), str(twin), twin.callback, twin.frame) == (SetupError, "Picky: no", "Picky", None)


def test_standard_input_is_read_once() -> None:
    words = [sys.executable, "-m", "rtstft", "process", "-p", "fx.py:Side"]
    data = Path("voice.wav").read_bytes()
    for more in (["-", "out.wav", "--aux", "sidechain=-"], ["in.wav", "out.wav", "--aux=a=-", "--aux=b=-"]):
        ended = subprocess.run([*words, *more], input=data, capture_output=True, check=False)
        assert ended.returncode == 2
        assert b"standard input is read already, name a file" in ended.stderr
        assert len(ended.stderr.splitlines()) == 1
    piped = [*words, "in.wav", "out.wav", "--aux", "sidechain=-"]
    assert subprocess.run(piped, input=data, capture_output=True, check=False).returncode == 0
    assert np.abs(read("out.wav") - read("voice.wav")).max() < 1e-12


@pytest.mark.parametrize("looks", [(0, 0), (1, 0), (0, 2), (3, 2)])
@pytest.mark.parametrize("geometry", [STFT(64, 16, 48), STFT(1024, 160, 512, window="hamming")])
def test_sidechain_is_aligned_to_the_sample_behind_lookahead(looks: tuple[int, int], geometry: STFT) -> None:
    before, after = looks
    clicks = np.zeros((LENGTH, 1))
    clicks[[0, 1, 777, 16_383, 16_384, LENGTH - 1]] = [[0.5], [-0.25], [0.5], [0.25], [-0.5], [0.5]]
    soundfile.write("clicks.wav", clicks, RATE, "DOUBLE")
    row = [Look(before), Side(), Look(after)]
    report = process_file("in.wav", "out.wav", row, geometry, aux={"sidechain": "clicks.wav"})
    assert report.samples == LENGTH
    assert report.notes == ()
    assert np.abs(read("out.wav") - clicks).max() < 1e-12


def test_sidechains_keep_their_names_and_channels() -> None:
    seen: dict[str, Any] = {}

    def look(frame: Any, info: Any, aux: Any) -> None:  # noqa: ARG001
        seen.update({name: value.shape for name, value in aux.items()})

    soundfile.write("stereo.wav", np.zeros((LENGTH, 2)), RATE)
    process_file("in.wav", "out.wav", look, STFT(64, 16), aux={"b": Path("stereo.wav"), "a": "voice.wav"})
    assert seen == {"b": (2, 33), "a": (1, 33)}
    assert np.abs(read("out.wav") - read("in.wav")).max() < 1e-12


def hear_all(frame: Any, info: Any, aux: Any) -> None:
    """May use any of them."""


@pytest.mark.parametrize(
    ("row", "names", "unheard", "wanted"),
    [
        ((), ["a"], ["a"], "none"),
        ([Gain()], ["sidechain"], ["sidechain"], "none"),
        ([Side()], ["sidechain", "side"], ["side"], "sidechain"),
        (Side(), ["sidechain"], [], ""),
        (iter([Gain(), Side()]), ["a", "sidechain", "b"], ["a", "b"], "sidechain"),
        (Chain([Chain([Side()]), Gain()]), ["sidechain"], [], ""),
        (Chain([Chain([Side()]), Gain()]), ["a", "sidechain"], ["a"], "sidechain"),
        (hear_all, ["a", "b"], [], ""),
        ([Side(), hear_all], ["a", "sidechain"], [], ""),
    ],
)
def test_auxiliary_file_that_nothing_listens_to_is_told_of(
    row: Any, names: list[str], unheard: list[str], wanted: str
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        process_file("in.wav", "out.wav", row, STFT(64, 16), aux=dict.fromkeys(names, "voice.wav"))
    assert [str(warning.message) for warning in caught] == [
        f"auxiliary input {name!r} is given, but no callback listens to it: they listen to {wanted}"
        for name in unheard
    ]
    assert all(warning.category is PluginWarning and warning.filename == __file__ for warning in caught)


def test_option_that_nothing_listens_to_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert rtstft("process", "in.wav", "out.wav", "-p", "gain", "--aux", "voice=voice.wav", "-q") == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "rtstft: warning: auxiliary input 'voice' is given, but no callback listens to it: they listen to "
        "none\n"
    )


def test_sidechain_may_be_the_source_and_the_target() -> None:
    before = read("voice.wav")
    aux = {"sidechain": "voice.wav"}
    process_file("in.wav", "voice.wav", Side(), STFT(64, 16), aux=aux, overwrite=True)
    assert np.abs(read("voice.wav") - before).max() < 1e-12
    process_file("in.wav", "out.wav", Side(), STFT(64, 16), aux={"sidechain": "in.wav"})
    assert np.abs(read("out.wav") - read("in.wav")).max() < 1e-12


def test_failure_leaves_no_file() -> None:
    with pytest.raises(PluginError, match="needs the auxiliary input 'sidechain'"):
        process_file("in.wav", "out.wav", Side(), STFT(64, 16))
    with pytest.raises(FileError, match=r"missing\.wav does not exist"):
        process_file("in.wav", "out.wav", Side(), STFT(64, 16), aux={"sidechain": "missing.wav"})
    bad: Any = {3: "in.wav"}
    with pytest.raises(FileError, match=r"aux={3: 'in\.wav'}, expected names and files"):
        process_file("in.wav", "out.wav", Side(), STFT(64, 16), aux=bad)
    assert not Path("out.wav").exists()
