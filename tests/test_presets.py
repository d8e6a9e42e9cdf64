"""Presets: plugins and chains written down, as dictionaries and as files."""

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtstft import (
    STFT,
    CallbackError,
    Chain,
    FileError,
    Param,
    ParameterError,
    Plugin,
    Processor,
    SetupError,
    load_preset,
    save_preset,
)
from rtstft.loading import load
from rtstft.plugins.convolve import Convolve
from rtstft.plugins.filter import Filter
from rtstft.plugins.gain import Gain

EXACT = STFT(128, 64, window="boxcar", synthesis=np.repeat([0.0, 1.0], 64))


class Every(Plugin):
    """Has parameters of all kinds."""

    level = Param(0.5)
    count = Param(3)
    on = Param(False)
    kind = Param("low", choices=("low", 'the "high", one'))
    text = Param("default")
    größe_s = Param(1.0)
    held = Param(1.0, fixed=True)

    def process(self, frame: Any) -> None:
        frame *= self.level


class Given(Every):
    """Is made with more than parameters."""

    def __init__(self, size: int = 2, *more: int, **params: Any) -> None:
        super().__init__(**params)
        self.size = size
        self.more = more


class Needy(Every):
    """Cannot be made without."""

    def __init__(self, size: int) -> None:
        self.size = size


class Bare(Every):
    """Takes no arguments, and has parameters all the same."""

    def __init__(self) -> None:
        self.level = 7.0


class Wants(Every):
    """Cannot be made without one of its parameters, and has another's name for something else."""

    def __init__(self, kind: str, *count: int) -> None:
        super().__init__(kind=kind)
        self.more = count


class Doubles(Every):
    """Makes something else of an argument that has a parameter's name."""

    def __init__(self, level: float = 4.0) -> None:
        super().__init__(level=2 * level)


class Outer:
    class Inner(Every):
        """Stands in another class."""


numbers = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.fixed_dictionaries(
    {},
    optional={
        "level": numbers,
        "count": st.integers(),
        "on": st.booleans(),
        "kind": st.sampled_from(["low", 'the "high", one']),
        "text": texts,
        "größe_s": numbers,
        "held": numbers,
        "mix": st.floats(0, 1),
        "bypass": st.booleans(),
    },
)
times = st.lists(st.floats(0, 1e6), min_size=1, max_size=4, unique=True).map(sorted)


@st.composite
def plugins(draw: st.DrawFn) -> Plugin:
    plugin = Every(**draw(values))
    for name, points in {
        "level": numbers,
        "count": st.integers(),
        "text": texts,
        "on": st.booleans(),
    }.items():
        if draw(st.booleans()):
            plugin.automate(name, [(time_s, draw(points)) for time_s in draw(times)])
    return plugin


rows = st.recursive(plugins(), lambda inner: st.lists(inner, max_size=3).map(Chain), max_leaves=5)


def facts(found: Any) -> Any:
    """All that a plugin or chain is, to compare."""
    if isinstance(found, Chain):
        return [facts(member) for member in found]
    curves = {name: curve.points for name, curve in found.parameter_values.curves.items()}
    return type(found), dict(found.parameter_values), curves


@pytest.mark.parametrize("suffix", [".json", ".toml", ".TOML"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=rows)
def test_what_is_saved_is_loaded(tmp_path: Path, suffix: str, row: Any) -> None:
    path = tmp_path / f"preset{suffix}"
    save_preset(path, row, overwrite=True)
    assert facts(load_preset(path)) == facts(row)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ["json", "toml"])
def test_every_character_is_kept(tmp_path: Path, suffix: str) -> None:
    text = "".join(map(chr, range(0x300))) + "\r\n\u2028\ufeff\U0001f3b5''' \\"
    save_preset(tmp_path / f"a.{suffix}", Every(text=text))
    assert facts(load_preset(tmp_path / f"a.{suffix}")) == facts(Every(text=text))


