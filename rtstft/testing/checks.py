"""The checks that a plugin has to pass in every rig: each raises AssertionError with what does not hold."""

import numpy as np

from rtstft.errors import PluginError
from rtstft.plugin import Plugin
from rtstft.processor import Processor
from rtstft.testing.bench import Bench, assert_same
from rtstft.testing.located import located
from rtstft.testing.rig import FRAMES, Rig
from rtstft.types import RealArray

_LATE_FRAMES = 8  # to which a wrong lookahead is found
_SAME, _OTHER = 0.9, 0.5  # correlation of what is the same signal, and of what is not


def check_repeatable(bench: Bench, used: Plugin) -> None:
    """The same input gives the same output: in another instance, after a reset, in other blocks, in time.

    Args:
        bench: the plugin's.
        used: an instance of it that has been prepared for other rigs before.
    """
    usual = bench.usual
    second = bench.rig.processor(bench.fresh())
    assert_same(
        second.process(bench.noise),
        usual,
        "a second instance gives another output",
        "keep state in the instance, go by no clock or thread, and draw random numbers from a generator of "
        "your own, made in reset with a fixed seed",
    )
    assert_same(
        bench.play(),
        usual,
        "after reset the output differs from a fresh plugin's",
        "let reset undo whatever process changes",
    )
    sizes = [1, bench.rig.geometry.hop_length, 7, 3 * bench.rig.geometry.hop_length + 5]
    assert_same(
        bench.play(sizes),
        usual,
        f"cut into blocks of {sizes}, the output differs",
        "let process depend on its frames alone, not on when it is called",
    )
    beside = bench.play_halves(lambda: second.process(-bench.noise))
    assert_same(  # first, so that another instance is not blamed
        bench.play(),
        usual,
        "after a few resets the output differs from a fresh plugin's",
        "let reset undo whatever process changes",
    )
    assert_same(
        beside,
        usual,
        "beside another instance the output differs",
        "state is shared: keep none in the class, the module or numpy.random, but all in the instance",
    )
    what = "prepared once more, after it ran elsewhere, it is unlike a fresh one"
    remedy = "let prepare replace all state that there is"
    try:
        again = bench.of(used)
    except PluginError as error:
        raise AssertionError(f"{what}: {error}: {remedy}") from error
    assert_same(again, usual, what, remedy)


def check_lookahead(bench: Bench) -> None:
    """An output that is the input, but for the level, is so at the time that lookahead says."""
    hop = bench.rig.geometry.hop_length
    lookahead = bench.processor.lookahead // hop
    assert bench.plugin.lookahead == lookahead, (
        f"lookahead was {lookahead} after prepare and is {bench.plugin.lookahead} now, but the latency of a "
        f"stream stays: set it in prepare"
    )
    x = bench.noise[:, : bench.rig.channels]
    likeness = {
        frames: _likeness(x, bench.usual[bench.processor.latency + (frames - lookahead) * hop :])
        for frames in range(lookahead + _LATE_FRAMES + 1)
    }
    closest = max(likeness, key=likeness.__getitem__)
    assert likeness[closest] < _SAME or likeness[lookahead] > _OTHER, (
        f"the output is the input {closest} frames late, but lookahead is {lookahead}: set it, in prepare, "
        f"to the frames that process delays by (of a delay as an effect: check it with over {_LATE_FRAMES}); "
        f"or is a frame kept without a copy, and overwritten by the next?"
    )


def _likeness(x: RealArray, y: RealArray) -> float:
    """Correlation of the part that both have, from 0 to 1; 0 of silence."""
    x = x[: len(y)]
    energy = np.vdot(x, x) * np.vdot(y, y)
    return float(abs(np.vdot(x, y)) / np.sqrt(energy)) if energy else 0.0


def check_signals(rig: Rig, processor: Processor) -> None:
    """Signals that break arithmetic leave no NaN or Inf."""
    length = FRAMES * rig.geometry.hop_length + processor.lookahead
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
        processor.reset()
        with located(what):
            y = processor.process(rig.signal(x))
            assert np.isfinite(y).all(), "leaves NaN or Inf"


def check_dry(bench: Bench) -> None:
    """mix=0 and bypass give the dry signal at the same latency, to the bit."""
    delay = bench.processor.lookahead
    dry = bench.rig.processor([]).process(bench.noise[: len(bench.noise) - delay])
    for name, value in (("mix", 0.0), ("bypass", True)):
        usual = getattr(bench.plugin, name)
        bench.plugin.set(**{name: value})
        found = bench.play()[delay:]
        bench.plugin.set(**{name: usual})
        assert_same(
            found, dry, f"{name}={value!r} is not the dry signal", "leave mix and bypass to the engine"
        )
