"""check_plugin: the whole contract, in all rigs."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rtstft.errors import PluginError
from rtstft.geometry import STFT
from rtstft.plugin import Plugin
from rtstft.testing.bench import Bench, Fresh
from rtstft.testing.channels import check_channels, unlike_the_last
from rtstft.testing.checks import check_dry, check_lookahead, check_repeatable, check_signals
from rtstft.testing.cost import check_memory, cost
from rtstft.testing.declared import check_declared
from rtstft.testing.located import located
from rtstft.testing.parameters import check_left_alone, check_limits
from rtstft.testing.playing import check_copy, check_counting, check_lent, check_update
from rtstft.testing.rig import Rig, refused, rigs
from rtstft.testing.sound import check_sound

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
        combinations: of geometry, samplerate, channels and dtype that the plugin ran in.
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

    In every geometry, at 8 to 192 kHz, with 1 to 8 channels, in both precisions, and with auxiliary inputs of
    1 to 3 channels:

    - Its output does not depend on how the input is cut into blocks, and is the same to the bit after
      `reset`, in a second instance, beside another one, and in one that was prepared before.
    - mix=0 and bypass give the dry signal at the same latency, and output that is the input, late by a few
      frames, is so by `lookahead` frames.
    - Silence, denormals, full scale and an impulse leave no NaN or Inf; not only the first one or few
      channels are processed; it does not set its own parameters.

    In the first geometry that works:

    - Every parameter works at its limits, with such signals, too, and sounds the same to the bit whether it
      was set before `prepare` or before a `reset`; it is heard without one too, and leaves `lookahead` alone.
    - It keeps no frame beyond the call, plays the same when it was pickled, goes on when `update` is called,
      and need not see frame 0 first. Memory does not grow, in mono or stereo.

    Noise comes out with the same levels, over time and in bands, in 2048/512 at 96 kHz, with a quarter of
    hop and samplerate, and with bins half as wide: with `params` alone, so check a plugin that does little
    as it is made with others, too. The plugin has a docstring; its parameters are keywords
    of the class, and count neither frames nor bins. What `prepare` refuses with a GeometryError or
    AudioError is left out; not all may be.

    Args:
        make: the class, or a function that makes an instance.
        geometries: in which to try it.
        params: what to make it with.

    Raises:
        AssertionError: what does not hold, where, and what to do.
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
        check_declared(make, params)
        return _check(fresh, geometries)


def _check(fresh: Fresh, geometries: Sequence[STFT]) -> PluginReport:
    used = fresh()
    name = type(used).__name__
    refusals: list[str] = []
    working: list[Rig] = []
    unlike: dict[int, int] = {}
    for rig in rigs(geometries, used.aux):
        with located(f"{name} in {rig}"):
            try:
                bench = Bench(rig, fresh)
            except PluginError as error:
                if not refused(error):
                    raise
                refusals.append(f"{rig}: {error.__cause__}")
                continue
            working.append(rig)
            _check_bench(bench, used)
            if rig.channels > 2:
                unlike[rig.channels] = unlike_the_last(bench)
            if rig.geometry == working[0].geometry and rig.channels <= 2:
                _check_playing(bench)
    assert working, f"{name} refused all of it: {'; '.join(refusals)}"
    usual = working[0]  # in mono, if there it works
    with located(name):
        check_channels(unlike)
        check_sound(usual, fresh)
    stereo = [rig for rig in working if rig.channels > usual.channels][:1]
    for rig in [usual, *stereo]:
        with located(f"{name} in {rig}"):
            check_memory(rig, fresh)
    with located(f"{name} in {usual}"):
        return PluginReport(len(working), tuple(refusals), *cost(usual, fresh))


def _check_bench(bench: Bench, used: Plugin) -> None:
    """What may depend on geometry, samplerate or channels."""
    check_left_alone(bench)
    check_repeatable(bench, used)
    check_lookahead(bench)
    check_signals(bench.rig, bench.processor)
    check_dry(bench)


def _check_playing(bench: Bench) -> None:
    """What hardly does."""
    check_lent(bench)
    check_copy(bench)
    check_update(bench)
    check_counting(bench)
    check_limits(bench)