@given(row=rows)
def test_dictionary_is_plain_data_and_gives_the_same(row: Any) -> None:
    described = json.loads(json.dumps(row.to_dict()))
    assert facts(type(row).from_dict(described)) == facts(row)


def test_file_is_for_reading_and_writing_by_hand(tmp_path: Path) -> None:
    gain = Gain(gain_db=-6)
    gain.automate("mix", [(0, 0), (2, 1)])
    inner = Chain([Gain()])
    save_preset(tmp_path / "voice.toml", Chain([gain, inner]))
    assert (tmp_path / "voice.toml").read_text() == (
        "[[chain]]\n"
        'plugin = "gain"\n'
        "parameters.gain_db = -6.0\n"
        "parameters.mix = 1.0\n"
        "parameters.bypass = false\n"
        "automation.mix = [[0.0, 0.0], [2.0, 1.0]]\n"
        "[[chain]]\n"
        "[[chain.chain]]\n"
        'plugin = "gain"\n'
        "parameters.gain_db = 0.0\n"
        "parameters.mix = 1.0\n"
        "parameters.bypass = false\n"
    )
    (tmp_path / "short.toml").write_text('plugin = "gain"\nparameters = {gain_db = 3}\n')
    assert facts(load_preset(tmp_path / "short.toml")) == facts(Gain(gain_db=3))


def test_class_in_a_file_survives(tmp_path: Path, command_folder: Path) -> None:
    source = command_folder / 'my "fx" = äöü.py'
    source.write_text(
        "import rtstft\n"
        "class Fx(rtstft.Plugin):\n"
        "    level = rtstft.Param(0.5)\n"
        "    def process(self, frame):\n"
        "        frame *= self.level\n"
    )
    from rtstft import plugin

    for suffix in ("json", "toml"):
        path = tmp_path / f"fx.{suffix}"
        made = plugin(f"{source}:Fx", level=0.25)
        save_preset(path, made)
        found = load_preset(path)
        assert facts(found) == facts(made)
        text = path.read_text("utf-8")
        described = json.loads(text) if suffix == "json" else tomllib.loads(text)
        assert described["plugin"] == f"{source.name}:Fx"


FX = """
import rtstft

class Fx(rtstft.Plugin):
    level = rtstft.Param(LEVEL)

class Outer:
    class Inner(Fx):
        pass
"""


@pytest.mark.parametrize("suffix", ["json", "toml"])
def test_preset_moves_with_the_files_below_it(suffix: str, tmp_path: Path, command_folder: Path) -> None:
    (tmp_path / "mine" / "sub").mkdir(parents=True)
    (tmp_path / "mine-too").mkdir()
    for folder, level in [("mine", 1.0), ("mine/sub", 2.0), ("mine-too", 3.0), (".", 4.0)]:
        (command_folder / folder / "fx.py").write_text(FX.replace("LEVEL", str(level)))
    places = ["mine/fx.py:Fx", "mine/sub/fx.py:Outer.Inner", "mine-too/fx.py:Fx", "fx.py:Fx"]
    first, second, third, fourth = map(load, places)
    save_preset(f"mine/a.{suffix}", Chain([first, Chain([second, third]), fourth, Gain()]))
    text = (tmp_path / "mine" / f"a.{suffix}").read_text()
    preset = json.loads(text) if suffix == "json" else tomllib.loads(text)
    members = [preset["chain"][0], *preset["chain"][1]["chain"], *preset["chain"][2:]]
    assert [member["plugin"] for member in members] == [
        "fx.py:Fx",
        "sub/fx.py:Outer.Inner",
        f"{tmp_path}/mine-too/fx.py:Fx",
        f"{tmp_path}/fx.py:Fx",
        "gain",
    ]
    (tmp_path / "mine").rename(tmp_path / "moved")
    found: Any = load_preset(f"moved/a.{suffix}")
    flat = [found[0], *found[1], found[2]]
    assert [plugin.params["level"].default for plugin in flat] == [1.0, 2.0, 3.0, 4.0]
    assert {type(plugin).__module__ for plugin in flat}.isdisjoint({type(first).__module__})


