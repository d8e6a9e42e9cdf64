"""Parameters: what they take, how errors name them, when they hold, how they glide, how they travel."""

import copy
import json
import pickle
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import noise

from rtstft import STFT, Context, Param, ParameterError, Plugin, PluginError, Processor

GEOMETRY = STFT(64, 16, 48)
X = noise(400, 2, "float32")


class Every(Plugin):
    """One parameter of each kind."""

    level_db = Param(-6.0, min=-60.0, max=0.0, doc="how loud")
    order = Param(2, min=1, max=2_000_000)
    active = Param(True)
    shape = Param("round", choices=("round", "square"))
    title = Param("")
    ratio = Param(1.0, min=0.1)
    limit = Param(1, max=9)
    anything = Param(0.5)
    look_s = Param(0.01, min=0.0, fixed=True)

    def process(self, frame: Any) -> None:
        pass


class Sub(Every):
    ratio = Param(4.0, min=2.0)
    extra_hz = Param(440.0)


def test_declared_parameters_in_order_with_mix_and_bypass_last() -> None:
    own = ["level_db", "order", "active", "shape", "title", "ratio", "limit", "anything", "look_s"]
    assert list(Every.params) == [*own, "mix", "bypass"]
    assert list(Sub.params) == [*own, "extra_hz", "mix", "bypass"]
    assert Every.params["level_db"] is Every.level_db
    assert list(Plugin.params) == ["mix", "bypass"]


def test_arguments_defaults_and_attributes() -> None:
    plugin = Every(order=3, shape="square")
    assert (plugin.level_db, plugin.order, plugin.active, plugin.shape) == (-6.0, 3, True, "square")
    plugin.level_db = -12.0
    plugin.set(active=False, title="x")
    assert (plugin.level_db, plugin.active, plugin.title) == (-12.0, False, "x")
    assert repr(plugin) == "Every(level_db=-12.0, order=3, active=False, shape='square', title='x')"
    assert Every().order == 2


TAKEN: list[tuple[str, Any, Any]] = [
    ("level_db", -60, -60.0),
    ("level_db", np.float32(-0.5), -0.5),
    ("level_db", np.int64(-3), -3.0),
    ("level_db", Fraction(-1, 2), -0.5),
    ("order", 5.0, 5),
    ("order", np.int16(7), 7),
    ("active", np.bool_(False), False),
    ("shape", "square", "square"),
    ("title", "any text", "any text"),
    ("limit", -(2**53) - 1, -(2**53) - 1),
]


@pytest.mark.parametrize(("name", "value", "kept"), TAKEN, ids=repr)
def test_value_is_kept_as_the_parameters_own_type(name: str, value: Any, kept: Any) -> None:
    plugin = Every(**{name: value})
    assert getattr(plugin, name) == kept
    assert type(getattr(plugin, name)) is type(kept)


REFUSED: list[tuple[str, Any, str]] = [
    ("level_db", 0.1, r"Every\.level_db=0\.1, expected a number from -60 to 0 dB"),
    ("level_db", float("nan"), "level_db=nan, expected a number"),
    ("level_db", -float("inf"), "level_db=-inf"),
    ("level_db", True, "level_db=True"),
    ("level_db", "-6", "level_db='-6'"),
    ("level_db", None, "level_db=None"),
    ("level_db", np.zeros(2), "level_db=array"),
    ("level_db", np.eye(2), r"level_db=array\(\[\[1\., 0\.\], \[0\., 1\.\]\]\), expected a number"),
    (
        "level_db",
        np.zeros((999, 2)),
        r"level_db=array\(\[\[0\., 0\.\], \[0\.[^\n]{1,50}\.\.\., expected a number",
    ),
    ("level_db", 1j, "level_db=1j"),
    ("level_db", -(10**400), "level_db=-10000"),
    ("order", 2.5, r"order=2\.5, expected a whole number from 1 to 2000000"),
    ("order", 0, "order=0"),
    ("order", True, "order=True"),
    ("order", float("inf"), "order=inf"),
    ("active", 1, "active=1, expected true or false"),
    ("active", "yes", "active='yes'"),
    ("shape", "oval", "shape='oval', expected one of round, square"),
    ("shape", 1, "shape=1"),
    ("title", 3, "title=3, expected text"),
    ("ratio", 0.0, r"ratio=0\.0, expected a number of 0\.1 or more"),
    ("limit", 10, "limit=10, expected a whole number of 9 or less"),
    ("anything", "", "anything='', expected a number"),
    ("look_s", -1.0, r"look_s=-1\.0, expected a number of 0 s or more"),
    ("mix", 1.5, r"Every\.mix=1\.5, expected a number from 0 to 1"),
]


