"""The contract of a plugin as a test: `check_plugin(MyPlugin)` fails with what does not hold."""

import pickle
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from rtstft.errors import AudioError, GeometryError, PluginError, RtstftError
from rtstft.geometry import STFT
from rtstft.params import Param
from rtstft.plugin import Plugin
from rtstft.processor import Processor
from rtstft.types import RealArray

GEOMETRIES: Sequence[STFT] = (
    STFT(1024, 256),
    STFT(512, 128, window="sqrt_hann", synthesis="same"),
    STFT(1024, 160, 512, window="hamming"),
    STFT(256, 96, 192),
    STFT(255, 64),
    STFT(512, 64, 256, window="hann", synthesis="ola"),
)
"""Usual and awkward ones: zero-padded, of an odd length, with a hop that divides nothing, for filters."""

_RATE = 48_000.0
_FRAMES = 24
_LATE_FRAMES = 8  # to which a wrong lookahead is found
_SAME, _OTHER = 0.9, 0.5  # correlation of what is the same signal, and of what is not
_SETTLING_FRAMES = 64
_STEADY_FRAMES = 1024
_GROWTH = 16_384  # bytes in all of them, of an interpreter that caches; a number kept each frame takes 32


@dataclass(frozen=True)
class PluginReport:
    """What `check_plugin` found out.

    Attributes:
        combinations: of geometry, channels and dtype that the plugin ran in.
        refused: those that it refused to be prepared for, each with its reason.
        frame_s: seconds per frame, in the first geometry that works in mono (1024/256 usually).
        frame_bytes: the most that was allocated at once within a frame there.
    """

    combinations: int
    refused: tuple[str, ...]
    frame_s: float
    frame_bytes: int


def check_plugin(
    make: Callable[..., Plugin], *, geometries: Sequence[STFT] = GEOMETRIES, **params: Any
) -> PluginReport:
    """Runs the contract on a plugin.

    In every geometry, with 1 to 8 channels and in both precisions: its output does not depend on how
    the input is cut into blocks; after `reset`, and in a second instance, beside another one, it is
    the same to the bit; mix=0 and bypass give the dry signal at the same latency; output that is the
    input, late by a few frames, is so by `lookahead` frames; silence, denormals, full scale and an
    impulse leave no NaN or Inf. So do all parameters at their limits, from the start and in the middle
    of a signal, in the first geometry that works. It has a docstring, can be pickled, and its memory
    does not grow. A geometry or channel count that `prepare` refuses with a GeometryError or
    AudioError is left out; not all may be.

    Args:
        make: the class, or a function that makes an instance.
        geometries: in which to try it.
        params: what to make it with.

    Raises:
        AssertionError: what does not hold, and where.
    """

    assert callable(make), f"{make!r} cannot be called, expected the class, or a function that makes a plugin"

    def fresh(**more: Any) -> Plugin:
        plugin = make(**params)
        if more:
            plugin.set(**more)
        return plugin

    with warnings.catch_warnings():
        # A plugin may warn of what a geometry cannot do; numpy's warnings are of another class.
        warnings.simplefilter("ignore", UserWarning)
        return _check(fresh, geometries)


def _check(fresh: Callable[..., Plugin], geometries: Sequence[STFT]) -> PluginReport:
    plugin = fresh()
    assert isinstance(plugin, Plugin), f"{plugin!r} is no rtstft.Plugin"
    name = type(plugin).__name__
    assert type(plugin).__doc__, f"{name} has no docstring"
    try:
        pickle.loads(pickle.dumps(plugin))
    except Exception as error:
        raise AssertionError(f"{name} cannot be pickled, hence not be isolated: {error}") from error

    refused: list[str] = []
    working: list[_Rig] = []
    for rig in _rigs(geometries, plugin.aux):
        with _located(name, rig):
            why = rig.refusal(fresh())
            if why:
                refused.append(f"{rig}: {why}")
                continue
            working.append(rig)
            _check_signals(rig, fresh)
            _check_repeatable(rig, fresh)
            _check_dry(rig, fresh)
    assert working, f"{name} refused all of it: {'; '.join(refused)}"
    usual = working[0]  # in mono, if there it works
    for rig in working:
        if (rig.geometry, rig.dtype) == (usual.geometry, usual.dtype) and rig.channels <= 2:
            with _located(name, rig):
                _check_limits(rig, fresh)
    with _located(name, usual):
        _check_memory(usual, fresh)
        return PluginReport(len(working), tuple(refused), *_cost(usual, fresh))


@contextmanager
def _located(name: str, rig: "_Rig") -> Iterator[None]:
    """What fails, fails with the plugin's name and the rig."""
    try:
        yield
    except PluginError as error:
        raise AssertionError(f"{name} in {rig}: {error}") from error
    except AssertionError as error:
        raise AssertionError(f"{name} in {rig}: {error}") from None