@pytest.mark.parametrize("place", ["fx.py:Fx", "./fx.py:Fx", "../mine/fx.py:Fx"])
def test_relative_file_starts_at_the_preset_and_not_where_the_program_runs(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "fx.py").write_text(FX.replace("LEVEL", "1.0"))
    (tmp_path / "fx.py").write_text(FX.replace("LEVEL", "2.0"))
    (tmp_path / "mine" / "a.toml").write_text(f'plugin = "{place}"\n')
    monkeypatch.chdir(tmp_path)
    found: Any = load("mine/a.toml")
    assert found.level == 1.0
    (tmp_path / "mine" / "fx.py").unlink()
    with pytest.raises(CallbackError, match=r"there is no file .*mine/fx\.py"):
        load("mine/a.toml")


def test_nested_class_is_found_and_local_one_is_refused() -> None:
    assert facts(Plugin.from_dict(Outer.Inner(level=2).to_dict())) == facts(Outer.Inner(level=2))

    class Local(Every):
        """Cannot be found by its name."""

    with pytest.raises(CallbackError, match=r"<locals>.Local cannot be found again"):
        Local().to_dict()


def test_automation_plays_as_before(tmp_path: Path) -> None:
    gain = Gain()
    gain.automate("gain_db", [(0, -60), (0.02, 0)])
    save_preset(tmp_path / "a.json", gain)
    geometry, x = STFT(64, 16), np.ones((2000, 2), np.float32)
    found = load_preset(tmp_path / "a.json")
    assert np.array_equal(Processor(found, geometry).process(x), Processor(gain, geometry).process(x))


def test_function_of_time_is_refused(tmp_path: Path) -> None:
    gain = Gain()
    gain.automate("gain_db", lambda time_s: -time_s)
    for row in (gain, Chain([gain])):
        with pytest.raises(ParameterError, match=r"Gain.gain_db follows a function of time.*breakpoints"):
            save_preset(tmp_path / "a.toml", row)
    assert not list(tmp_path.iterdir())
    gain.automate("gain_db", None)
    save_preset(tmp_path / "a.toml", gain)


