"""check_plugin finds each point of the contract that a plugin breaks, and names it."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from rtstft import STFT, Context, FrameInfo, GeometryError, Param, ParameterError, Plugin
from rtstft.delay import FrameDelay
from rtstft.plugins.gain import Gain
from rtstft.testing import GEOMETRIES, PluginReport, check_plugin

FEW: Sequence[STFT] = (STFT(128, 32), STFT(63, 16))


class Smooth(Plugin):
    """Good: smears magnitudes over time, and has parameters of all kinds."""

    share = Param(0.2, min=0.01, max=1.0, smooth_s=0.01)
    steps = Param(1, min=1, max=4)
    kind = Param("both", choices=("both", "one"))
    on = Param(True)
    name = Param("")
    reach = Param(1.0, min=0.0, max=2.0, fixed=True)

    def prepare(self, context: Context) -> None:
        self.mean = np.zeros((context.channels, context.stft.bins), context.dtype)
        self.scratch = np.empty_like(self.mean)

    def process(self, frame: Any) -> None:
        np.abs(frame, out=self.scratch)
        self.scratch -= self.mean
        self.scratch *= self.share
        self.mean += self.scratch
        frame *= self.mean

    def reset(self) -> None:
        self.mean[...] = 0


class Delays(Plugin):
    """Good if `lookahead` is what it delays by."""

    frames = 3
    lookahead = 3

    def prepare(self, context: Context) -> None:
        self.delay = FrameDelay(self.frames, (context.channels, context.stft.bins), context.complex_dtype)

    def process(self, frame: Any) -> Any:
        return self.delay.push(frame)

    def reset(self) -> None:
        self.delay.reset()


class Side(Plugin):
    """Good: lets through what an input lets through."""

    aux = ("side",)

    def process(self, frame: Any, info: FrameInfo, aux: Any) -> None:  # noqa: ARG002
        frame *= np.abs(aux["side"]) > 1


class NotThis(Plugin):
    """Refuses one geometry, and more than two channels."""

    def prepare(self, context: Context) -> None:
        if context.stft.n_fft % 2:
            raise GeometryError("odd")
        if context.channels > 2:
            raise GeometryError("too many")

    def process(self, frame: Any) -> None:
        frame *= 0.5


class Refuses(Plugin):
    """Has a combination of parameters that it refuses with a reason."""

    order = Param(1, min=1, max=3)

    def update(self) -> None:
        if self.order == 3:
            raise ParameterError("order=3 needs more bins")

    def process(self, frame: Any) -> None:
        frame *= 0.5


class Late(Delays):
    """Delays, and says nothing."""

    lookahead = 0


class Early(Delays):
    """Says that it delays by more than it does."""

    lookahead = 5


class Remembers(Smooth):
    """Keeps its state over a reset."""

    def reset(self) -> None:
        pass


class Counts(Plugin):
    """Keeps a counter over a reset."""

    def __init__(self) -> None:
        self.count = 0

    def process(self, frame: Any) -> None:
        self.count += 1
        frame *= np.float32(self.count % 7)


class Shares(Plugin):
    """Keeps its state in the class."""

    heard: ClassVar[list[float]] = [0.0]

    def process(self, frame: Any) -> None:
        self.heard[0] += float(np.abs(frame).mean())
        frame *= np.float32(self.heard[0])

    def reset(self) -> None:
        self.heard[0] = 0.0


class SharesWhilePrepared(Shares):
    """Keeps its state in the class, and clears it there whenever one is prepared."""

    def prepare(self, _: Context) -> None:
        self.heard[0] = 0.0


class Keeps(Plugin):
    """Keeps the frame itself for the next one."""

    def process(self, frame: Any) -> Any:
        last = getattr(self, "last", frame)
        self.last = frame
        return frame + last

    def reset(self) -> None:
        del self.last


class Random(Plugin):
    """Draws other numbers each time."""

    def prepare(self, _: Context) -> None:
        self.random = np.random.default_rng()

    def process(self, frame: Any) -> None:
        frame *= np.float32(self.random.uniform())


class Divides(Plugin):
    """Divides by the loudest bin."""

    def process(self, frame: Any) -> None:
        with np.errstate(all="ignore"):
            frame /= np.abs(frame).max()


class Overflows(Plugin):
    """Is not finite for what is louder than usual."""

    def process(self, frame: Any) -> None:
        frame[np.abs(frame) > 20] = np.inf


class Logarithm(Plugin):
    """Has a limit that does not work."""

    level = Param(1.0, min=0.0, max=2.0)

    def process(self, frame: Any) -> None:
        with np.errstate(all="ignore"):
            frame *= np.float32(np.log(self.level))


class Switch(Plugin):
    """Has a choice that fails once it plays."""

    kind = Param("low", choices=("low", "high"))

    def prepare(self, _: Context) -> None:
        self.first = self.kind

    def process(self, frame: Any) -> None:
        if self.kind != self.first:
            frame[...] = np.nan


class Choice(Plugin):
    """Has a choice that raises."""

    kind = Param("low", choices=("low", "high"))

    def update(self) -> None:
        {"low": 1}[self.kind]

    def process(self, frame: Any) -> None:
        frame *= 0.5


class Grows(Plugin):
    """Keeps one number more with every frame."""

    def __init__(self) -> None:
        self.levels: list[float] = []

    def process(self, frame: Any) -> None:
        self.levels.append(float(np.abs(frame[0, 0])))

    def reset(self) -> None:
        self.levels.clear()


class Unwelcome(Plugin):
    """Refuses every geometry."""

    def prepare(self, _: Context) -> None:
        raise GeometryError("no such thing")

    def process(self, frame: Any) -> None:
        pass


class Unprepared(Plugin):
    """Fails in prepare."""

    def prepare(self, _: Context) -> None:
        raise KeyError("table")

    def process(self, frame: Any) -> None:
        pass


class OnlyStereo(Plugin):
    """Takes it that there are two channels."""

    def process(self, frame: Any) -> None:
        frame[1] = frame[0]


class Deaf(Plugin):
    """Listens to an input that it does not name."""

    def process(self, frame: Any, info: FrameInfo, aux: Any) -> None:  # noqa: ARG002
        frame *= aux["side"]


class Wrong(Plugin):
    """Returns another shape."""

    def process(self, frame: Any) -> Any:
        return frame[:, 1:]


class Undocumented(Gain):
    pass


class Unpicklable(Plugin):
    """Holds what cannot be sent to another process."""

    def __init__(self) -> None:
        self.function = lambda frame: frame

    def process(self, frame: Any) -> None:
        pass


class NoPlugin:
    """Is no plugin."""

    def process(self, frame: Any) -> None:
        pass


@pytest.mark.parametrize("kind", [Smooth, Delays, Side, Gain, Refuses])
def test_good_plugin_passes(kind: Any) -> None:
    report = check_plugin(kind, geometries=FEW)
    assert report.combinations == len(FEW) * 4 + 6
    assert report.refused == ()
    assert report.frame_s >= 0


def test_it_runs_in_every_geometry_with_1_to_8_channels_in_both_precisions() -> None:
    seen = set()

    class Watch(Plugin):
        """Looks at what it is prepared for."""

        def prepare(self, context: Context) -> None:
            seen.add((context.stft, context.channels, context.dtype.name))

        def process(self, frame: Any) -> None:
            pass

    Watch.__qualname__ = "Watch"  # where pickle finds it
    globals()["Watch"] = Watch
    report = check_plugin(Watch)
    del globals()["Watch"]
    assert report.combinations == len(seen) == len(GEOMETRIES) * 4 + 6
    assert {stft for stft, *_ in seen} == set(GEOMETRIES)
    assert {channels for _, channels, _ in seen} == set(range(1, 9))
    assert {dtype for *_, dtype in seen} == {"float32", "float64"}


def test_refused_are_reported_with_their_reasons() -> None:
    report = check_plugin(NotThis, geometries=FEW)
    assert report.combinations == 4
    assert len(report.refused) == 10
    assert sum("63" in line and line.endswith("1 channels, float32: odd") for line in report.refused) == 1
    assert sum(line.endswith(": too many") for line in report.refused) == 3


def test_cost_is_reported() -> None:
    class Costly(Gain):
        """Allocates frames and computes."""

        def process(self, frame: Any) -> None:
            for _ in range(20):
                copy = np.sort(np.abs(frame), axis=1)
            frame *= copy.max()

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


BROKEN: dict[Any, str] = {
    Late: r"Late in STFT.*: the output is the input 3 frames late, but lookahead is 0: set it, in prepare",
    Early: r"Early in STFT.*: the output is the input 3 frames late, but lookahead is 5",
    Remembers: r"Remembers in STFT hann: window 128.*, 1 channels, float32: after reset the output differs",
    Counts: "Counts in .*: after reset the output differs",
    Shares: "Shares in .*: a second instance gives another output",
    SharesWhilePrepared: "beside another instance the output differs: state is shared",
    Keeps: "Keeps in .*: a frame is kept after process",
    Random: "a second instance gives another output",
    Divides: "Divides in .*: silence: .*left NaN or Inf",
    Overflows: "Overflows in .*: full scale: .*left NaN or Inf",
    Logarithm: r"Logarithm in .*: with level=0.0: .*left NaN or Inf",
    Switch: "Switch in .*: with kind='high'.*: .*left NaN or Inf",
    Choice: "Choice in .*: with kind='high': .*update raised KeyError: 'high'",
    Grows: r"Grows in .*: memory grew by \d+ bytes in \d+ frames: allocate in prepare",
    Unwelcome: r"Unwelcome refused all of it: STFT.*no such thing",
    Unprepared: "Unprepared in .*: prepare raised KeyError: 'table'",
    OnlyStereo: "OnlyStereo in .*, 1 channels, .*: silence: .*raised IndexError",
    Deaf: "Deaf in .*: silence: .*raised KeyError: 'side'",
    Wrong: "Wrong in .*: silence: .*returned complex64 of shape",
    Undocumented: "Undocumented has no docstring",
    Unpicklable: "Unpicklable cannot be pickled, hence not be isolated",
    NoPlugin: r"NoPlugin.* is no rtstft\.Plugin",
}


@pytest.fixture(autouse=True)
def _nothing_shared_between_tests() -> Iterator[None]:
    yield
    Shares.heard[0] = 0.0


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_plugin_fails_with_what_is_wrong(kind: Any) -> None:
    with pytest.raises(AssertionError, match=re.compile(BROKEN[kind], re.DOTALL)):
        check_plugin(kind, geometries=FEW)
