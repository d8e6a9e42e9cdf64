"""Automation: which value a parameter has at which time, in any geometry and however the input is cut."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import geometries, noise, partitions, quiet_stft, streamed

from rtstft import STFT, Chain, FrameInfo, Param, ParameterError, Plugin, PluginError, Processor

GEOMETRY = STFT(64, 16, 48)
X = noise(800, 1, "float32")


class Follower(Plugin):
    """Notes what its parameters are, and scales."""

    level = Param(0.0, min=-100.0, max=100.0)
    count = Param(0)
    active = Param(False)
    shape = Param("round", choices=("round", "square"))
    slow = Param(0.0, smooth_s=0.1)
    fixed = Param(0.0, fixed=True)

    def __init__(self, look: int = 0) -> None:
        self.lookahead = look
        self.seen: list[tuple[Any, ...]] = []

    def process(self, frame: Any, info: FrameInfo) -> None:
        self.seen.append((info.position, self.level, self.count, self.active, self.shape, self.slow))
        frame *= self.level


def levels(plugin: Follower, geometry: STFT, x: Any = X, samplerate: float = 1000) -> list[float]:
    Processor(plugin, geometry, samplerate, channels=1).process(x)
    return [level for _, level, *_ in plugin.seen]


@given(geometry=geometries(longest=80), samplerate=st.sampled_from([1000, 44_100]))
def test_time_is_that_of_the_samples_in_the_frames_middle(geometry: STFT, samplerate: int) -> None:
    plugin = Follower()
    plugin.automate("level", lambda time_s: time_s)
    seen = levels(plugin, geometry, X, samplerate)
    analysis = geometry.analysis_window
    share = analysis * geometry.synthesis_window[: len(analysis)]
    middle = np.arange(len(share)) @ share / share.sum()
    expected = [max(0.0, (position + middle) / samplerate) for position, *_ in plugin.seen]
    assert seen == pytest.approx(expected)


@pytest.mark.parametrize(
    "geometry",
    [
        STFT(64, 16),
        STFT(256, 64),
        STFT(128, 16, 96),
        STFT(512, 64, 512, synthesis="ola"),
        quiet_stft(512, 32, 512, window=("low_delay", 128), synthesis=("low_delay", 128)),
    ],
    ids=str,
)
@pytest.mark.parametrize("look", [0, 3])
def test_a_step_is_heard_at_its_time_whatever_the_geometry_and_lookahead(geometry: STFT, look: int) -> None:
    class Late(Follower):
        """Delays by its lookahead."""

        def process(self, frame: Any, info: FrameInfo) -> Any:  # noqa: ARG002
            frames.append(frame.copy())
            return frames.pop(0) * self.level

    frames: list[Any] = [np.zeros((1, geometry.bins), complex)] * look
    plugin = Late(look)
    plugin.automate("level", [(0.9999, 0), (1.0, 1)])
    processor = Processor(plugin, geometry, samplerate=2000, channels=1, dtype="float64")
    y = streamed(processor, np.ones(4000))[processor.latency :]
    reached = np.flatnonzero(y > 0.5)[0]
    assert abs(reached - 2000) <= geometry.hop_length / 2 + 1
    assert y[3000] == pytest.approx(1)


def test_before_the_stream_it_is_the_beginning() -> None:
    plugin = Follower()
    plugin.automate("level", lambda time_s: {0.0: 5.0}.get(time_s, 1.0))
    assert levels(plugin, STFT(64, 8))[:5] == [5.0] * 4 + [1.0]


def at(course: Any, name: str, time_s: float) -> Any:
    plugin = Follower()
    plugin.automate(name, course)
    return plugin.parameter_values.curves[name](time_s)


@pytest.mark.parametrize(
    ("time_s", "value"),
    [(-1, 2.0), (0, 2.0), (1, 2.0), (1.5, 0.0), (2, -2.0), (2.5, 4.0), (3, 10.0), (9, 10.0)],
)
def test_breakpoints_of_numbers_are_joined_by_lines(time_s: float, value: float) -> None:
    assert at([(1, 2), (2, -2), (3, 10)], "level", time_s) == value


@pytest.mark.parametrize(
    ("time_s", "value"), [(0, 1), (1.2, 1), (1.3, 2), (1.9, 3), (2, 3), (2.4, 1), (3, -3)]
)
def test_whole_numbers_are_rounded_on_the_way(time_s: float, value: int) -> None:
    result = at([(1, 1), (2, 3), (3, -3)], "count", time_s)
    assert result == value
    assert type(result) is int


@pytest.mark.parametrize(("time_s", "value"), [(0, False), (1, False), (1.999, False), (2, True), (3, False)])
def test_bools_step(time_s: float, value: bool) -> None:
    assert at([(1, False), (2, True), (3, False)], "active", time_s) is value


def test_choices_step() -> None:
    course = iter([(0, "round"), (0.5, "square")])
    assert [at(course, "shape", 0.49)] == ["round"]
    assert at([(0, "round"), (0.5, "square")], "shape", 0.5) == "square"


@given(
    values=st.lists(st.floats(-100, 100), min_size=2, max_size=5),
    time_s=st.floats(0, 5),
    gaps=st.lists(st.floats(1e-6, 1), min_size=5, max_size=5),
)
def test_lines_never_leave_the_limits(values: list[float], time_s: float, gaps: list[float]) -> None:
    times = np.cumsum(gaps)[: len(values)]
    value = at(zip(times, values), "level", time_s)
    assert min(values) <= value <= max(values)


def test_all_of_it_reaches_the_frames() -> None:
    plugin = Follower()
    plugin.automate("count", lambda time_s: int(time_s * 10))
    plugin.automate("active", [(0, False), (0.4, True)])
    plugin.automate("shape", [(0, "square"), (0.4, "round")])
    levels(plugin, GEOMETRY)
    for position, _, count, active, shape, _ in plugin.seen:
        time_s = max(0, position + 24) / 1000
        assert (count, active, shape) == (
            int(time_s * 10),
            time_s >= 0.4,
            "square" if time_s < 0.4 else "round",
        )


def test_smoothed_parameter_glides_after_its_course() -> None:
    plugin = Follower()
    plugin.automate("slow", [(0, 0), (0.2, 0), (0.2001, 1)])
    levels(plugin, GEOMETRY)
    times = np.array([position + 24 for position, *_ in plugin.seen]) / 1000
    slow = np.array([row[-1] for row in plugin.seen])
    first = np.flatnonzero(slow)[0]
    assert 0.2 <= times[first] <= 0.2 + 0.016
    expected = -np.expm1(-(times[first:] - times[first] + 0.016) / 0.1)
    assert np.abs(slow[first:] - expected).max() < 2e-3


def test_reset_begins_anew_and_none_lets_go() -> None:
    plugin = Follower()
    plugin.automate("level", [(0, 1), (1, 3)])
    processor = Processor(plugin, GEOMETRY, 1000, channels=1)
    processor.process(X[:400])
    first = [row[1] for row in plugin.seen]
    plugin.seen.clear()
    processor.reset()
    processor.process(X[:400])
    assert [row[1] for row in plugin.seen] == first
    plugin.automate("level", None)
    processor.process(X[:32])
    assert [row[1] for row in plugin.seen[-2:]] == [first[-1]] * 2
    assert plugin.level == first[-1]
    plugin.level = 7.0
    processor.process(X[:32])
    assert plugin.seen[-1][1] == 7.0


def test_whole_number_follows_a_function_rounded() -> None:
    plugin = Follower()
    plugin.automate("count", lambda time_s: 2.5 + 10 * time_s)
    levels(plugin, GEOMETRY)
    found = [count for _, _, count, *_ in plugin.seen]
    assert (found[0], found[-1]) == (2, 10)
    assert {type(count) for count in found} == {int}
    plugin.automate("count", lambda _: -(2**53) - 1)
    levels(plugin, GEOMETRY)
    assert plugin.count == -(2**53) - 1


def test_mix_and_bypass_can_be_automated() -> None:
    plugin = Follower()
    plugin.automate("bypass", [(0, True), (0.4, False)])
    y = streamed(Processor(plugin, GEOMETRY, 1000, channels=1), X)
    late = Processor([], GEOMETRY).latency
    assert np.array_equal(
        y[late : late + 300], streamed(Processor([], GEOMETRY, channels=1), X)[late : late + 300]
    )
    assert not y[late + 600 : late + 800].any()


@pytest.mark.parametrize(
    ("name", "course", "says"),
    [
        ("lvl", [(0, 1)], "Follower has no parameter 'lvl'; it has level"),
        ("fixed", [(0, 1)], "Follower.fixed is fixed: it cannot change with time"),
        ("level", 3.0, r"Follower.level is automated with 3\.0, expected a function or breakpoints"),
        ("level", [], r"breakpoints at \[\] s, expected one or more"),
        ("level", [3], r"breakpoint 3, expected \(time_s, value\)"),
        ("level", [(0, 1, 2)], r"breakpoint \(0, 1, 2\), expected"),
        ("level", [("soon", 1)], r"breakpoint \('soon', 1\), expected"),
        ("level", [(0, 1), (0, 2)], r"breakpoints at \[0\.0, 0\.0\] s, expected one or more, each later"),
        ("level", [(1, 1), (0, 2)], "each later"),
        ("level", [(float("nan"), 1)], "each later"),
        ("level", [(0, 101)], r"Follower.level=101, expected a number from -100 to 100"),
        ("shape", [(0, "oval")], "shape='oval', expected one of"),
        ("level", lambda _: 101, "level=101, expected"),
        ("level", lambda _: None, "level=None, expected"),
        (
            "level",
            lambda: 0,
            r"Follower.level is automated with <function .*raised TypeError at 0 s: .*seconds",
        ),
        ("level", lambda time_s: 1 / time_s, "raised ZeroDivisionError at 0 s: .*division by zero"),
        ("count", lambda _: "2", "count='2', expected a whole number"),
        ("count", lambda _: float("nan"), "count=nan, expected a whole number"),
        ("count", [(0, 2.5)], r"count=2\.5, expected a whole number"),
    ],
    ids=repr,
)
def test_course_that_is_none_is_refused(name: str, course: Any, says: str) -> None:
    plugin = Follower()
    with pytest.raises(ParameterError, match=says):
        plugin.automate(name, course)
    assert not plugin.parameter_values.curves


def test_course_that_fails_later_is_named_with_its_frame() -> None:
    courses: list[Callable[[float], Any]] = [
        lambda t: 1 / (0.2 - t) and 1.0 if t < 0.2 else 1 / 0,
        lambda t: t * 500,
    ]
    for course, says in zip(courses, ["ZeroDivisionError", r"level=\d+\.\d+, expected"]):
        plugin = Follower()
        plugin.automate("level", course)
        with pytest.raises(PluginError, match=rf"Follower.*frame 1[34].*{says}"):
            levels(plugin, GEOMETRY)


@given(data=st.data(), geometry=geometries(longest=60), look=st.integers(0, 2), smooth=st.booleans())
def test_output_does_not_depend_on_the_blocks(
    data: st.DataObject, geometry: STFT, look: int, smooth: bool
) -> None:
    def made() -> Processor:
        plugin = Follower(look)
        plugin.automate("slow" if smooth else "level", lambda time_s: 50 * time_s)
        plugin.automate("level", [(0.1, 0), (0.3, 1), (0.4, -1)])
        plugin.automate("mix", [(0.2, 1), (0.5, 0)])
        return Processor(plugin, geometry, 1000, channels=1)

    assert np.array_equal(streamed(made(), X, data.draw(partitions(len(X)))), streamed(made(), X))


def test_newcomer_stands_where_its_course_is_by_then() -> None:
    chain = Chain()
    processor = Processor(chain, GEOMETRY, 1000, channels=1)
    processor.process(X[:160])
    plugin = Follower()
    plugin.automate("slow", [(0.0, 0.0), (0.1, 3.0)])
    chain.append(plugin)
    processor.process(X[160:320])
    assert [slow for *_, slow in plugin.seen] == [3.0] * len(plugin.seen)
    assert plugin.seen