@pytest.mark.parametrize(("name", "value", "says"), REFUSED, ids=repr)
def test_refused_value_is_named_and_changes_nothing(name: str, value: Any, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        Every(**{name: value})
    plugin = Every()
    with pytest.raises(ParameterError, match=says):
        setattr(plugin, name, value)
    with pytest.raises(ParameterError, match=says):
        plugin.set(limit=3, **{name: value}) if name != "limit" else plugin.set(limit=value)
    assert dict(plugin.parameter_values) == dict(Every().parameter_values)


def test_unknown_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(
        ParameterError, match=r"Every has no parameter 'lvl'; it has level_db, order, .*bypass"
    ):
        Every(lvl=3)
    plugin = Every()
    with pytest.raises(ParameterError, match="'lvl'"):
        plugin.set(order=9, lvl=3)
    assert plugin.order == 2


PARSED: list[tuple[str, str, Any]] = [
    ("level_db", "-6", -6.0),
    ("level_db", "-1e1", -10.0),
    ("order", "12", 12),
    ("order", "5.0", 5),
    ("limit", str(-(2**53) - 1), -(2**53) - 1),
    ("shape", "square", "square"),
    ("title", "1", "1"),
    *(("active", text, True) for text in ("true", "True", "on", "yes", "1")),
    *(("active", text, False) for text in ("false", "off", "NO", "0")),
]


@pytest.mark.parametrize(("name", "text", "value"), PARSED)
def test_text_is_parsed(name: str, text: str, value: Any) -> None:
    parsed = Every.params[name].parse(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [("level_db", "loud"), ("level_db", "3"), ("level_db", "nan"), ("order", "1.5"), ("active", "maybe")],
)
def test_text_that_is_no_value_is_refused(name: str, text: str) -> None:
    with pytest.raises(ParameterError, match=rf"{name}='?{text}.*expected"):
        Every.params[name].parse(text)


@pytest.mark.parametrize(
    ("default", "kind"), [(np.float64(0.5), float), (np.float32(0.5), float), (np.int64(3), int)]
)
def test_default_may_be_numpys(default: Any, kind: type) -> None:
    param = Param(default)
    assert param.kind is kind
    assert type(param.default) is kind


@pytest.mark.parametrize(("number", "kind"), [(np.float32, float), (np.int64, int), (np.uint8, int)])
def test_limits_and_time_constant_may_be_numpys(number: Any, kind: type) -> None:
    facts = json.loads(json.dumps(Param(1.0, min=number(0), max=number(2), smooth_s=number(1)).describe()))
    found = [facts["min"], facts["max"], facts["smooth_s"]]
    assert (found, {type(value) for value in found}) == ([0, 2, 1], {kind})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"default": None}, "default=None, expected a bool, int, float or str"),
        ({"default": 3.0, "max": 2.0}, r"default=3\.0, expected a number of 2 or less"),
        ({"default": "c", "choices": ("a", "b")}, "default='c', expected one of a, b"),
        ({"default": True, "min": 0}, "min and max are for numbers"),
        ({"default": 1, "smooth_s": 0.1}, "smooth_s is for floats"),
        ({"default": 1.0, "smooth_s": -0.1}, r"smooth_s=-0\.1, expected a time"),
        ({"default": 1.0, "smooth_s": float("nan")}, "smooth_s=nan, expected a time"),
        ({"default": 1.0, "smooth_s": "x"}, "smooth_s='x', expected a time"),
        ({"default": 1.0, "min": "x"}, "min='x', max=None, expected numbers"),
        ({"default": 1.0, "min": 2, "max": 1}, "min=2 is more than max=1"),
        ({"default": 1, "choices": (1, 2, 4)}, r"choices=\(1, 2, 4\), expected a list of strings"),
        ({"default": "a", "choices": "abc"}, "choices='abc', expected a list of strings"),
        ({"default": 1, "choices": ("a",)}, "choices are for strings"),
    ],
    ids=repr,
)
def test_impossible_declaration_is_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        Param(**arguments)


