"""Callbacks from text: where they are found, their parameters, and the way back."""

import pickle
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rtstft
from rtstft import CallbackError, Chain, Param, ParameterError, Plugin, PluginWarning, loading, save_preset
from rtstft.loading import is_preset, load, load_all, origin_of, source_of, spec_of, split
from rtstft.places import ambiguous, registered
from rtstft.plugins.convolve import Convolve
from rtstft.plugins.eq import Eq
from rtstft.plugins.gain import Gain

FX = dedent("""
    import rtstft

    class Fx(rtstft.Plugin):
        level = rtstft.Param(0.5, min=0.0, max=2.0)
        text = rtstft.Param("")
        def process(self, frame):
            frame *= self.level

    class Needy(rtstft.Plugin):
        def __init__(self, size):
            pass

    class Plain:
        def process(self, frame):
            pass

    def half(frame):
        frame *= 0.5

    number = 3
""")


class Texts(Plugin):
    """Has two parameters that are text, and others."""

    first = Param("")
    second = Param("nothing")
    kind = Param("low", choices=("low", "high"))
    level = Param(0.5)
    count = Param(3)
    on = Param(True)
    name = Param("")
    place = Param("")

    class Inner(Plugin):
        """Stands in another class."""


@pytest.fixture
def fx(command_folder: Path) -> Path:
    path = command_folder / "fx.py"
    path.write_text(FX)
    return path


def values(plugin: Any) -> dict[str, Any]:
    return {name: value for name, value in plugin.parameter_values if value != plugin.params[name].default}


@pytest.mark.parametrize(
    ("spec", "kind", "expected"),
    [
        ("gain", Gain, {}),
        ("gain:gain_db=-6", Gain, {"gain_db": -6.0}),
        ("gain:gain_db=-6,mix=0.5,bypass=yes", Gain, {"gain_db": -6.0, "mix": 0.5, "bypass": True}),
        ("gain: gain_db = -6 , mix = .5", Gain, {"gain_db": -6.0, "mix": 0.5}),
        ("rtstft.plugins.gain:Gain:gain_db=1e1", Gain, {"gain_db": 10.0}),
        (
            "eq:bands=low_shelf:100:3,peak:1000:-6:1.4",
            Eq,
            {"bands": "low_shelf:100:3,peak:1000:-6:1.4"},
        ),
        (
            "eq:bands=peak:100:3, peak:1000:-6,curve=50:-12,100:0,mix=0.5",
            Eq,
            {"bands": "peak:100:3, peak:1000:-6", "curve": "50:-12,100:0", "mix": 0.5},
        ),
        ("convolve:path=/a=b,c=d.wav,gain_db=3", Convolve, {"path": "/a=b,c=d.wav", "gain_db": 3.0}),
        ("convolve:path=ir.json", Convolve, {"path": str(Path("ir.json").absolute())}),
        ("convolve:path=", Convolve, {}),
    ],
)
def test_spec_of_an_installed_plugin(spec: str, kind: type, expected: dict[str, Any]) -> None:
    loaded = load(spec)
    assert type(loaded) is kind
    assert values(loaded) == expected


@pytest.mark.parametrize("place", ["fx.py", "fx", "./fx.py", "sub/../fx.py", "a=b:c/fx.py"])
def test_spec_of_a_file_or_module(fx: Path, place: str) -> None:
    for folder in ("sub", "a=b:c"):
        (fx.parent / folder).mkdir()
    (fx.parent / "a=b:c" / "fx.py").write_text(FX)
    loaded: Any = load(f"{place}:Fx:level=0.25,text=a,b")
    assert (type(loaded).__name__, loaded.level, loaded.text) == ("Fx", 0.25, "a,b")
    assert load(f"{place}:half").__name__ == "half"  # type: ignore[union-attr]
    assert type(load(f"{place}:Plain")).__name__ == "Plain"


