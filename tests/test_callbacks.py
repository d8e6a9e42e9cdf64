"""The callback contract: what a callback is given, may do and return, and how its faults are named."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import geometries, noise, partitions, processed, seeds, streamed

from rtstft import (
    STFT,
    AudioError,
    Context,
    FrameInfo,
    GeometryError,
    Plugin,
    PluginError,
    Processor,
    RtstftError,
    StreamError,
)

GEOMETRY = STFT(64, 16, 48)
X = noise(400, 2, "float32")


def halve(frame: Any) -> None:
    frame *= 0.5


def nothing(_: Any) -> None:
    pass


class Recorder(Plugin):
    """Remembers what it was given, in the order of the calls."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def prepare(self, context: Context) -> None:
        self.calls.append(context)

    def process(self, frame: Any) -> None:
        self.calls.append(frame.copy())

    def reset(self) -> None:
        self.calls.append("reset")


class DelayBy2(Plugin):
    """Hands every frame back two frames later."""

    lookahead = 2

    def prepare(self, context: Context) -> None:
        self._shape = context.channels, context.stft.bins
        self.reset()

    def process(self, frame: Any) -> Any:
        self._frames.append(frame.copy())
        return self._frames.pop(0)

    def reset(self) -> None:
        self._frames = [np.zeros(self._shape, complex), np.zeros(self._shape, complex)]


def test_in_place_and_returned_frames_give_the_same_bits() -> None:
    def in_place(frame: Any) -> None:
        frame[:, 5:] *= 0.5

    def in_place_and_returned(frame: Any) -> Any:
        in_place(frame)
        return frame

    def returned(frame: Any) -> Any:
        result = frame.copy()
        in_place(result)
        return result

    results = [streamed(Processor(c, GEOMETRY), X) for c in (in_place, in_place_and_returned, returned)]
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])
    assert not np.array_equal(results[0], streamed(Processor(nothing, GEOMETRY), X))


@pytest.mark.parametrize("dtype", ["complex64", "complex128", "float32", "float64"])
def test_returned_array_may_be_complex_or_real_of_any_precision(dtype: str) -> None:
    values = np.ones((2, 33), dtype)
    expected = streamed(Processor(lambda frame: np.ones_like(frame), GEOMETRY), X)
    assert np.array_equal(streamed(Processor(lambda _: values, GEOMETRY), X), expected)


def test_returned_view_of_the_frame_is_copied_right() -> None:
    one = streamed(Processor(lambda frame: frame[:, ::-1], GEOMETRY), X)
    assert np.array_equal(one, streamed(Processor(lambda frame: frame[:, ::-1].copy(), GEOMETRY), X))


@pytest.mark.parametrize(("dtype", "frame_dtype"), [("float32", "complex64"), ("float64", "complex128")])
@pytest.mark.parametrize("channels", [1, 3])
def test_frame_is_writable_and_complex_of_the_processors_precision(
    channels: int, dtype: str, frame_dtype: str
) -> None:
    seen = []
    processor = Processor(
        lambda frame: seen.append((frame.shape, frame.dtype, frame.flags.writeable)),
        GEOMETRY,
        channels=channels,
        dtype=dtype,
    )
    processor.process(noise(16, channels, dtype))
    assert seen == [((channels, 33), frame_dtype, True)]


@pytest.mark.parametrize("callbacks", [[], ()], ids=["list", "tuple"])
def test_no_callback_at_all_is_the_identity(callbacks: Any) -> None:
    assert np.array_equal(
        streamed(Processor(callbacks, GEOMETRY), X), streamed(Processor(nothing, GEOMETRY), X)
    )