@pytest.mark.parametrize("name", ["mix", "bypass", "process", "update", "aux", "params", "set"])
def test_name_that_every_plugin_has_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=rf"Clash\.{name}.*rename"):
        type("Clash", (Plugin,), {name: Param(1.0)})


@pytest.mark.parametrize("name", ["mix", "set", "automate", "params", "parameter_values"])
@pytest.mark.parametrize("value", [lambda self: self, {"level": 1.0}, 3])
def test_name_that_the_engine_uses_is_refused_whatever_stands_there(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=rf"Clash\.{name}: every plugin has '{name}' already; rename it"):
        type("Clash", (Plugin,), {name: value})


def test_plugin_may_be_a_dataclass_with_slots() -> None:
    @dataclass(slots=True)
    class Sized(Plugin):
        size: int = 3
        level: ClassVar[Any] = Param(1.0)

        def process(self, frame: Any) -> None:
            frame *= self.level * self.size

    sized = Sized(size=2)
    sized.set(level=0.5)
    assert (sized.level, list(Sized.params)) == (0.5, ["level", "mix", "bypass"])
    Processor(sized, GEOMETRY).process(X)


def test_units_come_from_the_name_and_all_of_it_is_json() -> None:
    assert [Sub.params[name].unit for name in ("level_db", "look_s", "extra_hz", "ratio")] == [
        "dB",
        "s",
        "Hz",
        "",
    ]
    described = json.loads(json.dumps([param.describe() for param in Every.params.values()]))
    assert described[0]["name"] == "level_db"
    assert [entry["type"] for entry in described[:5]] == ["float", "int", "bool", "choice", "str"]


def test_subclass_overrides_inherits_and_takes_away() -> None:
    class Without(Sub):
        ratio: Any = 7.0

    assert Sub().ratio == 4.0
    with pytest.raises(ParameterError, match=r"Sub\.ratio"):
        Sub(ratio=1.0)
    assert Every(ratio=1.0).ratio == 1.0
    assert Without().ratio == 7.0
    assert "ratio" not in Without.params
    with pytest.raises(ParameterError, match="no parameter 'ratio'"):
        Without(ratio=3.0)


def test_parameter_of_what_is_no_plugin_says_where_it_belongs() -> None:
    class Bare:
        depth = Param(0.5)

    bare = Bare()
    says = r"Bare\.depth: Bare is no plugin, .*: derive it from rtstft\.Plugin"
    with pytest.raises(ParameterError, match=says):
        print(bare.depth)
    with pytest.raises(ParameterError, match=says):
        bare.depth = 0.25


def test_mixin_classes_bring_parameters() -> None:
    class Mixin:
        depth = Param(0.5)

    class Both(Mixin, Every):
        pass

    assert Both(depth=0.25).depth == 0.25
    assert "depth" in Both.params


@pytest.mark.parametrize(
    "travel", [copy.copy, copy.deepcopy, lambda plugin: pickle.loads(pickle.dumps(plugin))]
)
def test_copies_have_the_values_and_a_life_of_their_own(travel: Any) -> None:
    plugin = Sub(order=5, ratio=3)
    plugin.automate("level_db", [(0, -6), (1, -12)])
    processor = Processor(plugin, GEOMETRY)
    twin = travel(plugin)
    assert dict(twin.parameter_values) == dict(plugin.parameter_values)
    assert twin.params is Sub.params
    assert list(twin.parameter_values.curves) == ["level_db"]
    twin.automate("level_db", None)
    twin.automate("level_db", [(0, -6), (1, -12)])
    twin.order = 6
    twin.look_s = 0.5  # another plugin, not yet prepared
    assert plugin.order == 5
    Processor(twin, GEOMETRY, samplerate=1000).process(np.zeros((1000, 2), "float32"))
    assert twin.level_db == pytest.approx(-12, abs=0.2)
    processor.process(X)