ERRORS: dict[str, tuple[str, type[Exception], str]] = {
    "unknown": ("gian", CallbackError, r"no plugin 'gian'; there are .*gain.*file\.py:name"),
    "unknown with parameters": ("gian:gain_db=3", CallbackError, "no plugin 'gian'"),
    "no parameter": ("gain:level=3", ParameterError, "Gain has no parameter 'level'; it has gain_db"),
    "second is none": ("gain:gain_db=3,level=3", ParameterError, "Gain has no parameter 'level'"),
    "two are none": ("gain:level=3,size=3", ParameterError, "Gain has no parameter 'level'"),
    "no number": ("gain:gain_db=loud", ParameterError, "Gain.gain_db=loud, expected a number from -120 to"),
    "out of range": ("gain:gain_db=99", ParameterError, "Gain.gain_db=99.0, expected a number from -120"),
    "empty": ("gain:gain_db=", ParameterError, "Gain.gain_db=, expected a number"),
    "comma at the end": ("gain:gain_db=3,", ParameterError, "Gain has no parameter ''"),
    "comma in front": ("gain:,gain_db=3", CallbackError, "expected gain:PARAMETER=VALUE"),
    "comma in a number": ("gain:gain_db=3,5", ParameterError, "Gain has no parameter '5'"),
    "no value": ("gain:mix=1,gain_db", ParameterError, "expected gain_db=VALUE"),
    "no value at all": ("gain:gain_db", CallbackError, "expected gain:PARAMETER=VALUE"),
    "no equals sign": ("gain:gain_db:3", CallbackError, "gain_db:3': expected NAME:PARAMETER=VALUE"),
    "no value in a file": ("fx.py:Fx:level", CallbackError, "fx.py:Fx:level': expected NAME:PARAMETER=VALUE"),
    "no value in a module": ("fx:Fx:level", CallbackError, "fx:Fx:level': expected NAME:PARAMETER=VALUE"),
    "twice": ("gain:gain_db=3,gain_db=4", ParameterError, "each parameter once"),
    "not of its kind": ("gain:bypass=maybe", ParameterError, "bypass='maybe', expected true or false"),
    "bad text": ("eq:bands=loud", ParameterError, "Eq.bands: band 'loud', expected kind:Hz"),
    "colon at the end": ("gain:", CallbackError, "expected the name of a plugin"),
    "no name of a parameter": ("gain:=3", CallbackError, "expected gain:PARAMETER=VALUE"),
    "no text": ("", CallbackError, "no plugin ''"),
    "no file": ("nowhere/fx.py:Fx", CallbackError, "there is no file nowhere/fx.py"),
    "no name": (
        "fx.py",
        CallbackError,
        r"'fx\.py': expected fx\.py:NAME; it has fx\.py:Fx, fx\.py:Needy, fx\.py:Plain, fx\.py:half$",
    ),
    "no name but parameters": ("fx.py:level=3", CallbackError, "expected fx.py:NAME; it has fx.py:Fx, "),
    "no name in a folder": ("./fx.py", CallbackError, r"expected \./fx\.py:NAME; it has \./fx\.py:Fx, "),
    "no name and no file": ("nowhere.py", CallbackError, r"'nowhere\.py': there is no file nowhere\.py"),
    "no name in a broken file": ("broken.py", CallbackError, "broken.py raised SyntaxError"),
    "no name in an empty file": ("empty.py", CallbackError, "it has nothing to call"),
    "no such name": ("fx.py:Gx", CallbackError, "fx.py has no 'Gx'; it has fx.py:Fx, fx.py:Needy, "),
    "no such name in a package": ("package:Gx", CallbackError, "it has package:Fx, package:loud$"),
    "no such attribute": ("fx.py:Fx.more", CallbackError, "fx.py has no 'Fx.more'"),
    "no module": ("nowhere.fx:Fx", CallbackError, "ModuleNotFoundError"),
    "is a number": ("fx.py:number", CallbackError, "is 3, expected a function or a plugin"),
    "cannot be made": ("fx.py:Needy", CallbackError, "TypeError.*size"),
    "function with parameters": ("fx.py:half:level=3", CallbackError, "a function has no parameters"),
    "class with parameters": ("fx.py:Plain:level=3", CallbackError, "Plain is no rtstft.Plugin"),
    "preset with parameters": ("voice.toml:gain_db=3", CallbackError, "no parameters behind a preset file"),
    "no preset": ("missing.toml", rtstft.FileError, "missing.toml cannot be read"),
    "broken file": ("broken.py:Fx", CallbackError, "broken.py raised SyntaxError"),
    "raises": ("raises.py:Fx", CallbackError, "raises.py raised ZeroDivisionError: division by zero"),
}


