"""Auxiliary inputs: further columns of a block, as frames beside those of the signal."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import dtypes, geometries, noise, partitions, streamed

from rtstft import STFT, AudioError, Chain, Context, FrameInfo, Plugin, PluginError, Processor
from rtstft.delay import FrameDelay

GEOMETRY = STFT(64, 16, 48)


class Look(Plugin):
    """Delays by its lookahead."""

    def __init__(self, look: int = 2) -> None:
        self.lookahead = look

    def prepare(self, context: Context) -> None:
        self._delay = FrameDelay(self.lookahead, (context.channels, context.stft.bins), context.complex_dtype)

    def process(self, frame: Any) -> Any:
        return self._delay.push(frame)

    def reset(self) -> None:
        self._delay.reset()


class Side(Plugin):
    """Replaces the signal by an input."""

    aux = ("side",)

    def __init__(self) -> None:
        self.infos: list[FrameInfo] = []

    def process(self, frame: Any, info: FrameInfo, aux: Any) -> None:
        self.infos.append(info)
        frame[...] = aux["side"]


def with_side(x: Any, side: Any) -> Any:
    return np.concatenate([x, side], axis=1)


@pytest.mark.parametrize("before", [0, 1, 3])
@pytest.mark.parametrize("after", [0, 2])
@pytest.mark.parametrize("kind", [list, Chain])
@settings(max_examples=15)
@given(geometry=geometries(longest=80), dtype=dtypes, data=st.data())
def test_input_is_aligned_with_the_signal_behind_lookahead(
    before: int, after: int, kind: Any, geometry: STFT, dtype: str, data: st.DataObject
) -> None:
    x, side = noise(300, 2, dtype), noise(300, 2, dtype, seed=1)
    row = kind([Look(before), Side(), Look(after)])
    processor = Processor(row, geometry, dtype=dtype, aux={"side": 2})
    expected = Processor([Look(before), Look(after)], geometry, dtype=dtype)
    assert processor.latency == expected.latency
    y = streamed(processor, with_side(x, side), data.draw(partitions(300)))
    assert np.array_equal(y, streamed(expected, side))
    processor.reset()
    assert np.array_equal(streamed(processor, with_side(x, side)), y)


def test_input_stays_aligned_when_the_order_changes() -> None:
    chain = Chain([Look(2), Side(), Look(1)])
    processor = Processor(chain, GEOMETRY, channels=1, aux={"side": 1})
    x, side = noise(900, 1, "float32"), noise(900, 1, "float32", seed=1)
    y = []
    for start in range(0, 900, 100):
        y.append(processor.process(with_side(x, side)[start : start + 100]))
        chain.reorder([1, 0, 2] if start % 400 < 200 else [0, 2, 1])
    expected = streamed(Processor([], GEOMETRY, channels=1), side)
    assert np.array_equal(np.concatenate(y)[processor.lookahead :], expected[: 900 - processor.lookahead])


def test_several_inputs_of_other_channel_counts_come_in_their_order() -> None:
    seen: list[Any] = []

    def watch(frame: Any, info: FrameInfo, aux: Any) -> None:  # noqa: ARG001
        seen.append({name: value.copy() for name, value in aux.items()} | {"main": frame.copy()})

    x = noise(64, 6, "float32")
    processor = Processor(watch, GEOMETRY, channels=1, aux={"voice": 3, "noise": 2})
    assert processor.input_channels == 6
    processor.process(x)
    columns = {"main": x[:, :1], "voice": x[:, 1:4], "noise": x[:, 4:]}
    for name, part in columns.items():
        frames = GEOMETRY.stft(part)[: len(seen)]
        assert np.array_equal([entry[name] for entry in seen], frames)
    assert list(seen[0]) == ["voice", "noise", "main"]


def test_context_names_them() -> None:
    contexts: list[Context] = []

    class Plug(Side):
        def prepare(self, context: Context) -> None:
            contexts.append(context)

    Processor(Plug(), GEOMETRY, channels=2, aux={"side": 2, "other": 1})
    assert contexts[0].aux == {"side": 2, "other": 1}
    assert contexts[0].channels == 2


def test_index_behind_lookahead_is_that_of_both() -> None:
    side = Side()
    Processor([Look(2), side], GEOMETRY, channels=1, aux={"side": 1}).process(noise(48, 2, "float32"))
    assert [info.index for info in side.infos] == [-2, -1, 0]


def test_input_cannot_be_written_to() -> None:
    def writes(_: Any, __: FrameInfo, aux: Any) -> None:
        aux["side"][...] = 0

    rows: list[list[Any]] = [[writes], [Look(1), writes]]
    for row in rows:
        processor = Processor(row, GEOMETRY, channels=1, aux={"side": 1})
        with pytest.raises(PluginError, match=r"writes.*read-only"):
            processor.process(noise(16, 2, "float32"))


@pytest.mark.parametrize(
    ("aux", "says"),
    [
        (None, r"Side.*needs the auxiliary input 'side'; there are none: see aux="),
        ({"voice": 1, "noise": 1}, "needs the auxiliary input 'side'; there are voice, noise"),
    ],
)
def test_missing_input_is_named(aux: Any, says: str) -> None:
    with pytest.raises(PluginError, match=says):
        Processor(Side(), GEOMETRY, aux=aux)
    chain = Chain()
    processor = Processor(chain, GEOMETRY, aux=aux)
    with pytest.raises(PluginError, match=says):
        chain.append(Side())
    assert not chain
    processor.process(noise(64, processor.input_channels, "float32"))


def test_aux_that_is_one_name_is_refused() -> None:
    plugin = Side()
    plugin.aux = "side"  # type: ignore[assignment]
    with pytest.raises(PluginError, match=r"aux is 'side', expected a tuple of names: \('side',\)"):
        Processor(plugin, GEOMETRY, aux={"side": 1})


def test_aux_that_is_no_tuple_is_refused() -> None:
    class Asks(Plugin):
        def aux(self) -> tuple[str, ...]:  # type: ignore[override]
            return ("side",)

    says = r"aux is <bound method .*>, expected a tuple of names: \('sidechain',\)"
    with pytest.raises(PluginError, match=says):
        Processor(Asks(), GEOMETRY, aux={"side": 1})


@pytest.mark.parametrize("count", [0, -1, 1.5, "two"])
def test_bad_channel_count_is_refused(count: Any) -> None:
    with pytest.raises(AudioError, match=r"aux\['side'\]"):
        Processor(Side(), GEOMETRY, aux={"side": count})


def test_block_without_its_columns_is_refused() -> None:
    processor = Processor(Side(), GEOMETRY, channels=1, aux={"side": 1})
    for shape in [(16, 1), (16,), (16, 3)]:
        with pytest.raises(AudioError, match=r"expected \(samples, 2\)"):
            processor.process(np.zeros(shape, "float32"))
    out = np.empty((16, 1), "float32")
    assert processor.process(np.zeros((16, 2), "float32"), out=out) is out
    with pytest.raises(AudioError, match=r"expected float32 of shape \(16, 1\)"):
        processor.process(np.zeros((16, 2), "float32"), out=np.empty((16, 2), "float32"))


@given(
    data=st.data(),
    geometry=geometries(longest=80),
    channels=st.integers(1, 3),
    sides=st.integers(1, 3),
    length=st.integers(0, 400),
    blocksize=st.sampled_from([None, 16, 24]),
)
def test_plugins_that_do_not_listen_and_the_output_know_nothing_of_it(
    data: st.DataObject, geometry: STFT, channels: int, sides: int, length: int, blocksize: int | None
) -> None:
    def halve(frame: Any) -> None:
        frame *= np.float32(0.5)

    x, side = noise(length, channels, "float32"), noise(length, sides, "float32", seed=1)
    alone = Processor([halve, Look(1)], geometry, channels=channels)
    beside = Processor([halve, Look(1)], geometry, channels=channels, aux={"side": sides})
    y = streamed(beside, with_side(x, side), data.draw(partitions(length)))
    assert y.shape == (length + alone.latency, channels)
    assert np.array_equal(y, streamed(alone, x))
    if blocksize:
        fixed = Processor([halve], geometry, channels=channels, aux={"side": sides}, blocksize=blocksize)
        plain = Processor([halve], geometry, channels=channels, blocksize=blocksize)
        assert np.array_equal(streamed(fixed, with_side(x, side)), streamed(plain, x))


def test_bypass_of_a_listener_is_dry_and_mix_blends_what_it_hears() -> None:
    x, side = noise(300, 1, "float64"), noise(300, 1, "float64", seed=1)
    results = []
    for mix in (0.0, 1.0, 0.25):
        plugin = Side()
        plugin.mix = mix
        processor = Processor([Look(1), plugin], GEOMETRY, channels=1, dtype="float64", aux={"side": 1})
        results.append(streamed(processor, with_side(x, side)))
    dry, wet, blend = results
    assert np.array_equal(dry, streamed(Processor(Look(1), GEOMETRY, channels=1, dtype="float64"), x))
    assert blend == pytest.approx(0.25 * wet + 0.75 * dry, abs=1e-14)


def test_bad_input_in_an_auxiliary_column_is_named_as_input() -> None:
    x = noise(200, 2, "float32")
    x[77, 1] = np.nan
    with pytest.raises(AudioError, match=r"NaN or Inf.* in the input"), np.errstate(invalid="ignore"):
        Processor(Side(), GEOMETRY, channels=1, aux={"side": 1}).process(x)
