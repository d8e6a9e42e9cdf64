"""The checks that a plugin has to pass in a rig: each raises AssertionError with what does not hold."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from rtstft.errors import PluginError, RtstftError
from rtstft.fftw import zeros
from rtstft.params import Param
from rtstft.plugin import Plugin
from rtstft.processor import Processor
from rtstft.returned import store
from rtstft.testing.rig import FRAMES, RATE, Rig, through
from rtstft.types import ComplexArray, RealArray

_LATE_FRAMES = 8  # to which a wrong lookahead is found
_SAME, _OTHER = 0.9, 0.5  # correlation of what is the same signal, and of what is not


def check_signals(rig: Rig, fresh: Callable[..., Plugin]) -> None:
    """Signals that break arithmetic leave no NaN or Inf."""
    length = FRAMES * rig.geometry.hop_length
    impulse = np.zeros(length)
    impulse[length // 2] = 1
    square = np.where(np.arange(length) // 50 % 2, 1.0, -1.0)
    signals = {
        "silence": np.zeros(length),
        "denormals": np.full(length, 1e-40),
        "full scale": square,
        "an impulse": impulse,
        "noise and then silence": np.where(np.arange(length) < length // 3, square, 0),
    }
    for what, x in signals.items():
        try:
            y = rig.run(fresh(), rig.signal(x))
        except PluginError as error:
            raise AssertionError(f"{what}: {error}") from error
        assert np.isfinite(y).all(), f"{what} leaves NaN or Inf"


def check_repeatable(rig: Rig, fresh: Callable[..., Plugin]) -> None:
    """The same input gives the same output: in other blocks, another instance, after a reset, and in time."""
    x = rig.noise()
    processor = rig.processor(fresh())
    first = through(processor, x)
    sizes = [1, rig.geometry.hop_length, 7, 3 * rig.geometry.hop_length + 5]
    _assert_same(rig.run(fresh(), x), first, "a second instance gives another output")
    _assert_same(rig.run(fresh(), x, sizes), first, f"cut into blocks of {sizes}, the output differs")
    processor.reset()
    _assert_same(through(processor, x), first, "after reset the output differs from a fresh plugin's")
    processor.reset()
    others = rig.processor(fresh()), rig.processor(fresh())
    beside = []
    for half in (x[: len(x) // 2], x[len(x) // 2 :]):
        beside.append(processor.process(half))
        for other in others:
            other.process(-half)
    _assert_same(np.concatenate(beside), first, "beside another instance the output differs: state is shared")
    _assert_same(
        rig.run(_lent_frames(fresh()), x),
        first,
        "a frame is kept after process: it is valid during the call only, copy what is needed later",
    )
    _check_lookahead(rig, processor, x, first)


def _lent_frames(plugin: Plugin) -> Plugin:
    """`plugin`, given each frame in an array of its own: one that was kept stays what it was."""
    process = plugin.process

    @wraps(process)
    def lent(frame: ComplexArray, *more: Any) -> None:
        own = zeros(frame.shape, frame.dtype)
        own[...] = frame
        result = process(own, *more)
        store(own if result is None else result, frame)

    vars(plugin)["process"] = lent
    return plugin


def _check_lookahead(rig: Rig, processor: Processor, x: RealArray, y: RealArray) -> None:
    """An output that is the input, but for the level, is so at the time that lookahead says."""
    hop = rig.geometry.hop_length
    lookahead = processor.lookahead // hop
    x = x[:, : rig.channels]
    likeness = {
        frames: _likeness(x, y[processor.latency + (frames - lookahead) * hop :])
        for frames in range(lookahead + _LATE_FRAMES + 1)
    }
    closest = max(likeness, key=likeness.__getitem__)
    assert likeness[closest] < _SAME or likeness[lookahead] > _OTHER, (
        f"the output is the input {closest} frames late, but lookahead is {lookahead}: set it, in prepare, "
        f"to the frames that process delays by (of a delay as an effect: check it with over {_LATE_FRAMES})"
    )


def _likeness(x: RealArray, y: RealArray) -> float:
    """Correlation of the part that both have, from 0 to 1; 0 of silence."""
    x = x[: len(y)]
    energy = np.vdot(x, x) * np.vdot(y, y)
    return float(abs(np.vdot(x, y)) / np.sqrt(energy)) if energy else 0.0


def check_dry(rig: Rig, fresh: Callable[..., Plugin]) -> None:
    """mix=0 and bypass give the dry signal at the same latency, to the bit."""
    x = rig.noise()
    plugin = fresh(mix=0.0)
    processor = rig.processor(plugin)
    delay = processor.lookahead
    dry = Processor([], rig.geometry, RATE, rig.channels, dtype=rig.dtype)
    expected = dry.process(np.ascontiguousarray(x[: len(x) - delay, : rig.channels]))
    _assert_same(through(processor, x)[delay:], expected, "mix=0 is not the dry signal")
    _assert_same(rig.run(fresh(bypass=True), x)[delay:], expected, "bypass is not the dry signal")


def check_limits(rig: Rig, fresh: Callable[..., Plugin]) -> None:
    """Every parameter works at its limits, from the start and from the middle of a signal on."""
    x = rig.noise()
    half = len(x) // 2
    for param in fresh().params.values():
        for value in _limits(param):
            where = f"with {param.name}={value!r}"
            try:
                assert np.isfinite(rig.run(fresh(**{param.name: value}), x)).all(), f"{where}: NaN or Inf"
                if param.fixed:
                    continue
                plugin = fresh()
                processor = rig.processor(plugin)
                processor.process(x[:half])
                plugin.set(**{param.name: value})
                assert np.isfinite(processor.process(x[half:])).all(), f"{where} in the middle: NaN or Inf"
            except PluginError as error:
                if isinstance(error.__cause__, RtstftError):
                    continue  # refused, with a reason
                raise AssertionError(f"{where}: {error}") from error


def _limits(param: Param[Any]) -> list[Any]:
    if param.kind is bool:
        return [False, True]
    if param.kind is str:
        return list(param.choices)
    return [limit for limit in (param.min, param.max) if limit is not None]


def _assert_same(found: RealArray, expected: RealArray, what: str) -> None:
    if not np.array_equal(found, expected):
        first = int(np.flatnonzero((found != expected).any(axis=1))[0])
        worst = float(np.abs(found - expected).max())
        raise AssertionError(f"{what}: from sample {first} on, by up to {worst:.3g}")
