"""Chains: lists of callbacks that change while frames pass through them."""

import copy
import gc
import pickle
import threading
from collections.abc import Callable
from typing import Any
from weakref import ref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from strategies import live_engine, noise, streamed

from rtstft import STFT, Chain, Context, FrameInfo, ParameterError, Plugin, PluginError, Processor
from rtstft.delay import FrameDelay
from rtstft.errors import PluginWarning
from rtstft.live.events import EventLog
from rtstft.plugins.gain import Gain

GEOMETRY = STFT(64, 16, 64)
SAMPLERATE = 4000
SETTLED = 16 * (4 + 8 + 8 + 6)  # samples after which a change is complete, probation and windows included
ONES = np.ones((SETTLED, 1))


class Times(Plugin):
    """Multiplies by a number, `look` frames later."""

    def __init__(self, factor: float, look: int = 0) -> None:
        self.factor = factor
        self.look = look
        self.prepared = 0
        self.indexes: list[int] = []

    def prepare(self, context: Context) -> None:
        self.prepared += 1
        self.lookahead = self.look
        shape = (context.channels, context.stft.bins)
        self._delay = FrameDelay(self.look, shape, context.complex_dtype)

    def process(self, frame: Any, info: FrameInfo) -> None:
        self.indexes.append(info.index)
        np.multiply(self._delay.push(frame), self.factor, out=frame)

    def reset(self) -> None:
        self._delay.reset()


class Bad(Times):
    """Fails at its frames from `first` on."""

    def __init__(self, how: str, first: int = 0) -> None:
        super().__init__(5.0)
        self.how = how
        self.first = first
        self.count = 0

    def process(self, frame: Any, info: FrameInfo) -> Any:
        self.count += 1
        if self.count <= self.first:
            return super().process(frame, info)
        if self.how == "raises":
            raise ValueError("no good")
        if self.how == "shape":
            return frame[:, 1:]
        frame[0, 3] = np.nan
        return None


def made(*callbacks: Any) -> tuple[Chain, Processor]:
    chain = Chain(callbacks)
    return chain, Processor(chain, GEOMETRY, SAMPLERATE, channels=1, dtype="float64")


def level(processor: Processor) -> float:
    """Gain of the row once changes are complete."""
    assert len(processor.process(ONES))
    return float(processor.process(ONES)[-1, 0])


def test_it_is_a_list() -> None:
    a, b, c, d = (Times(n) for n in range(4))
    chain = Chain([a, b])
    chain.append(c)
    chain.insert(1, d)
    assert list(chain) == [a, d, b, c]
    assert chain[1] is d
    assert chain[-1] is c
    assert chain[1:3] == [d, b]
    assert len(chain) == 4
    assert b in chain
    assert chain.index(b) == 2
    chain.remove(d)
    assert chain.pop() is c
    chain.reverse()
    assert list(chain) == [b, a]
    chain[0] = d
    chain[1:] = [a, b, c]
    assert list(chain) == [d, a, b, c]
    chain.reorder([3, 0, 1, 2])
    assert list(chain) == [c, d, a, b]
    del chain[1:3]
    chain += [d]
    assert list(chain) == [c, b, d]
    assert repr(Chain([Gain()])) == "Chain([Gain()])"
    chain.clear()
    assert not chain
    with pytest.raises(IndexError):
        chain.pop()


def test_copies_are_chains_of_copies() -> None:
    items: list[Any] = [Gain(gain_db=-3), Chain([Gain()])]
    chain: Any = Chain(items)
    made(chain)
    for twin in (copy.deepcopy(chain), pickle.loads(pickle.dumps(chain))):
        assert twin[0].gain_db == -3
        assert twin[0] is not chain[0]
        assert isinstance(twin[1], Chain)


@pytest.mark.parametrize("order", [[0], [0, 0], [0, 2], [0, 1, 2]])
def test_order_that_is_none_is_refused(order: list[int]) -> None:
    chain = Chain([Times(1), Times(2)])
    with pytest.raises(ParameterError, match="expected each index from 0 to 1 once"):
        chain.reorder(order)