@pytest.mark.usefixtures("fx")
@pytest.mark.parametrize("name", ERRORS)
def test_spec_that_cannot_be_is_refused(name: str) -> None:
    spec, error, says = ERRORS[name]
    Path("broken.py").write_text("class Fx(:")
    Path("raises.py").write_text("1 / 0")
    Path("empty.py").write_text("from math import sin\nfrom rtstft import Param, Plugin\n")
    Path("package").mkdir()
    Path("package/inner.py").write_text(FX)
    Path("package/__init__.py").write_text(
        "from functools import partial\nfrom package.inner import Fx\n"
        "loud, hidden, _private = Fx(level=2), 3, Fx\n"
    )
    with pytest.raises(error, match=says):
        load(spec)


def test_plugin_by_name(fx: Path) -> None:
    gain = rtstft.plugin("gain", gain_db=-6)
    assert isinstance(gain, Gain)
    assert gain.gain_db == -6
    assert values(rtstft.plugin(f"{fx}:Fx", level=2, text="a,b")) == {"level": 2.0, "text": "a,b"}
    assert values(rtstft.plugin("fx:Fx", level=0)) == {"level": 0.0}
    names = {"name": "a", "place": "b", "kind": "high"}
    assert values(rtstft.plugin(f"{Texts.__module__}:Texts", **names)) == names


@pytest.mark.usefixtures("fx")
@pytest.mark.parametrize(
    ("name", "params", "error", "says"),
    [
        ("gian", {}, CallbackError, "no plugin 'gian'"),
        ("gain", {"level": 1}, ParameterError, "Gain has no parameter 'level'"),
        ("gain", {"gain_db": "loud"}, ParameterError, "Gain.gain_db='loud', expected a number"),
        ("fx.py:half", {}, CallbackError, r"is <function half.*expected a class derived from rtstft\.Plugin"),
        ("fx.py:Plain", {}, CallbackError, "expected a class derived from"),
        ("fx.py:Needy", {}, CallbackError, "'fx.py:Needy' raised TypeError.*size"),
    ],
)
def test_plugin_by_name_that_cannot_be(
    name: str, params: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        rtstft.plugin(name, **params)


def test_list_of_specs_and_callbacks_becomes_a_chain(tmp_path: Path) -> None:
    gain = Gain()
    save_preset(tmp_path / "voice.toml", Chain([Gain(gain_db=3)]))
    chain = load_all(["gain:gain_db=-6", gain, str(tmp_path / "voice.toml"), abs])
    inner: Any = chain[2]
    assert (chain[0].gain_db, chain[1], inner[0].gain_db, chain[3]) == (-6, gain, 3, abs)  # type: ignore[union-attr]
    assert load_all(chain) is chain
    assert list(load_all(gain)) == [gain]
    assert len(load_all("gain")) == 1
    assert len(load_all(())) == 0


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Installs another distribution with these entry points."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "other_fx.py").write_text(FX)
    (folder / "other_broken.py").write_text("import nothing_like_that")
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])

    def install(entries: str) -> None:
        info = folder / "other_fx-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-fx\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[rtstft.plugins]\n{entries}\n")

    yield install
    sys.modules.pop("other_fx", None)