@given(data=st.data(), geometry=geometries(longest=60), length=st.integers(0, 300))
def test_info_has_index_and_position_of_the_first_sample(
    data: st.DataObject, geometry: STFT, length: int
) -> None:
    infos: list[FrameInfo] = []
    processor = Processor(lambda _, info: infos.append(info), geometry, channels=1)
    processed(processor, noise(length, 1, "float32"), data.draw(partitions(length)))
    hop = geometry.hop_length
    end = int(np.flatnonzero(geometry.analysis_window)[-1]) + 1
    assert infos == [FrameInfo(k, (k + 1) * hop - end) for k in range(length // hop)]


def test_position_is_where_the_frames_samples_are() -> None:
    window = GEOMETRY.analysis_window

    def check(frame: Any, info: FrameInfo) -> None:
        padded = np.pad(X, ((48, 0), (0, 0)))[48 + info.position :][:48]
        assert np.allclose(frame, np.fft.rfft(padded.T * window, 64), rtol=0, atol=1e-5)

    Processor(check, GEOMETRY).process(X)


def test_reset_starts_the_count_anew() -> None:
    indices: list[int] = []
    processor = Processor(lambda _, info: indices.append(info.index), GEOMETRY)
    processor.process(X[:40])
    processor.reset()
    processor.process(X[:40])
    assert indices == [0, 1, 0, 1]


class WithInfo(Plugin):
    def __init__(self) -> None:
        self.infos: list[FrameInfo] = []

    def process(self, frame: Any, info: FrameInfo) -> None:  # noqa: ARG002
        self.infos.append(info)


def test_plugin_and_partial_may_ask_for_info_too() -> None:
    def three(seen: list[FrameInfo], frame: Any, info: FrameInfo) -> None:  # noqa: ARG001
        seen.append(info)

    seen: list[FrameInfo] = []
    plugin = WithInfo()
    Processor([plugin, functools.partial(three, seen)], GEOMETRY).process(X[:32])
    assert plugin.infos == seen == [FrameInfo(0, -32), FrameInfo(1, -16)]


def test_optional_second_parameter_is_left_alone() -> None:
    def scale(frame: Any, gain: float = 0.5) -> None:
        frame *= gain

    assert np.array_equal(streamed(Processor(scale, GEOMETRY), X), streamed(Processor(halve, GEOMETRY), X))


def test_ufunc_is_a_callback() -> None:
    conjugated = streamed(Processor(np.conjugate, GEOMETRY), X)
    assert np.array_equal(conjugated, streamed(Processor(lambda frame: frame.conj(), GEOMETRY), X))


def test_several_callbacks_see_a_frame_in_their_order() -> None:
    order: list[str] = []
    seen = Recorder()

    def add(frame: Any) -> None:
        order.append("add")
        frame += 3

    def double(frame: Any) -> Any:
        order.append("double")
        return frame * 2

    processor = Processor([add, double, seen], GEOMETRY, channels=1)
    processor.process(np.zeros((32, 1), "float32"))
    assert order == ["add", "double", "add", "double"]
    assert all((frame == 6).all() for frame in seen.calls[1:])


def test_plugin_is_prepared_once_before_its_first_frame_and_reset_between_signals() -> None:
    plugin = Recorder()
    processor = Processor(plugin, GEOMETRY, samplerate=44_100, channels=2, dtype="float64")
    assert plugin.calls == [Context(GEOMETRY, 44_100, 2, np.dtype("float64"))]
    processor.process(X[:16])
    processor.reset()
    processor.process(X[:16])
    _, first, reset, second = plugin.calls
    assert reset == "reset"
    assert np.array_equal(first, second)


def test_any_object_with_a_process_method_is_a_plugin() -> None:
    class Bare:
        def process(self, frame: Any) -> None:
            frame *= 0.5

    bare: Any = Bare()
    for callback in (bare, [bare]):
        assert np.array_equal(
            streamed(Processor(callback, GEOMETRY), X), streamed(Processor(halve, GEOMETRY), X)
        )


def test_lookahead_may_be_decided_in_prepare() -> None:
    class Later(DelayBy2):
        lookahead = 0

        def prepare(self, context: Context) -> None:
            super().prepare(context)
            self.lookahead = 2

    assert Processor(Later(), GEOMETRY).latency == Processor(DelayBy2(), GEOMETRY).latency


@pytest.mark.parametrize(
    "row", [[DelayBy2()], [halve, DelayBy2()], [DelayBy2(), halve], [DelayBy2(), DelayBy2()]]
)
@given(data=st.data(), length=st.integers(0, 600))
def test_lookahead_only_adds_latency(row: list[Any], data: st.DataObject, length: int) -> None:
    x = noise(length, 2, "float64")
    callbacks = [callback for callback in row if callback is halve]
    expected = Processor(callbacks, GEOMETRY, dtype="float64")
    delayed = Processor(row, GEOMETRY, dtype="float64")
    late = 2 * 16 * (len(row) - len(callbacks))
    assert delayed.latency == expected.latency + late
    y = streamed(delayed, x, data.draw(partitions(length)))
    assert not y[:late].any()
    assert np.array_equal(y[late:], streamed(expected, x))


def test_info_behind_a_lookahead_is_that_of_the_delayed_frame() -> None:
    before, after = WithInfo(), WithInfo()
    Processor([before, DelayBy2(), after], GEOMETRY).process(X[:64])
    assert before.infos == [FrameInfo(k, 16 * k - 32) for k in range(4)]
    assert after.infos == [FrameInfo(k, 16 * k - 32) for k in range(-2, 2)]


def fail_at(frame_index: int, error: Callable[[Any], Any]) -> Callable[[Any, FrameInfo], Any]:
    def faulty(frame: Any, info: FrameInfo) -> Any:
        return error(frame) if info.index == frame_index else None

    return faulty


def divide_by_zero(_: Any) -> Any:
    return 1 // 0


def assert_named(faulty: Any, frame: int, says: str, name: str = "faulty") -> PluginError:
    """All of it: alone and in a row, at once and hop by hop; and nothing goes on until reset."""
    errors = []
    for row in (faulty, [faulty], [nothing, faulty, halve]):
        for sizes in ([400], [16] * 25, [1] * 400):
            processor = Processor(row, GEOMETRY)
            with pytest.raises(PluginError, match=rf"{name}.*frame {frame}: .*{says}") as caught:
                processed(processor, X, sizes)
            assert (caught.value.callback, caught.value.frame) == (name, frame)
            errors.append(caught.value)
            with pytest.raises(StreamError, match=r"error.*reset\(\)"):
                processor.process(X[:1])
            with pytest.raises(StreamError):
                processor.flush()
    return errors[0]


@pytest.mark.parametrize("frame", [0, 7, 24])
def test_exception_is_named_and_kept_as_cause(frame: int) -> None:
    error = assert_named(fail_at(frame, divide_by_zero), frame, "ZeroDivisionError")
    assert isinstance(error.__cause__, ZeroDivisionError)


def test_exception_of_a_plugin_is_named_by_its_class() -> None:
    class Broken(Plugin):
        def process(self, frame: Any) -> None:  # noqa: ARG002
            raise KeyError("gain")

    error = assert_named(Broken(), 0, "KeyError: 'gain'", "Broken")
    assert isinstance(error.__cause__, KeyError)


def test_plugin_without_process_says_so() -> None:
    class Unfinished(Plugin):
        pass

    assert_named(Unfinished(), 0, "Unfinished.process is not defined", "Unfinished")


BAD_RETURNS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a bin less": (lambda frame: frame[:, 1:], r"shape \(2, 32\), expected .*\(2, 33\)"),
    "a channel less": (lambda frame: frame[0], r"shape \(33,\), expected .*\(2, 33\)"),
    "transposed": (lambda frame: frame.T, r"shape \(33, 2\), expected .*\(2, 33\)"),
    "a number": (lambda _: 0.5, r"shape \(\), expected .*\(2, 33\)"),
    "integers": (lambda frame: np.ones(frame.shape, int), "returned int64 of shape"),
    "booleans": (lambda frame: np.ones(frame.shape, bool), "returned bool of shape"),
    "text": (lambda _: "frame", "returned <U5 of shape"),
    "a tuple": (lambda frame: (frame, 1), "returned a tuple, expected complex numbers of shape"),
    "an object": (lambda _: object(), "returned object of shape"),
    "ragged lists": (lambda _: [[1.0], [2.0, 3.0]], "returned a list, expected"),
}


@pytest.mark.parametrize(("bad", "says"), BAD_RETURNS.values(), ids=BAD_RETURNS)
def test_returned_value_that_is_no_frame_is_named(bad: Callable[[Any], Any], says: str) -> None:
    assert_named(fail_at(3, bad), 3, says)


@given(
    bin_index=st.integers(0, 32),
    imaginary=st.booleans(),
    value=st.sampled_from([np.nan, np.inf, -np.inf]),
    channel=st.integers(0, 2),
    frame_index=st.integers(0, 9),
    n_fft=st.sampled_from([63, 64, 65]),
    alone=st.booleans(),
)
def test_any_single_number_that_is_not_finite_is_found_and_named(
    bin_index: int,
    imaginary: bool,
    value: float,
    channel: int,
    frame_index: int,
    n_fft: int,
    alone: bool,
) -> None:
    bin_index = min(bin_index, n_fft // 2)
    inner = 0 < bin_index < n_fft / 2
    imaginary = imaginary and inner

    def faulty(frame: Any, info: FrameInfo) -> None:
        if info.index == frame_index:
            (frame.imag if imaginary else frame.real)[channel, bin_index] = value

    geometry = STFT(n_fft, 16, 48)
    row: Any = faulty if alone else [nothing, faulty, nothing]
    processor = Processor(row, geometry, channels=3)
    with pytest.raises(PluginError, match=r"NaN or Inf.*division by zero") as caught:
        processor.process(noise(160, 3, "float32"))
    assert (caught.value.callback, caught.value.frame) == ("faulty", frame_index)


@pytest.mark.parametrize("n_fft", [2, 3, 4, 5, 512, 1000, 1024, 1155])
@pytest.mark.parametrize("part", ["real", "imag"])
def test_nan_in_any_bin_is_found_at_any_transform_length(n_fft: int, part: str) -> None:
    geometry = STFT(n_fft, 1, 2, "boxcar")
    bins: list[int] = []
    processor = Processor(
        lambda frame: getattr(frame, part)[0].__setitem__(bins[-1], np.nan), geometry, channels=1
    )
    inner = range(1, (n_fft + 1) // 2)
    for k in inner if part == "imag" else range(geometry.bins):
        bins.append(k)
        processor.reset()
        with pytest.raises(PluginError, match="NaN or Inf"):
            processor.process(np.zeros((1, 1), "float32"))


def test_overflow_of_a_callback_is_named() -> None:
    def faulty(frame: Any) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            frame *= np.float32(3e38)
            frame *= np.float32(3e38)

    assert_named(faulty, 0, "overflow")


# Infinity times a window's zero is what numpy itself warns of.
@pytest.mark.filterwarnings("ignore:invalid value encountered in multiply:RuntimeWarning")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("position", [0, 5, 200, 399])
@pytest.mark.parametrize("row", [[], nothing, [nothing, halve]], ids=["none", "one", "two"])
@pytest.mark.parametrize("sizes", [[400], [16] * 25], ids=["at once", "by hops"])
def test_bad_input_is_named_as_input_and_located(
    row: Any, position: int, value: float, sizes: list[int]
) -> None:
    x = X.copy()
    x[position, 1] = value
    processor = Processor(row, GEOMETRY)
    with pytest.raises(AudioError, match=r"NaN or Inf.* in the input.*nan_to_num") as caught:
        processed(processor, x, sizes)
    start, end = (int(word) for word in str(caught.value).replace(":", "").split() if word.isdigit())
    assert start <= position < end <= start + 48
    with pytest.raises(StreamError, match=r"reset\(\)"):
        processor.process(X)


@pytest.mark.parametrize("faulty", [fail_at(2, divide_by_zero), fail_at(2, lambda frame: frame * np.nan)])
def test_reset_after_an_error_is_as_good_as_new(faulty: Any) -> None:
    broken = [True]

    def sometimes(frame: Any, info: FrameInfo) -> Any:
        return faulty(frame, info) if broken[0] else None

    processor = Processor(sometimes, GEOMETRY)
    with pytest.raises(PluginError):
        processor.process(X)
    broken[0] = False
    processor.reset()
    assert np.array_equal(streamed(processor, X), streamed(Processor(nothing, GEOMETRY), X))


def test_reset_after_bad_input_is_as_good_as_new() -> None:
    processor = Processor([], GEOMETRY)
    with pytest.raises(AudioError):
        processor.process(np.full((400, 2), np.nan, "float32"))
    processor.reset()
    assert np.array_equal(streamed(processor, X), streamed(Processor([], GEOMETRY), X))


def test_keyboard_interrupt_passes_through_and_ends_the_stream() -> None:
    def interrupted(_: Any) -> None:
        raise KeyboardInterrupt

    processor = Processor(interrupted, GEOMETRY)
    with pytest.raises(KeyboardInterrupt):
        processor.process(X)
    with pytest.raises(StreamError):
        processor.process(X)


@pytest.mark.parametrize("blocksize", [None, 16])
def test_error_during_flush_ends_the_stream_for_good(blocksize: int | None) -> None:
    processor = Processor(fail_at(4, divide_by_zero), GEOMETRY, blocksize=blocksize)
    processor.process(X[:53])
    with pytest.raises(PluginError):
        processor.flush()
    with pytest.raises(StreamError):
        processor.flush()
    with pytest.raises(StreamError):
        processor.process(X)


def test_class_instead_of_an_instance_is_refused() -> None:
    for callback in (DelayBy2, [halve, DelayBy2]):
        with pytest.raises(PluginError, match=r"DelayBy2.*is a class, expected an instance.*DelayBy2\(\)"):
            Processor(callback, GEOMETRY)  # type: ignore[arg-type]


@pytest.mark.parametrize("callback", [None, 3, [3], [None], "gate"], ids=repr)
def test_callback_that_is_none_is_refused(callback: Any) -> None:
    with pytest.raises(PluginError, match="expected a function or a plugin"):
        Processor(callback, GEOMETRY)


def test_negative_lookahead_is_refused() -> None:
    plugin = Recorder()
    plugin.lookahead = -1
    with pytest.raises(PluginError, match=r"Recorder.*lookahead is -1 frames, expected 0 or more"):
        Processor(plugin, GEOMETRY)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"channels": 0}, AudioError, "channels=0, expected at least 1"),
        ({"channels": -1}, AudioError, "channels=-1, expected at least 1"),
        ({"channels": 1.5}, AudioError, r"channels=1\.5"),
        ({"dtype": "int16"}, AudioError, "int16, expected float32 or float64"),
        ({"dtype": "complex64"}, AudioError, "complex64, expected float32 or float64"),
        ({"dtype": "single precision"}, AudioError, "single precision.*expected float32 or float64"),
        ({"samplerate": 0}, AudioError, "samplerate=0 Hz, expected a positive"),
        ({"samplerate": float("nan")}, AudioError, "samplerate=nan Hz"),
        ({"blocksize": 0}, GeometryError, "blocksize=0, expected at least 1"),
        ({"blocksize": -16}, GeometryError, "blocksize=-16, expected at least 1"),
        ({"blocksize": 16.0}, GeometryError, r"blocksize=16\.0, expected a whole number"),
        ({"aux": [("side", 1)]}, AudioError, r"aux=\[.*, expected names and numbers of channels"),
        ({"aux": {3: 1}}, AudioError, "aux={3: 1}, expected names and numbers of channels"),
        ({"planner_effort": "exhaustive"}, GeometryError, "'exhaustive', expected one of 'estimate'"),
    ],
    ids=repr,
)
def test_bad_argument_is_refused(arguments: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Processor([], GEOMETRY, **arguments)


BAD_BLOCKS: dict[str, tuple[Any, str]] = {
    "a channel less": (np.zeros((16, 1)), r"shape \(16, 1\), expected \(samples, 2\)"),
    "channels first": (np.zeros((2, 16)), r"shape \(2, 16\), expected \(samples, 2\)"),
    "mono": (np.zeros(16), r"shape \(16,\), expected \(samples, 2\)"),
    "three axes": (np.zeros((16, 2, 1)), r"shape \(16, 2, 1\), expected"),
    "scalar": (np.float32(0), r"shape \(\), expected"),
    "int16": (np.zeros((16, 2), "int16"), "samples are int16, expected floats: .*32768"),
    "complex": (np.zeros((16, 2), complex), "complex128, expected real"),
    "none": (None, "object, expected real"),
}


@pytest.mark.parametrize(("block", "says"), BAD_BLOCKS.values(), ids=BAD_BLOCKS)
def test_bad_block_is_refused_and_the_stream_goes_on(block: Any, says: str) -> None:
    processor = Processor(halve, GEOMETRY)
    first = processor.process(X[:40])
    with pytest.raises(AudioError, match=says):
        processor.process(block)
    y = np.concatenate([first, processor.process(X[40:]), processor.flush()])
    assert np.array_equal(y, streamed(Processor(halve, GEOMETRY), X))


def test_mono_processor_names_both_shapes_it_takes() -> None:
    with pytest.raises(AudioError, match=r"expected \(samples, 1\) or \(samples,\)"):
        Processor([], GEOMETRY, channels=1).process(X)


def read_only(shape: tuple[int, ...]) -> Any:
    array = np.zeros(shape, "float32")
    array.flags.writeable = False
    return array


BAD_OUTS: dict[str, tuple[Any, str]] = {
    "short": (np.zeros((39, 2), "float32"), r"shape \(39, 2\), expected float32 of shape \(40, 2\)"),
    "flat": (np.zeros(80, "float32"), r"shape \(80,\), expected float32 of shape \(40, 2\)"),
    "double": (np.zeros((40, 2)), "float64 of shape .*expected float32"),
    "list": ([[0.0, 0.0]] * 40, "list.*expected float32 .*|expected .*array"),
    "read-only": (read_only((40, 2)), "read-only|writ"),
}


@pytest.mark.parametrize(("out", "says"), BAD_OUTS.values(), ids=BAD_OUTS)
def test_bad_out_is_refused_and_the_stream_goes_on(out: Any, says: str) -> None:
    processor = Processor([], GEOMETRY)
    with pytest.raises(AudioError, match=says):
        processor.process(X[:40], out=out)
    assert np.array_equal(streamed(processor, X), streamed(Processor([], GEOMETRY), X))


@given(geometry=geometries(longest=60), seed=seeds)
def test_errors_of_the_package_share_a_root(geometry: STFT, seed: int) -> None:
    x = noise(geometry.hop_length, 1, "float32", seed)
    processor = Processor(divide_by_zero, geometry, channels=1)
    with pytest.raises(RtstftError):
        processor.process(x)
    with pytest.raises(RtstftError):
        processor.process(x)