def test_errors_name_the_class_that_has_inherited() -> None:
    plugin = Sub()
    attempts: list[tuple[Callable[[], object], str]] = [
        (lambda: Sub(mix=2), "Sub.mix=2, expected a number from 0 to 1"),
        (lambda: setattr(plugin, "bypass", "no"), "Sub.bypass='no', expected true or false"),
        (lambda: plugin.set(level_db=9), "Sub.level_db=9, expected a number from -60 to 0 dB"),
        (lambda: plugin.automate("mix", [(0, 2)]), "Sub.mix=2, expected a number from 0 to 1"),
        (lambda: plugin.automate("look_s", [(0, 1)]), "Sub.look_s is fixed: it cannot change with time"),
        (lambda: Sub.params["order"].parse("x"), "Sub.order=x, expected a whole number"),
        (lambda: Every(mix=2), "Every.mix=2, expected"),
        (lambda: Plugin(mix=2), "Plugin.mix=2, expected"),
    ]
    for attempt, says in attempts:
        with pytest.raises(ParameterError) as raised:
            attempt()
        assert str(raised.value).startswith(says)


def test_subclass_that_forgets_init_has_its_parameters() -> None:
    class Own(Every):
        def __init__(self, size: int, **params: Any) -> None:  # noqa: ARG002
            self.size = size

    assert Own(3).level_db == -6.0
    assert Own(3, level_db=-12).level_db == -12.0
    with pytest.raises(ParameterError, match=r"Own\.level_db=1, expected"):
        Own(3, level_db=1)


def test_plugin_of_two_processors_is_the_last_ones() -> None:
    plugin = Sub()
    first, second = Processor(plugin, GEOMETRY), Processor(plugin, GEOMETRY)
    second.process(X)
    with pytest.raises(PluginError, match=r"'Sub', frame 0: has been prepared for another Processor"):
        first.process(X)
    second.process(X)


def test_fixed_parameter_settles_when_prepared() -> None:
    plugin = Every(look_s=0.1)
    plugin.look_s = 0.2
    Processor(plugin, GEOMETRY)
    plugin.look_s = 0.2  # the same is no change
    with pytest.raises(ParameterError, match=r"Every\.look_s is fixed.*another plugin with look_s=0\.3"):
        plugin.look_s = 0.3
    with pytest.raises(ParameterError, match="fixed"):
        plugin.set(order=9, look_s=0.3)
    assert (plugin.order, plugin.look_s) == (2, 0.2)


def test_fixed_parameter_may_be_mended_after_prepare_refused_it() -> None:
    class Picky(Every):
        def prepare(self, context: Context) -> None:
            if self.look_s > context.hop_s:
                raise ValueError("too long")

    plugin = Picky(look_s=1.0)
    with pytest.raises(PluginError, match="prepare raised ValueError: too long"):
        Processor(plugin, GEOMETRY)
    plugin.look_s = 0.0
    Processor(plugin, GEOMETRY)


class Watcher(Plugin):
    """Lets another thread set things in the middle of a frame, and notes what is read."""

    level = Param(0.0)
    other = Param(0)

    def __init__(self) -> None:
        self.updates: list[tuple[float, int]] = []
        self.frames: list[set[tuple[float, int]]] = []
        self.within: Any = lambda: None

    def update(self) -> None:
        self.updates.append((self.level, self.other))

    def process(self, frame: Any) -> None:  # noqa: ARG002
        seen = {(self.level, self.other)}
        thread = threading.Thread(target=self.within)
        thread.start()
        thread.join()
        self.frames.append(seen | {(self.level, self.other)})


def test_what_another_thread_sets_within_a_frame_holds_from_the_next_on() -> None:
    plugin = Watcher()
    read: list[float] = []

    def within() -> None:
        plugin.level += 1
        read.append(plugin.level)

    plugin.within = within
    Processor(plugin, GEOMETRY).process(X[: 16 * 4])
    assert read == [1.0, 2.0, 3.0, 4.0]  # read after write
    assert plugin.frames == [{(0.0, 0)}, {(1.0, 0)}, {(2.0, 0)}, {(3.0, 0)}]
    assert plugin.updates == [(0.0, 0), (1.0, 0), (2.0, 0), (3.0, 0)]
    assert plugin.level == 4.0