def test_twins_are_refused_and_the_chain_stays() -> None:
    a, b = Times(2), Times(3)
    with pytest.raises(ParameterError, match="Times stands twice in the row, expected two instances"):
        Chain([a, a])
    with pytest.raises(ParameterError, match="Times stands twice"):
        Chain([a, Chain([b, Chain([a])])])
    with pytest.raises(ParameterError, match="Chain stands twice"):
        Chain([alone := Chain([a]), Chain([alone])])
    chain, processor = made(a, Chain([b]))
    changes: list[Callable[[], Any]] = [
        lambda: chain.append(a),
        lambda: chain.append(b),
        lambda: chain.extend([Times(7), b]),
    ]
    for change in changes:
        with pytest.raises(ParameterError, match="twice"):
            change()
        assert len(chain) == 2
    inner = chain[1]
    assert isinstance(inner, Chain)
    with pytest.raises(ParameterError, match="twice"):
        inner.append(a)
    assert list(inner) == [b]
    assert level(processor) == pytest.approx(6)
    with pytest.raises(ParameterError, match="twice"):
        Processor([chain, a], GEOMETRY)


def test_functions_may_stand_twice() -> None:
    def double(frame: Any) -> None:
        frame *= 2

    chain, processor = made(double, double)
    assert level(processor) == pytest.approx(4)
    chain.append(double)
    assert level(processor) == pytest.approx(8)
    del chain[:2]
    assert level(processor) == pytest.approx(2)


def test_chain_within_itself_is_refused() -> None:
    chain = Chain()
    outer = Chain([chain])
    changes: list[Callable[[], Any]] = [lambda: chain.append(chain), lambda: chain.append(outer)]
    for change in changes:
        with pytest.raises(ParameterError, match="a chain stands in itself"):
            change()
        assert not chain


def test_nested_chains_are_followed_also_those_that_come_later() -> None:
    inner = Chain([Times(2)])
    chain, processor = made(Times(3), inner)
    assert level(processor) == pytest.approx(6)
    inner.append(Times(5))
    assert level(processor) == pytest.approx(30)
    later = Chain()
    inner.append(later)
    later.append(Times(7))
    assert level(processor) == pytest.approx(210)
    del chain[1]
    assert level(processor) == pytest.approx(3)
    inner.append(Times(100))
    assert level(processor) == pytest.approx(3)


def test_chain_beside_other_callbacks() -> None:
    # Type checkers see these too: nested chains are callbacks as others are.
    inner = Chain()
    deep = Chain([Chain([Times(7), Chain()]), lambda frame: frame * 11])
    processor = Processor(
        [Times(2), inner, Times(3), deep], GEOMETRY, SAMPLERATE, channels=1, dtype="float64"
    )
    inner.append(Times(5))
    assert level(processor) == pytest.approx(2 * 3 * 5 * 7 * 11)
    inner.insert(0, Chain([Times(13)]))
    assert level(processor) == pytest.approx(2 * 3 * 5 * 7 * 11 * 13)


def test_two_processors_follow_one_chain_and_none_is_kept_alive() -> None:
    chain, first = made()
    second = Processor(chain, GEOMETRY, channels=1, dtype="float64")
    chain.append(lambda frame: frame * 2)
    assert level(first) == level(second) == pytest.approx(2)
    del second
    gc.collect()
    assert len(list(chain._followers)) == 1


@pytest.mark.parametrize("change", ["insert", "append", "replace", "remove", "reorder"])
def test_change_before_the_first_frame_is_immediate(change: str) -> None:
    chain, processor = made(Times(2), Times(3))
    newcomer = Times(0.5)
    changes: dict[str, Callable[[], Any]] = {
        "insert": lambda: chain.insert(0, newcomer),
        "append": lambda: chain.append(newcomer),
        "replace": lambda: chain.__setitem__(0, newcomer),
        "remove": lambda: chain.pop(),
        "reorder": lambda: chain.reverse(),
    }
    changes[change]()
    x = noise(500, 1, "float64")
    fresh = Processor(
        [Times(callback.factor) for callback in chain if isinstance(callback, Times)],
        GEOMETRY,
        channels=1,
        dtype="float64",
    )
    assert np.array_equal(streamed(processor, x), streamed(fresh, x))
    if newcomer in chain:
        assert newcomer.indexes[:3] == [0, 1, 2]