@dataclass(frozen=True)
class _Rig:
    """A geometry, a number of channels, a precision, and noise for the auxiliary inputs."""

    geometry: STFT
    channels: int
    dtype: str
    aux: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.geometry}, {self.channels} channels, {self.dtype}"

    def processor(self, plugin: Plugin) -> Processor:
        return Processor(
            plugin,
            self.geometry,
            samplerate=_RATE,
            channels=self.channels,
            dtype=self.dtype,
            aux=dict.fromkeys(self.aux, 1),
        )

    def refusal(self, plugin: Plugin) -> str:
        """Why `prepare` refuses the rig; empty if it does not."""
        try:
            self.processor(plugin)
        except PluginError as error:
            if isinstance(error.__cause__, (GeometryError, AudioError)):
                return str(error.__cause__)
            raise
        return ""

    def run(self, plugin: Plugin, x: RealArray, sizes: Sequence[int] = ()) -> RealArray:
        """The plugin's output for `x`, cut into blocks of these sizes, and one of the rest."""
        return _through(self.processor(plugin), x, sizes)

    def signal(self, x: RealArray) -> RealArray:
        """One channel for all, and noise for the auxiliary inputs."""
        noise = np.random.default_rng(7).uniform(-0.5, 0.5, (len(x), len(self.aux)))
        return np.column_stack([*[x] * self.channels, noise]).astype(self.dtype)

    def noise(self) -> RealArray:
        """White noise, another in each channel."""
        length = _FRAMES * self.geometry.hop_length + self.geometry.win_length
        shape = (length, self.channels + len(self.aux))
        return np.random.default_rng(3).uniform(-0.5, 0.5, shape).astype(self.dtype)


def _rigs(geometries: Sequence[STFT], aux: tuple[str, ...]) -> Iterator[_Rig]:
    # Every number of channels, and every geometry in both precisions with one and two of them.
    for geometry in geometries:
        for channels in (1, 2):
            for dtype in ("float32", "float64"):
                yield _Rig(geometry, channels, dtype, aux)
    for channels in range(3, 9):
        yield _Rig(geometries[channels % len(geometries)], channels, "float32", aux)


def _through(processor: Processor, x: RealArray, sizes: Sequence[int] = ()) -> RealArray:
    parts, start = [], 0
    for size in sizes:
        parts.append(processor.process(x[start : start + size]))
        start += size
    parts.append(processor.process(x[start:]))
    return np.concatenate(parts)


def _check_signals(rig: _Rig, fresh: Callable[..., Plugin]) -> None:
    length = _FRAMES * rig.geometry.hop_length
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


def _check_repeatable(rig: _Rig, fresh: Callable[..., Plugin]) -> None:
    x = rig.noise()
    processor = rig.processor(fresh())
    first = _through(processor, x)
    sizes = [1, rig.geometry.hop_length, 7, 3 * rig.geometry.hop_length + 5]
    _assert_same(rig.run(fresh(), x), first, "a second instance gives another output")
    _assert_same(rig.run(fresh(), x, sizes), first, f"cut into blocks of {sizes}, the output differs")
    processor.reset()
    _assert_same(_through(processor, x), first, "after reset the output differs from a fresh plugin's")
    processor.reset()
    others = rig.processor(fresh()), rig.processor(fresh())
    beside = []
    for half in (x[: len(x) // 2], x[len(x) // 2 :]):
        beside.append(processor.process(half))
        for other in others:
            other.process(-half)
    _assert_same(np.concatenate(beside), first, "beside another instance the output differs: state is shared")
    _check_lookahead(rig, processor, x, first)


def _check_lookahead(rig: _Rig, processor: Processor, x: RealArray, y: RealArray) -> None:
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


def _check_dry(rig: _Rig, fresh: Callable[..., Plugin]) -> None:
    x = rig.noise()
    plugin = fresh(mix=0.0)
    processor = rig.processor(plugin)
    delay = processor.lookahead
    dry = Processor([], rig.geometry, _RATE, rig.channels, dtype=rig.dtype)
    expected = dry.process(np.ascontiguousarray(x[: len(x) - delay, : rig.channels]))
    _assert_same(_through(processor, x)[delay:], expected, "mix=0 is not the dry signal")
    _assert_same(rig.run(fresh(bypass=True), x)[delay:], expected, "bypass is not the dry signal")


def _check_limits(rig: _Rig, fresh: Callable[..., Plugin]) -> None:
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


def _check_memory(rig: _Rig, fresh: Callable[..., Plugin]) -> None:
    processor = rig.processor(fresh())
    x = rig.noise()[: rig.geometry.hop_length]
    out = np.empty((len(x), rig.channels), rig.dtype)
    for _ in range(_SETTLING_FRAMES):
        processor.process(x, out)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(_STEADY_FRAMES):
            processor.process(x, out)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < _GROWTH, f"memory grew by {grown} bytes in {_STEADY_FRAMES} frames: allocate in prepare"


def _cost(rig: _Rig, fresh: Callable[..., Plugin]) -> tuple[float, int]:
    """Seconds a frame, without those of the transforms; the most bytes allocated within a frame."""
    processor = rig.processor(fresh())
    idle = Processor([], rig.geometry, _RATE, rig.channels, dtype=rig.dtype, aux=dict.fromkeys(rig.aux, 1))
    x = rig.noise()[: rig.geometry.hop_length]
    out = np.empty((len(x), rig.channels), rig.dtype)
    frame_s = max(0.0, _fastest(processor, x, out) - _fastest(idle, x, out))
    tracemalloc.start()
    try:
        processor.process(x, out)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        processor.process(x, out)
        allocated = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    return frame_s, allocated


def _fastest(processor: Processor, x: RealArray, out: RealArray) -> float:
    """Seconds per hop: the best of some runs, for others share the machine."""
    taken = []
    for _ in range(7):
        started = time.perf_counter()
        for _ in range(30):
            processor.process(x, out)
        taken.append((time.perf_counter() - started) / 30)
    return min(taken)


def _assert_same(found: RealArray, expected: RealArray, what: str) -> None:
    if not np.array_equal(found, expected):
        first = int(np.flatnonzero((found != expected).any(axis=1))[0])
        worst = float(np.abs(found - expected).max())
        raise AssertionError(f"{what}: from sample {first} on, by up to {worst:.3g}")