def test_function_in_a_chain_is_refused(tmp_path: Path) -> None:
    def robot(frame: Any) -> None:
        frame[:] = abs(frame)

    with pytest.raises(ParameterError, match="robot is no Plugin: only plugins can be written down"):
        save_preset(tmp_path / "a.json", Chain([Gain(), robot]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("made", "names"),
    [
        (lambda: Given(3), "size"),
        (lambda: Given(size=3, level=2), "size"),
        (lambda: Given(2, 4, 5), "more"),
        (lambda: Given(3, 4), "size, more"),
        (lambda: Needy(3), "size"),
        (lambda: Convolve([1.0, 0.5]), "response"),
    ],
)
def test_what_is_no_parameter_is_not_lost_silently(made: Any, names: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=rf"was given {names}, which cannot be written down"):
        save_preset(tmp_path / "a.json", made())
    assert not list(tmp_path.iterdir())


def test_default_of_what_is_no_parameter_may_be_given() -> None:
    for plugin in (Given(2, level=3), Given(level=3), Convolve(None, gain_db=3)):
        assert facts(Plugin.from_dict(plugin.to_dict())) == facts(plugin)


def test_response_that_came_later_is_not_lost_silently(tmp_path: Path) -> None:
    np.save(tmp_path / "ir.npy", np.ones(3, np.float32))
    convolve = Convolve(path=str(tmp_path / "ir.npy"))
    Processor(convolve, EXACT, channels=1)
    assert facts(Plugin.from_dict(convolve.to_dict())) == facts(convolve)
    convolve.replace([1.0, 0.5])
    with pytest.raises(ParameterError, match="Convolve was given response"):
        convolve.to_dict()


def test_class_that_cannot_be_made_is_named() -> None:
    with pytest.raises(CallbackError, match=r"test_presets:Needy' raised TypeError.*size"):
        Plugin.from_dict({"plugin": f"{Needy.__module__}:Needy"})


def test_class_with_an_init_of_its_own_is_made_with_what_that_takes() -> None:
    for kind in (Bare, Wants):
        preset = {"plugin": f"{kind.__module__}:{kind.__name__}", "parameters": {"kind": "low", "count": 5}}
        found: Any = Plugin.from_dict(preset)
        assert (type(found), found.kind, found.count) == (kind, "low", 5)
        assert getattr(found, "more", ()) == ()
    assert facts(Plugin.from_dict(Doubles(level=4.0).to_dict())) == facts(Doubles(level=4.0))


def test_preset_that_names_an_impulse_response_alone_makes_a_fir_filter(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "ir.txt", [0.5, 0.0, -0.25])
    preset = tmp_path / "a.json"
    preset.write_text(json.dumps({"plugin": "filter", "parameters": {"path": "ir.txt"}}))
    found, made = load_preset(preset), Filter(path=str(tmp_path / "ir.txt"))
    assert facts(found) == facts(made)
    save_preset(preset, made, overwrite=True)
    assert facts(load_preset(preset)) == facts(made)
    Processor(found, EXACT)
    preset.write_text(json.dumps({"plugin": "filter", "parameters": {"path": "ir.txt", "kind": "low"}}))
    with pytest.raises(SetupError, match="which only kind='fir' uses"):
        Processor(load_preset(preset), EXACT)


def test_from_dict_of_a_class_wants_that_class() -> None:
    preset = Gain().to_dict()
    assert type(Gain.from_dict(preset)) is type(Plugin.from_dict(preset)) is Gain
    with pytest.raises(CallbackError, match=r"'gain' is .*Gain.*, expected a class derived from Every"):
        Every.from_dict(preset)


PRESETS: dict[str, tuple[Any, type[Exception], str]] = {
    "no plugin": ({"parameters": {}}, ParameterError, "expected plugin=, parameters= and automation="),
    "more than a plugin": ({"plugin": "gain", "level": 1}, ParameterError, "expected plugin=, par"),
    "plugin is a number": ({"plugin": 3}, ParameterError, "expected plugin="),
    "parameters is a list": ({"plugin": "gain", "parameters": [1]}, ParameterError, "expected plugin="),
    "automation is a list": ({"plugin": "gain", "automation": [1]}, ParameterError, "expected plugin="),
    "unknown plugin": ({"plugin": "gian"}, CallbackError, "no plugin 'gian'; there are .*gain"),
    "no class": ({"plugin": "math:pi"}, CallbackError, "'math:pi' is 3.14.*, expected a class derived"),
    "no plugin class": ({"plugin": "math:sin"}, CallbackError, "expected a class derived from Plugin"),
    "unknown parameter": (
        {"plugin": "gain", "parameters": {"level": 1}},
        ParameterError,
        "Gain has no parameter 'level'; it has gain_db",
    ),
    "value beyond limits": (
        {"plugin": "gain", "parameters": {"gain_db": 99}},
        ParameterError,
        "Gain.gain_db=99, expected a number from -120 to 60 dB",
    ),
    "value of another kind": (
        {"plugin": "gain", "parameters": {"bypass": "no"}},
        ParameterError,
        "Gain.bypass='no', expected true or false",
    ),
    "unknown automation": ({"plugin": "gain", "automation": {"x": []}}, ParameterError, "no parameter 'x'"),
    "no breakpoints": ({"plugin": "gain", "automation": {"mix": 1}}, ParameterError, "with 1, expected"),
    "bad breakpoint": (
        {"plugin": "gain", "automation": {"mix": [[0, 2]]}},
        ParameterError,
        "Gain.mix=2, expected",
    ),
    "chain is no list": ({"chain": "gain"}, ParameterError, "expected chain=, a list of plugins"),
    "more than a chain": ({"chain": [], "x": 1}, ParameterError, "expected chain=, a list of plugins"),
    "member is a number": ({"chain": [3]}, ParameterError, "preset 3, expected plugin="),
    "member is text": ({"chain": ["chain"]}, ParameterError, "preset 'chain', expected plugin="),
    "member is wrong": ({"chain": [{"chain": [{"plugin": "gian"}]}]}, CallbackError, "no plugin 'gian'"),
    "list": ([1, 2], ParameterError, "a.json holds .*, expected a table with plugin= or chain="),
    "number": (3, ParameterError, "a.json holds 3, expected a table"),
}


@pytest.mark.parametrize("name", PRESETS)
def test_preset_that_cannot_be_is_named_with_its_file(name: str, tmp_path: Path) -> None:
    preset, error, says = PRESETS[name]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(preset))
    with pytest.raises(error, match=says) as raised:
        load_preset(path)
    assert str(path) in " ".join([str(raised.value), *getattr(raised.value, "__notes__", ())])