def test_what_process_itself_sets_holds_from_the_next_frame_on() -> None:
    seen = []

    class Counts(Plugin):
        count = Param(0)

        def process(self, frame: Any) -> None:  # noqa: ARG002
            before = self.count
            self.count = before + 1
            seen.append((before, self.count))

    Processor(Counts(), GEOMETRY).process(X[:48])
    assert seen == [(0, 0), (1, 1), (2, 2)]


def test_values_set_together_are_never_parted_by_a_frame() -> None:
    plugin = Watcher()
    done = threading.Event()

    def turn() -> None:
        number = 0
        while not done.is_set():
            number += 1
            plugin.set(level=float(number), other=number)

    thread = threading.Thread(target=turn)
    thread.start()
    Processor(plugin, GEOMETRY).process(noise(16 * 300, 2, "float32"))
    done.set()
    thread.join()
    assert all(len(seen) == 1 for seen in plugin.frames)
    assert all(level == other for seen in plugin.frames for level, other in seen)
    assert len({level for seen in plugin.frames for level, _ in seen}) > 10


def test_update_is_called_when_and_only_when_something_changed() -> None:
    plugin = Watcher()
    processor = Processor(plugin, GEOMETRY)
    assert plugin.updates == [(0.0, 0)]
    processor.process(X[:64])
    plugin.level = 0.0
    processor.process(X[:64])
    assert len(plugin.updates) == 1
    plugin.level = 2.0
    plugin.level = 3.0
    processor.process(X[:64])
    assert plugin.updates == [(0.0, 0), (3.0, 0)]
    plugin.level = 4.0
    plugin.level = 3.0
    processor.process(X[:64])
    assert len(plugin.updates) == 2
    processor.reset()
    assert plugin.updates == [(0.0, 0), (3.0, 0), (3.0, 0)]
    processor.process(X[:64])
    assert len(plugin.updates) == 3


class Glider(Plugin):
    level = Param(0.0, smooth_s=0.05)

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.seen: list[float] = []
        self.updates = 0

    def update(self) -> None:
        self.updates += 1

    def process(self, frame: Any) -> None:  # noqa: ARG002
        self.seen.append(self.level)


@given(hop=st.sampled_from([8, 16, 24, 48]), samplerate=st.sampled_from([8000, 16_000, 48_000]))
def test_glide_has_its_time_constant_in_seconds_whatever_the_hop(hop: int, samplerate: int) -> None:
    plugin = Glider()
    processor = Processor(plugin, STFT(96, hop, 96), samplerate, channels=1)
    plugin.level = 2.0
    assert plugin.level == 2.0
    processor.process(np.zeros(samplerate, "float32"))
    time_s = np.arange(1, len(plugin.seen) + 1) * hop / samplerate
    expected = 2 * -np.expm1(-time_s / 0.05)
    assert np.abs(np.array(plugin.seen) - expected).max() < 2 * 1.1e-3  # it ends when it is that near
    assert plugin.seen[-1] == 2.0
    settled = plugin.seen.index(2.0) + 1
    assert plugin.updates == settled + 1  # and one after prepare


def test_glide_begins_at_what_was_set_before_the_stream_and_after_reset() -> None:
    plugin = Glider(level=1.0)
    processor = Processor(plugin, GEOMETRY)
    processor.process(X[:16])
    plugin.level = 3.0
    processor.process(X[:16])
    processor.reset()
    processor.process(X[:16])
    assert plugin.seen[0] == 1.0
    assert 1 < plugin.seen[1] < 3
    assert plugin.seen[2] == 3.0


def test_glide_turns_where_it_is() -> None:
    plugin = Glider()
    processor = Processor(plugin, GEOMETRY, samplerate=16_000)
    plugin.level = 1.0
    processor.process(X[:320])
    plugin.level = 0.0
    processor.process(X[:320])
    steps = np.diff([0.0, *plugin.seen])
    assert (steps[:20] > 0).all()
    assert (steps[20:] < 0).all()
    assert np.abs(steps).max() < 0.02
