"""check_plugin: the whole contract, in all rigs."""

import pickle
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rtstft.errors import PluginError
from rtstft.geometry import STFT
from rtstft.plugin import Plugin
from rtstft.testing.checks import check_dry, check_limits, check_repeatable, check_signals
from rtstft.testing.cost import check_memory, cost
from rtstft.testing.rig import Rig, rigs

GEOMETRIES: Sequence[STFT] = (
    STFT(1024, 256),
    STFT(512, 128, window="sqrt_hann", synthesis="same"),
    STFT(1024, 160, 512, window="hamming"),
    STFT(256, 96, 192),
    STFT(255, 64),
    STFT(512, 64, 256, window="hann", synthesis="ola"),
)
"""Usual and awkward ones: zero-padded, of an odd length, with a hop that divides nothing, for filters."""


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
    the same to the bit; it keeps no frame beyond the call; mix=0 and bypass give the dry signal at the
    same latency; output that is the input, late by a few frames, is so by `lookahead` frames; silence,
    denormals, full scale and an impulse leave no NaN or Inf. So do all parameters at their limits, from
    the start and in the middle of a signal, in the first geometry that works. It has a docstring, can
    be pickled, and its memory does not grow. A geometry or channel count that `prepare` refuses with a
    GeometryError or AudioError is left out; not all may be.

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
    working: list[Rig] = []
    for rig in rigs(geometries, plugin.aux):
        with _located(name, rig):
            why = rig.refusal(fresh())
            if why:
                refused.append(f"{rig}: {why}")
                continue
            working.append(rig)
            check_signals(rig, fresh)
            check_repeatable(rig, fresh)
            check_dry(rig, fresh)
    assert working, f"{name} refused all of it: {'; '.join(refused)}"
    usual = working[0]  # in mono, if there it works
    for rig in working:
        if (rig.geometry, rig.dtype) == (usual.geometry, usual.dtype) and rig.channels <= 2:
            with _located(name, rig):
                check_limits(rig, fresh)
    with _located(name, usual):
        check_memory(usual, fresh)
        return PluginReport(len(working), tuple(refused), *cost(usual, fresh))


@contextmanager
def _located(name: str, rig: "Rig") -> Iterator[None]:
    """What fails, fails with the plugin's name and the rig."""
    try:
        yield
    except PluginError as error:
        raise AssertionError(f"{name} in {rig}: {error}") from error
    except AssertionError as error:
        raise AssertionError(f"{name} in {rig}: {error}") from None