def test_plugin_of_another_distribution_is_found(distribution: Callable[[str], None]) -> None:
    distribution("zap = other_fx:Fx")
    assert "zap" in registered()
    zap = rtstft.plugin("zap", level=1)
    assert type(zap).__module__ == "other_fx"
    assert zap.to_dict()["plugin"] == "zap"
    assert spec_of(zap) == "zap:level=1.0"
    assert values(load("zap:level=2")) == {"level": 2.0}
    with pytest.raises(CallbackError, match=r"no plugin 'zab'; there are .*, zap "):
        load("zab")


def test_error_says_when_rtstft_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [])  # noqa: ARG005
    with pytest.raises(CallbackError, match="there are none, as rtstft itself is not installed"):
        rtstft.plugin("gain")


def test_of_two_of_one_name_ours_wins_and_both_are_named(distribution: Callable[[str], None]) -> None:
    distribution("gain = other_fx:Fx\nzap = other_fx:Fx")
    says = (
        r"plugin 'gain' is of rtstft \(rtstft.plugins.gain:Gain\) and of other-fx \(other_fx:Fx\): "
        r"the first is taken; name the other by other_fx:Fx"
    )
    attempts: list[Callable[[], object]] = [
        lambda: load("gain:gain_db=3"),
        lambda: load("gain"),
        lambda: rtstft.plugin("gain"),
    ]
    for attempt in attempts:
        with pytest.warns(PluginWarning, match=says) as caught:
            assert isinstance(attempt(), Gain)
        assert len(caught) == 1
    assert list(ambiguous()) == ["gain"]
    # What is not in doubt goes on without a word; warnings are errors here.
    assert spec_of(Gain()) == "gain"
    assert spec_of(load("other_fx:Fx")) == "zap"
    load("zap")
    load("blur")


def test_of_two_others_of_one_name_the_first_on_the_path_is_taken(
    distribution: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution("zap = other_fx:Fx\nsame = other_fx:Fx")
    info = tmp_path / "later" / "third_fx-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third-fx\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[rtstft.plugins]\nzap = other_fx:half\nsame = other_fx:Fx\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(info.parent)])
    with pytest.warns(PluginWarning, match=r"of other-fx \(other_fx:Fx\) and of third-fx \(other_fx:half\)"):
        assert type(load("zap")).__name__ == "Fx"
    load("same")


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("other_broken:Fx", r"plugin 'zap': other_broken:Fx raised ModuleNotFoundError: .*nothing_like_that"),
        ("other_fx:Gx", r"plugin 'zap': other_fx:Gx raised AttributeError"),
        ("nowhere:Fx", r"plugin 'zap': nowhere:Fx raised ModuleNotFoundError"),
    ],
)
def test_registered_plugin_that_is_broken_is_named(
    distribution: Callable[[str], None], entry: str, says: str
) -> None:
    distribution(f"zap = {entry}")
    with pytest.raises(CallbackError, match=says):
        load("zap")
    assert isinstance(load("gain"), Gain)


def test_load_reads_what_the_file_says_by_now(fx: Path) -> None:
    first: Any = load("fx.py:Fx")
    for level in ("0.25", "0.75", "1.25"):  # of equal length, within the same second
        fx.write_text(FX.replace("0.5, min", f"{level}, min"))
        assert load(str(fx) + ":Fx").level == float(level)  # type: ignore[union-attr]
    assert first.level == 0.5
    fx.write_text("class Fx(:")
    with pytest.raises(CallbackError, match="SyntaxError"):
        load("fx.py:Fx")
    assert type(load("gain")) is Gain


def test_load_of_a_preset_that_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "voice.json"
    for level in (-3.0, -6.0):
        save_preset(path, Gain(gain_db=level), overwrite=True)
        assert load(str(path)).gain_db == level  # type: ignore[union-attr]