CHANGES: dict[str, tuple[list[float], Callable[[Chain], Any], float]] = {
    "append": ([2], lambda chain: chain.append(Times(3)), 6),
    "insert": ([2, 5], lambda chain: chain.insert(1, Times(3)), 30),
    "to an empty one": ([], lambda chain: chain.append(Times(3)), 3),
    "replace": ([2, 5], lambda chain: chain.__setitem__(0, Times(3)), 15),
    "replace by two": ([2, 5], lambda chain: chain.__setitem__(slice(0, 1), [Times(3), Times(4)]), 60),
    "remove": ([2, 5], lambda chain: chain.pop(0), 5),
    "clear": ([2, 5], lambda chain: chain.clear(), 1),
    "replace all": ([2, 5], lambda chain: chain.__setitem__(slice(None), [Times(3), Times(7)]), 21),
}


@pytest.mark.parametrize(("factors", "change", "expected"), CHANGES.values(), ids=CHANGES)
def test_change_while_frames_pass_is_crossfaded(
    factors: list[float], change: Callable[[Chain], Any], expected: float
) -> None:
    chain, processor = made(*map(Times, factors))
    before = float(np.prod(factors))
    assert level(processor) == pytest.approx(before)
    change(chain)
    y = np.concatenate([processor.process(ONES), processor.process(ONES)])[:, 0]
    assert y[:16] == pytest.approx(before)
    assert y[-1] == pytest.approx(expected)
    steps = np.abs(np.diff(y))
    assert steps.max() < 0.07 * max(abs(expected - before), max(before, expected) - 1)
    assert y.min() > min(before, expected) - 1e-9
    assert all(stage.settled for stage in processor._row.stages)


def test_newcomer_sees_the_streams_frame_numbers() -> None:
    chain, processor = made(Times(1, look=2))
    processor.process(ONES[:80])
    newcomer = Times(1)
    chain.append(newcomer)
    processor.process(ONES[:32])
    assert newcomer.indexes == [3, 4]


def test_reorder_is_heard() -> None:
    def cut(frame: Any) -> None:
        np.clip(frame.real, None, 1, out=frame.real)

    chain, processor = made(Times(0.01), cut)
    soft = level(processor)
    chain.reverse()
    assert level(processor) < soft / 2