def test_what_is_no_dictionary_is_refused() -> None:
    preset: Any = "gain"
    with pytest.raises(ParameterError, match="preset 'gain', expected plugin="):
        Plugin.from_dict(preset)
    with pytest.raises(ParameterError, match="preset 'gain', expected chain="):
        Chain.from_dict(preset)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.json", b"{", "a.json is no JSON: .*line 1"),
        ("a.json", b"", "a.json is no JSON"),
        ("a.json", b"[" * 100_000, "a.json is no JSON: .*recursion"),
        ("a.toml", b"plugin = gain", "a.toml is no TOML: .*line 1"),
        ("a.toml", b"plugin = '\xff'", "a.toml is no TOML: 'utf-8' codec"),
        ("a.json", b'{"plugin": "\xff"}', "a.json is no JSON: 'utf-8' codec"),
        ("a.yaml", b"", r"a.yaml: expected a preset's name, which ends in .json or .toml"),
        ("preset", b"", r"preset: expected a preset's name"),
    ],
)
def test_broken_file_is_named(name: str, data: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FileError, match=says):
        load_preset(tmp_path / name)


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"missing.toml cannot be read: No such file"):
        load_preset(tmp_path / "missing.toml")
    with pytest.raises(FileError, match=r"missing/a.toml cannot be written: No such file"):
        save_preset(tmp_path / "missing" / "a.toml", Gain())
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(FileError, match=r"folder.json cannot be written: Is a directory"):
        save_preset(tmp_path / "folder.json", Gain(), overwrite=True)
    with pytest.raises(FileError, match=r"a.txt: expected a preset's name"):
        save_preset(tmp_path / "a.txt", Gain())
    assert [path.name for path in tmp_path.iterdir()] == ["folder.json"]


def test_text_that_is_no_unicode_is_refused(tmp_path: Path) -> None:
    for suffix in ("json", "toml"):
        with pytest.raises(ParameterError, match=r"'\\udcff' in a text cannot be written as UTF-8"):
            save_preset(tmp_path / f"a.{suffix}", Every(text="ir\udcff.wav"))
    assert not list(tmp_path.iterdir())


def test_existing_file_stays_unless_told_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("mine")
    with pytest.raises(FileError, match=r"a.toml exists: choose another name, or overwrite=True"):
        save_preset(path, Gain())
    assert path.read_text() == "mine"
    save_preset(path, Gain(gain_db=3), overwrite=True)
    assert facts(load_preset(path)) == facts(Gain(gain_db=3))


def test_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.toml"
    save_preset(path, Gain(gain_db=3))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(FileError, match="cannot be written: No space left on device"):
        save_preset(path, Gain(gain_db=6), overwrite=True)
    assert facts(load_preset(path)) == facts(Gain(gain_db=3))
    assert [file.name for file in tmp_path.iterdir()] == ["a.toml"]
