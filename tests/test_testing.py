"""check_plugin finds each point of the contract that a plugin breaks, and names it."""

import gc
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from contracts import (
    BROKEN,
    Ambisonic,
    Circle,
    Cycles,
    Delays,
    Logarithm,
    Loudspeakers,
    Mutes,
    NotThis,
    OneRate,
    Refuses,
    Shares,
    Side,
    Smooth,
)

from rtstft import STFT, Context, ParameterError, Plugin
from rtstft.plugins.gain import Gain
from rtstft.plugins.gate import Gate
from rtstft.plugins.limiter import Limiter
from rtstft.testing import GEOMETRIES, PluginReport, check_plugin

FEW: Sequence[STFT] = (STFT(128, 32), STFT(63, 16))


@pytest.mark.parametrize("kind", [Smooth, Delays, Side, Gain, Mutes, Refuses])
def test_good_plugin_passes(kind: Any) -> None:
    report = check_plugin(kind, geometries=FEW)
    assert report.combinations == len(FEW) * 4 + 6
    assert report.refused == ()
    assert report.frame_s >= 0


def test_garbage_that_has_not_been_collected_is_no_growth() -> None:
    usual = gc.get_threshold()
    gc.set_threshold(10_000)
    try:
        check_plugin(Cycles, geometries=FEW)
    finally:
        gc.set_threshold(*usual)


@pytest.mark.parametrize("kind", [Circle, Ambisonic, Loudspeakers])
def test_channels_may_differ_by_what_they_are(kind: Any) -> None:
    check_plugin(kind, geometries=FEW)


def test_it_runs_in_every_geometry_at_every_rate_with_1_to_8_channels_in_both_precisions() -> None:
    seen = set()

    class Watch(Plugin):
        """Looks at what it is prepared for."""

        aux = ("side", "other")

        def prepare(self, context: Context) -> None:
            seen.add(
                (context.stft, context.channels, context.dtype.name, context.samplerate, context.aux["side"])
            )

        def process(self, frame: Any) -> None:
            pass

    Watch.__qualname__ = "Watch"  # where pickle finds it
    globals()["Watch"] = Watch
    report = check_plugin(Watch)
    del globals()["Watch"]
    assert report.combinations == len(GEOMETRIES) * 4 + 6
    assert {(stft, channels, dtype) for stft, channels, dtype, *_ in seen} >= {
        (stft, channels, dtype)
        for stft in GEOMETRIES
        for channels in (1, 2)
        for dtype in ("float32", "float64")
    }
    assert {channels for _, channels, *_ in seen} == set(range(1, 9))
    for channels in (1, 2):
        assert {rate for _, count, _, rate, _ in seen if count == channels} >= {8000, 44_100, 48_000, 192_000}
        assert {side for _, count, _, _, side in seen if count == channels} == {1, 2, 3}


def test_refused_are_reported_with_their_reasons() -> None:
    report = check_plugin(NotThis, geometries=FEW)
    assert report.combinations == 4
    assert len(report.refused) == 10
    assert sum("63" in line and line.endswith("1 channels, float32: odd") for line in report.refused) == 1
    assert sum(line.endswith(": too many") for line in report.refused) == 3


def test_what_is_refused_need_not_sound_the_same() -> None:
    report = check_plugin(OneRate, geometries=FEW)
    assert {re.findall(r"\d+ Hz", line)[0] for line in report.refused} == {"8000 Hz", "44100 Hz", "192000 Hz"}


def test_what_automation_sets_is_left_to_it() -> None:
    def faded() -> Gain:
        gain = Gain()
        gain.automate("gain_db", [(0.0, 0.0), (0.01, -20.0)])
        return gain

    assert check_plugin(faded, geometries=FEW).refused == ()


def test_cost_is_reported() -> None:
    class Costly(Gain):
        """Allocates frames and computes."""

        def process(self, frame: Any) -> None:
            for _ in range(20):
                copy = np.sort(np.abs(frame), axis=1)
            frame *= 1 + 0 * copy.max()

    Costly.__qualname__ = "Costly"
    globals()["Costly"] = Costly
    costly, cheap = check_plugin(Costly, geometries=FEW), check_plugin(Gain, geometries=FEW)
    del globals()["Costly"]
    assert isinstance(costly, PluginReport)
    assert costly.frame_bytes > 2 * 65 * 4 + cheap.frame_bytes
    assert costly.frame_s > cheap.frame_s


def test_parameters_are_passed_on() -> None:
    with pytest.raises(AssertionError, match="left NaN"):
        check_plugin(Logarithm, geometries=FEW, level=0.0)
    with pytest.raises(ParameterError, match="Gain has no parameter 'level'"):
        check_plugin(Gain, level=1)


@pytest.mark.parametrize("lookahead_s", [0.01, 0.05])
def test_lookahead_may_be_longer_than_what_is_played_else(lookahead_s: float) -> None:
    check_plugin(Limiter, geometries=FEW, lookahead_s=lookahead_s)
    check_plugin(Gate, geometries=FEW, lookahead_s=lookahead_s)


@pytest.fixture(autouse=True)
def _nothing_shared_between_tests() -> Iterator[None]:
    yield
    Shares.heard[0] = 0.0


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_plugin_fails_with_what_is_wrong(kind: Any) -> None:
    with pytest.raises(AssertionError, match=re.compile(BROKEN[kind], re.DOTALL)):
        check_plugin(kind, geometries=FEW)