@settings(max_examples=60)
@given(
    looks=st.lists(st.integers(0, 3), min_size=2, max_size=5),
    data=st.data(),
    live=st.booleans(),
)
def test_reordered_while_frames_are_held_back_each_passes_each_plugin_once(
    looks: list[int], data: st.DataObject, live: bool
) -> None:
    row = [Times(1 if look else 2, look) for look in looks]
    chain: Any = Chain(row)
    processor = live_engine(chain, GEOMETRY, EventLog()) if live else Processor(chain, GEOMETRY, channels=1)
    x = noise(1200, 1, "float32")
    parts, done, overtaken = [], 0, False
    orders = st.permutations(range(len(row)))
    for order, size in data.draw(st.lists(st.tuples(orders, st.integers(1, 120)), max_size=8)):
        before = [plugin for plugin in chain if plugin.look]
        chain.reorder(order)
        overtaken |= done >= 16 and [plugin for plugin in chain if plugin.look] != before
        parts.append(processor.process(x[done : done + size]))
        done += size
    parts.append(processor.process(x[done:]))
    y = np.concatenate(parts)[processor.lookahead :]
    expected = streamed(Processor([], GEOMETRY, channels=1), x)[: len(y)] * np.float32(2 ** looks.count(0))
    for plugin in row:
        assert len(set(plugin.indexes)) == len(plugin.indexes)
        if not plugin.look and not overtaken:
            assert {*range(len(x) // 16 - sum(looks))} <= {*plugin.indexes}
    # What those that overtake each other held back is bridged over with the gains that there were.
    assert y == pytest.approx(expected, abs=1e-4) if overtaken else np.array_equal(y, expected)


@settings(max_examples=30)
@given(after=st.lists(st.integers(0, 12), min_size=2, max_size=2), look=st.integers(0, 2))
def test_those_that_change_places_may_go_meanwhile(after: list[int], look: int) -> None:
    chain, processor = made(Times(0.1, look), Times(2), np.conj)
    x = noise(3 * SETTLED, 1, "float64")
    processor.process(x[:100])
    chain.reorder([2, 1, 0])
    processor.process(x[: 16 * after[0]])
    del chain[:2]
    processor.process(x[: 16 * after[1]])
    chain.clear()
    y = np.concatenate([processor.process(x), processor.flush()])
    plain = streamed(Processor([], GEOMETRY, channels=1, dtype="float64"), x)
    assert y[SETTLED + 16 * look : -100] == pytest.approx(plain[SETTLED:-100], abs=1e-9)


@pytest.mark.parametrize("before", range(1, 14))
@pytest.mark.parametrize("meanwhile", range(7))
def test_what_comes_goes_and_comes_back_stays(before: int, meanwhile: int) -> None:
    chain, processor = made()
    double = Times(2)
    processor.process(ONES[:320])
    chain.append(double)
    processor.process(ONES[: 16 * before])
    chain.remove(double)
    processor.process(ONES[: 16 * meanwhile])
    chain.append(double)
    processor.process(ONES)
    assert level(processor) == pytest.approx(2)
    assert list(chain) == [double]


def test_of_many_replacements_the_last_is_heard_soon() -> None:
    chain, processor = made(Times(1))
    processor.process(ONES)
    went = []
    for factor in range(2, 60):
        processor.process(ONES[:48])
        chain[0] = newcomer = Times(factor)
        went.append(ref(newcomer))
        del newcomer
    y = processor.process(np.tile(ONES, (2, 1)))
    assert y[-1] == pytest.approx(59)
    gc.collect()
    assert sum(plugin() is not None for plugin in went) == 1


def test_latency_stays_and_lookahead_that_goes_leaves_its_delay() -> None:
    x = noise(3 * SETTLED, 1, "float64")
    chain, processor = made(Times(1, look=3), Times(2))
    latency = processor.latency
    processor.process(x[:SETTLED])
    del chain[0]
    y = np.concatenate([processor.process(x[SETTLED:]), processor.flush()])
    assert processor.latency == latency
    plain = Processor([Times(2)], GEOMETRY, channels=1, dtype="float64")
    expected = streamed(plain, x)[SETTLED - 3 * 16 :]
    assert np.array_equal(y[SETTLED:], expected[SETTLED:])


@pytest.mark.parametrize("look", [0, 1, 3])
def test_replaced_stage_keeps_the_latency(look: int) -> None:
    x = noise(3 * SETTLED, 1, "float64")
    chain, processor = made(Times(2, look=3), Times(1))
    processor.process(x[:SETTLED])
    chain[0] = Times(5, look=look)
    y = processor.process(x[SETTLED:])
    same = Processor([Times(5, look=3), Times(1)], GEOMETRY, channels=1, dtype="float64").process(x)
    assert np.array_equal(y[SETTLED:], same[2 * SETTLED :])


def test_lookahead_that_would_add_latency_is_refused() -> None:
    chain, processor = made(Times(2, look=1))
    level(processor)
    changes: list[Callable[[], Any]] = [
        lambda: chain.append(Times(3, look=1)),
        lambda: chain.__setitem__(0, Times(3, look=2)),
        lambda: chain.extend([Times(7), Times(3, look=1)]),
    ]
    for change in changes:
        with pytest.raises(
            PluginError, match=r"Times.*looks \d frames ahead, but a stream.*make a new stream"
        ):
            change()
        assert len(chain) == 1
        assert level(processor) == pytest.approx(2)
    with pytest.raises(PluginError, match="here there are 1"):
        chain[0] = Times(3, look=2)


def test_delay_that_was_left_is_used_again() -> None:
    chain, processor = made(Times(2, look=2), Times(3))
    level(processor)
    del chain[0]
    assert level(processor) == pytest.approx(3)
    chain.insert(0, Times(5, look=2))
    assert level(processor) == pytest.approx(15)
    assert processor._row.lookahead == 2


@pytest.mark.parametrize("how", ["raises", "nan", "shape"])
@pytest.mark.parametrize("first", [0, 2, 6])
def test_newcomer_that_fails_is_sent_away_and_reported(how: str, first: int) -> None:
    old = Times(2)
    changes: list[tuple[Callable[[Chain, Any], Any], list[Any]]] = [
        (lambda chain, bad: chain.__setitem__(0, bad), [old]),
        (lambda chain, bad: chain.append(bad), [old]),
        (lambda chain, bad: chain.__setitem__(slice(None), [bad]), [old]),
    ]
    for change, stays in changes:
        chain, processor = made(old)
        processor.process(ONES)
        change(chain, Bad(how, first))
        assert len(chain) > 1 or chain[0] is not old
        with pytest.warns(PluginWarning, match=rf"Bad.*frame {len(ONES) // 16 + first}: .*goes on"):
            y = processor.process(ONES)
        assert list(chain) == stays
        if first < 4:
            assert y[48:] == pytest.approx(2)
        chain.append(Times(3))
        assert level(processor) == pytest.approx(6)


@pytest.mark.parametrize("how", ["raises", "nan", "shape"])
@pytest.mark.parametrize("first", [0, 2])
@pytest.mark.parametrize("after_reset", [False, True])
def test_newcomer_that_fails_at_the_start_is_sent_away(how: str, first: int, *, after_reset: bool) -> None:
    old = Times(2)
    chain, processor = made(old)
    if after_reset:
        processor.process(ONES)
    chain[0] = Bad("raises")
    chain[0] = Bad(how, first)
    if after_reset:
        processor.reset()
    with pytest.warns(PluginWarning, match=rf"Bad.*frame {first}: .*goes on"):
        y = processor.process(ONES)
    assert list(chain) == [old]
    assert y[-200:] == pytest.approx(2)
    assert level(processor) == pytest.approx(2)


def test_row_that_stands_idle_keeps_nothing_of_what_went() -> None:
    chain, processor = made(Times(2))
    gone = []
    for _ in range(5):
        chain[0] = Times(3)
        chain.append(Times(4))
        gone += [ref(chain[0]), ref(chain[1])]
        del chain[1]
    chain[0] = Times(5)
    gc.collect()
    assert not any(plugin() for plugin in gone)
    assert level(processor) == pytest.approx(5)


def test_newcomer_behind_another_that_fails_comes_in() -> None:
    chain, processor = made(Times(2))
    level(processor)
    chain[0] = Bad("raises")
    chain[0] = good = Times(3)
    with pytest.warns(PluginWarning, match="Bad"):
        assert level(processor) == pytest.approx(3)
    assert list(chain) == [good]


def test_prepare_that_fails_is_raised_and_changes_nothing() -> None:
    class Unready(Times):
        def prepare(self, context: Context) -> None:  # noqa: ARG002
            raise ValueError("no table")

    chain, processor = made(lambda frame: frame * 2)
    other = Processor(chain, GEOMETRY, SAMPLERATE, channels=1, dtype="float64")
    level(processor)
    changes: list[Callable[[], Any]] = [
        lambda: chain.append(Unready(3)),
        lambda: chain.__setitem__(0, Unready(3)),
    ]
    for change in changes:
        with pytest.raises(PluginError, match=r"Unready.*prepare raised ValueError: no table"):
            change()
        assert len(chain) == 1
        assert level(processor) == pytest.approx(2)
    assert level(other) == pytest.approx(2)


def test_error_is_named_by_plugin_and_its_own_frame() -> None:
    chain, processor = made(Times(1, look=2), Times(1))
    level(processor)
    chain[1] = Bad("raises", first=40)
    processor.process(ONES)
    with pytest.raises(PluginError, match=r"Bad.*no good") as caught:
        processor.process(ONES)
    assert caught.value.callback == "Bad"
    assert caught.value.frame == 2 * SETTLED // 16 + 40 - 2


@pytest.mark.parametrize("frames", [0, 2, 8, 30])
def test_going_back_is_faded_too(frames: int) -> None:
    old = Times(2)
    ways: list[tuple[Callable[[Chain], Any], Callable[[Chain], Any]]] = [
        (lambda chain: chain.__setitem__(0, Times(6)), lambda chain: chain.__setitem__(0, old)),
        (lambda chain: chain.remove(old), lambda chain: chain.append(old)),
    ]
    for there, back in ways:
        chain, processor = made(old)
        processor.process(ONES)
        prepared = old.prepared
        there(chain)
        y = [processor.process(ONES[: 16 * frames])]
        back(chain)
        y += [processor.process(ONES), processor.process(ONES)]
        heard = np.concatenate(y)[:, 0]
        assert np.abs(np.diff(heard)).max() < 0.07 * 4
        assert heard[-1] == pytest.approx(2)
        if frames <= 2:  # it has not been heard yet
            assert heard == pytest.approx(2)
        assert list(chain) == [old]
        assert old.prepared == prepared + (frames == 30)


def test_coming_back_after_two_others_is_faded_again() -> None:
    chain, processor = made(Times(4))
    processor.process(ONES)
    chain[0] = first = Times(2)
    assert level(processor) == pytest.approx(2)
    parts = []
    for plugin in (Times(4), Times(6), first):
        chain[0] = plugin
        parts.append(processor.process(ONES))
    y = np.concatenate(parts)[:, 0]
    assert y.max() == pytest.approx(6)
    assert np.abs(np.diff(y)).max() < 0.07 * 4
    assert y[-1] == pytest.approx(2)


class Flaky(Times):
    """Fails at one frame, when it is told to."""

    fails = False
    resets = 0

    def process(self, frame: Any, info: FrameInfo) -> None:
        failing, self.fails = self.fails, False
        if failing:
            raise ValueError("once")
        super().process(frame, info)

    def reset(self) -> None:
        self.resets += 1
        super().reset()


def test_one_that_failed_as_it_came_back_begins_anew() -> None:
    flaky = Flaky(4)
    chain = Chain([flaky])
    engine = live_engine(chain, GEOMETRY, EventLog(), SAMPLERATE)
    ones = ONES.astype(np.float32)
    engine.process(ones)
    chain[0] = Times(2)
    while (y := engine.process(ones[:16]))[-1] > 3.5:
        pass
    assert y[-1] > 2.5  # in the middle of its fade
    chain[0] = flaky
    flaky.fails = True
    engine.process(ones[:16])
    assert engine.callback_errors == 1
    assert np.concatenate([engine.process(ones) for _ in range(4)])[-1] == pytest.approx(4)
    assert flaky.resets == 1


def test_taken_out_and_put_elsewhere() -> None:
    a, b = Times(2), Times(3)
    chain, processor = made(a, b)
    processor.process(ONES)
    chain.append(chain.pop(0))
    assert list(chain) == [b, a]
    assert level(processor) == pytest.approx(6)
    assert a.prepared == 1
    chain[0] = Times(5)
    with pytest.raises(ParameterError, match=r"Times still fades out at another place: .*reorder"):
        chain.append(b)
    assert level(processor) == pytest.approx(10)
    chain.append(b)
    assert level(processor) == pytest.approx(30)


def test_put_elsewhere_before_the_first_frame() -> None:
    a, b, c = Times(2), Times(3), Times(5)
    chain, processor = made(a, b)
    chain[0] = c
    chain.append(a)
    chain.append(chain.pop(0))
    assert list(chain) == [b, a, c]
    assert level(processor) == pytest.approx(30)


def test_change_from_within_a_callback() -> None:
    chain, processor = made()
    newcomer = Times(3)

    def changes(_: Any, info: FrameInfo) -> None:
        if info.index == 5:
            chain.append(newcomer)

    chain.append(changes)
    assert level(processor) == pytest.approx(3)
    assert newcomer.indexes[0] == 6


def test_change_from_within_prepare_is_refused() -> None:
    class Greedy(Times):
        def prepare(self, context: Context) -> None:
            super().prepare(context)
            chain.append(Times(1))

    chain, processor = made()
    with pytest.raises(PluginError, match="the chain is being changed already"):
        chain.append(Greedy(2))
    assert not chain
    assert level(processor) == pytest.approx(1)


def test_change_of_the_stage_that_runs_from_within_its_callbacks() -> None:
    chain, processor = made(Times(2))
    last = Times(7)

    class Restless(Times):
        def process(self, frame: Any, info: FrameInfo) -> None:
            super().process(frame, info)
            if len(self.indexes) in (2, 7):
                chain[0] = Times(5) if len(self.indexes) == 2 else last

    processor.process(ONES)
    chain[0] = Restless(3)
    level(processor)
    there: Any = chain[0]
    assert there.factor in (5, 7)
    assert level(processor) == pytest.approx(there.factor)


def test_changes_from_other_threads() -> None:
    chain, processor = made()
    failures: list[BaseException] = []
    done = threading.Event()

    def change(seed: int) -> None:
        random = np.random.default_rng(seed)
        own: list[Times] = []
        try:
            while not done.is_set():
                if own and random.random() < 0.5:
                    chain.remove(own.pop(int(random.integers(len(own)))))
                else:
                    own.append(Times(1.0))
                    chain.insert(int(random.integers(3)), own[-1])
                done.wait(0.001)
            for plugin in own:
                chain.remove(plugin)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=change, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    processor.process(ONES)
    for _ in range(60):
        assert processor.process(ONES[:160]) == pytest.approx(1)
    done.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert level(processor) == pytest.approx(1)
    assert not processor._row.stages


def test_reset_completes_changes_and_equals_a_fresh_one() -> None:
    x = noise(600, 1, "float64")
    chain, processor = made(Times(2, look=2), Times(3))
    processor.process(x)
    del chain[0]
    chain.append(Times(5))
    processor.process(x[:40])
    processor.reset()
    fresh = Processor([Times(3), Times(5)], GEOMETRY, channels=1, dtype="float64")
    y = streamed(processor, x)
    assert np.array_equal(y[32:], streamed(fresh, x))
    assert not y[:32].any()


class Played(RuleBasedStateMachine):
    """Any changes, at any time: the latency stays, and in the end the row is what the chain says."""

    def __init__(self) -> None:
        super().__init__()
        self.spares = [Times(factor) for factor in (0.5, 2.0, 4.0)]
        self.chain, self.processor = made(Times(3, look=2), Times(1.5))
        self.latency = self.processor.latency

    def changed(self, change: Callable[[], Any]) -> None:
        before = list(self.chain)
        try:
            change()
        except (ParameterError, PluginError):
            assert list(self.chain) == before

    @rule(data=st.data())
    def insert(self, data: st.DataObject) -> None:
        plugin = data.draw(st.sampled_from(self.spares))
        self.changed(lambda: self.chain.insert(data.draw(st.integers(0, 4)), plugin))

    @rule(factor=st.sampled_from([0.25, 5.0]), look=st.integers(0, 3), place=st.integers(0, 4))
    def insert_new(self, factor: float, look: int, place: int) -> None:
        if len(self.chain) < 5:
            self.changed(lambda: self.chain.insert(place, Times(factor, look)))

    @precondition(lambda self: len(self.chain) > 0)
    @rule(data=st.data(), look=st.integers(0, 3))
    def replace(self, data: st.DataObject, look: int) -> None:
        place = data.draw(st.integers(0, len(self.chain) - 1))
        plugin = data.draw(st.sampled_from([*self.spares, Times(7, look)]))
        self.changed(lambda: self.chain.__setitem__(place, plugin))

    @precondition(lambda self: len(self.chain) > 0)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        del self.chain[data.draw(st.integers(0, len(self.chain) - 1))]

    @rule(data=st.data())
    def reorder(self, data: st.DataObject) -> None:
        self.chain.reorder(data.draw(st.permutations(range(len(self.chain)))))

    @precondition(lambda self: len(self.chain) < 5)
    @rule(place=st.integers(0, 4), how=st.sampled_from(["raises", "nan"]))
    def insert_bad(self, place: int, how: str) -> None:
        before = list(self.chain)
        self.chain.insert(place, Bad(how))
        if self.processor._frames_done:
            with pytest.warns(PluginWarning):
                self.processor.process(np.concatenate([ONES] * 3))
            assert list(self.chain) == before
        else:
            self.chain.remove(next(plugin for plugin in self.chain if isinstance(plugin, Bad)))

    @rule(frames=st.integers(1, 30))
    def play(self, frames: int) -> None:
        y = self.processor.process(np.ones((16 * frames, 1)))
        assert np.isfinite(y).all()

    @rule()
    def reset(self) -> None:
        self.processor.reset()

    @invariant()
    def latency_stays(self) -> None:
        assert self.processor.latency == self.latency
        assert self.processor._row.lookahead == 2

    def teardown(self) -> None:
        for _ in range(12):
            self.processor.process(ONES)
        expected = np.prod([plugin.factor for plugin in self.chain if isinstance(plugin, Times)])
        assert self.processor.process(ONES)[-1, 0] == pytest.approx(expected)
        assert all(stage.settled for stage in self.processor._row.stages)


TestPlayed = Played.TestCase
TestPlayed.settings = settings(max_examples=30, stateful_step_count=15, deadline=None)