def test_source_is_the_file_of_a_spec(fx: Path) -> None:
    for spec in ("fx.py:Fx", "fx.py:Fx:level=1", f"{fx}:half"):
        assert source_of(spec) == fx
    assert source_of("voice.TOML") == fx.parent / "voice.TOML"
    for spec in ("gain", "gain:gain_db=3", "fx:Fx", "convolve:path=ir.json"):
        assert source_of(spec) is None


def test_origin_is_where_a_callback_comes_from(fx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (fx.parent / "made.py").write_text(
        "def times(level):\n    def fx(frame):\n        frame *= level\n    return fx\n\n"
        "class Inner:\n    made, __slots__ = times(2), ()\n    def process(self, frame):\n        pass\n"
        "class Alike(Inner):\n    def __eq__(self, other):\n        return True\n"
        "one, other = Alike(), Alike()\n"
    )
    made = fx.with_name("made.py")
    save_preset("voice.toml", rtstft.plugin("fx.py:Fx"))
    save_preset("row.json", Chain([Gain()]))
    specs = ["fx.py:Fx:level=1", "fx.py:half", "voice.toml", "row.json"]
    specs += [f"made.py:{name}" for name in ("Inner.made", "Inner", "one", "other")]
    loaded: dict[str, Any] = {spec: load(spec) for spec in specs}
    loaded["by name"] = rtstft.plugin("fx.py:Fx")
    loaded["unpickled"] = pickle.loads(pickle.dumps(loaded["fx.py:Fx:level=1"]))
    monkeypatch.chdir("/")
    found = {spec: origin_of(callback) for spec, callback in loaded.items()}
    assert found == {
        "fx.py:Fx:level=1": (f"{fx}:Fx", {fx}),
        "fx.py:half": (f"{fx}:half", {fx}),
        "made.py:Inner.made": (f"{made}:Inner.made", {made}),
        "made.py:Inner": (f"{made}:Inner", {made}),
        "made.py:one": (f"{made}:one", {made}),
        "made.py:other": (f"{made}:other", {made}),
        "voice.toml": (str(fx.with_name("voice.toml")), {fx, fx.with_name("voice.toml")}),
        "row.json": (str(fx.with_name("row.json")), {fx.with_name("row.json")}),
        "by name": (f"{fx}:Fx", {fx}),
        "unpickled": (f"{fx}:Fx", {fx}),
    }
    nowhere: list[Any] = [Gain(), load("gain"), load("math:sin"), Chain(), lambda frame: frame, [].append]
    for callback in nowhere:
        assert origin_of(callback) == ("", set())


def test_origin_is_known_no_longer_than_the_callback_exists(fx: Path) -> None:
    callback = load(f"{fx}:Fx")
    gone = weakref.ref(callback)
    known = len(loading._loaded)
    del callback
    assert gone() is None
    assert len(loading._loaded) == known - 1


@pytest.mark.parametrize(
    ("spec", "place", "parameters"),
    [
        ("gain", "gain", ""),
        ("gain:a=1", "gain", "a=1"),
        ("fx.py:Fx", "fx.py:Fx", ""),
        ("fx.py:Fx:a=1,b=x:y=z", "fx.py:Fx", "a=1,b=x:y=z"),
        ("p.m:Fx:a=b.py:c", "p.m:Fx", "a=b.py:c"),
        ("a=b:c/fx.py:Fx", "a=b:c/fx.py:Fx", ""),
        ("a=b:c/fx.py:Fx:a=1", "a=b:c/fx.py:Fx", "a=1"),
        ("a=b.json", "a=b.json", ""),
    ],
)
def test_split(spec: str, place: str, parameters: str) -> None:
    assert split(spec) == (place, parameters)
    assert is_preset(spec) == (spec == "a=b.json")


plain = st.text(st.characters(exclude_categories=["Cs"]))
awkward = st.lists(st.sampled_from([",", "=", ":", "first", "second", "level", " ", "a", ".py:"])).map(
    "".join
)


@given(
    params=st.fixed_dictionaries(
        {},
        optional={
            "first": plain | awkward,
            "second": plain | awkward,
            "kind": st.sampled_from(["low", "high"]),
            "level": st.floats(allow_nan=False, allow_infinity=False),
            "count": st.integers(),
            "on": st.booleans(),
            "mix": st.floats(0, 1),
        },
    )
)
def test_spec_gives_the_same_or_is_refused(params: dict[str, Any]) -> None:
    plugin = Texts(**params)
    try:
        spec = spec_of(plugin)
    except ParameterError:
        written = f"{params.get('first', '')},{params.get('second', '')}"
        assert "," in written[1:-1]  # nothing but a name behind a comma can be mistaken
        assert "=" in written
    else:
        found = load(spec)
        assert type(found) is Texts
        assert dict(found.parameter_values) == dict(plugin.parameter_values)


@pytest.mark.parametrize("name", [n for n, e in registered().items() if e.value.startswith("rtstft.")])
def test_every_built_in_has_its_name_both_ways(name: str) -> None:
    plugin = rtstft.plugin(name, mix=0.5)
    assert spec_of(plugin) == f"{name}:mix=0.5"
    assert type(load(f"{name}:mix=0.5")) is type(plugin)
    assert plugin.to_dict()["plugin"] == name
    found = Plugin.from_dict(plugin.to_dict())
    assert type(found) is type(plugin)
    assert dict(found.parameter_values) == dict(plugin.parameter_values)


def test_spec_of_what_has_a_place(fx: Path) -> None:
    assert spec_of(Gain()) == "gain"
    assert spec_of(Eq(bands="peak:1000:3,peak:50:6")) == "eq:bands=peak:1000:3,peak:50:6"
    assert spec_of(load("fx.py:half")) == f"{fx}:half"
    assert spec_of(load("fx.py:Plain")) == f"{fx}:Plain"
    assert spec_of(load("fx.py:Fx:level=1")) == f"{fx}:Fx:level=1.0"
    assert spec_of(Texts.Inner(mix=0.5)) == f"{Texts.__module__}:Texts.Inner:mix=0.5"
    assert type(load(spec_of(Texts.Inner()))) is Texts.Inner


def test_spec_of_what_text_cannot_say_is_refused() -> None:
    automated = Gain()
    automated.automate("mix", [(0, 1)])
    inner = Chain([Gain()])
    for callback, error, says in [
        (automated, ParameterError, "Gain was given mix"),
        (Convolve([1.0]), ParameterError, "Convolve was given response"),
        (inner, ParameterError, "expected its members, or a preset file"),
        (lambda frame: frame, CallbackError, "<lambda> cannot be found again"),
        (Texts(first="a,second=b"), ParameterError, "would be taken for other parameters"),
    ]:
        with pytest.raises(error, match=says):
            spec_of(callback)


def test_file_that_has_changed_is_read_again(fx: Path) -> None:
    old = rtstft.plugin("fx.py:Fx")
    assert type(rtstft.plugin("fx.py:Fx")) is type(old)
    fx.write_text(FX.replace("0.5, min", "0.125, min"))
    new: Any = rtstft.plugin("fx.py:Fx")
    assert (old.level, new.level) == (0.5, 0.125)  # type: ignore[attr-defined]
    assert type(pickle.loads(pickle.dumps(new))) is type(new)
    fx.write_text("class Fx(:")
    for _ in range(2):
        with pytest.raises(CallbackError, match="SyntaxError"):
            rtstft.plugin("fx.py:Fx")
    assert type(pickle.loads(pickle.dumps(new))) is type(new)
    fx.write_text("")
    with pytest.raises(CallbackError, match="has no 'Fx'; it has nothing to call"):
        rtstft.plugin("fx.py:Fx")


def test_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(CallbackError, match="plugin None, expected the name"):
        rtstft.plugin(None)  # type: ignore[arg-type]
