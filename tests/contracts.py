"""Plugins that keep the contract, and plugins that each break a point of it, with what is then said."""

import math
from typing import Any, ClassVar

import numpy as np

from rtstft import AudioError, Context, FrameInfo, GeometryError, Param, ParameterError, Plugin
from rtstft.delay import FrameDelay
from rtstft.plugins.gain import Gain


class Smooth(Plugin):
    """Good: smears magnitudes over time, and has parameters of all kinds."""

    time_s = Param(0.1, min=0.0, max=1.0, smooth_s=0.01)
    steps = Param(1, min=1, max=4)
    kind = Param("both", choices=("both", "one"))
    on = Param(True)
    name = Param("")
    reach = Param(1.0, min=0.0, max=2.0, fixed=True)

    def prepare(self, context: Context) -> None:
        self.hop_s = context.hop_s
        self.soft = 0.03 * context.stft.analysis_window.sum() / 2
        self.mean = np.zeros((context.channels, context.stft.bins), context.dtype)
        self.scratch = np.empty_like(self.mean)

    def update(self) -> None:
        self.share = share(self.hop_s, self.time_s)

    def process(self, frame: Any) -> None:
        np.abs(frame, out=self.scratch)
        self.scratch -= self.mean
        self.scratch *= self.share
        self.mean += self.scratch
        frame *= self.mean / self.soft

    def reset(self) -> None:
        self.mean[...] = 0


def share(hop_s: float, time_s: float) -> float:
    """What a frame moves a mean by."""
    return -math.expm1(-hop_s / time_s) if time_s else 1.0


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

    def prepare(self, context: Context) -> None:
        self.soft = 0.01 * context.stft.analysis_window.sum() / 2

    def process(self, frame: Any, info: FrameInfo, aux: Any) -> None:  # noqa: ARG002
        frame *= np.abs(aux["side"]).max(axis=0) > self.soft


class Cycles(Plugin):
    """Good: leaves what the garbage collector alone finds."""

    def process(self, frame: Any) -> None:  # noqa: ARG002
        loop: list[Any] = []
        loop.append(loop)


class Circle(Plugin):
    """Good: each channel has its place around a listener, before whom the first one is."""

    def prepare(self, context: Context) -> None:
        angles = 2 * np.pi * np.arange(context.channels) / context.channels
        self.gains = np.cos(angles).astype(context.dtype)[:, np.newaxis]

    def process(self, frame: Any) -> None:
        frame *= self.gains


class Ambisonic(Plugin):
    """Good: knows what its four channels are, and lowers the directions."""

    def prepare(self, context: Context) -> None:
        if context.channels != 4:
            raise AudioError(f"{context.channels} channels, expected W, X, Y and Z")

    def process(self, frame: Any) -> None:
        frame[1:] *= 0.5


class Loudspeakers(Plugin):
    """Good: lowers the fourth channel, which is for basses in 5.1 and 7.1."""

    def prepare(self, context: Context) -> None:
        if context.channels not in (6, 8):
            raise AudioError(f"{context.channels} channels, expected 5.1 or 7.1")

    def process(self, frame: Any) -> None:
        frame[3] *= 0.5


class NotThis(Plugin):
    """Refuses one geometry, and more than two channels."""

    def prepare(self, context: Context) -> None:
        if context.stft.n_fft % 2:
            raise GeometryError("odd")
        if context.channels > 2:
            raise GeometryError("too many")

    def process(self, frame: Any) -> None:
        frame *= 0.5


class Mutes(Plugin):
    """Good: leaves nothing."""

    def process(self, frame: Any) -> None:
        frame[...] = 0


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

    def prepare(self, _: Context) -> None:
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


class SharesRandom(Plugin):
    """Draws from the generator that all of numpy has, which each reset seeds."""

    def prepare(self, _: Context) -> None:
        self.reset()

    def process(self, frame: Any) -> None:
        frame *= np.random.uniform()  # noqa: NPY002

    def reset(self) -> None:
        np.random.seed(1)  # noqa: NPY002


class Keeps(Plugin):
    """Keeps the frame itself for the next one."""

    def process(self, frame: Any) -> Any:
        last = getattr(self, "last", frame)
        self.last = frame
        return frame + last

    def reset(self) -> None:
        del self.last


class KeepsSide(Plugin):
    """Keeps an auxiliary frame itself for the next one."""

    aux = ("side",)

    def process(self, frame: Any, info: FrameInfo, aux: Any) -> None:  # noqa: ARG002
        frame *= np.abs(getattr(self, "last", aux["side"])).max(axis=0) > 1
        self.last = aux["side"]

    def reset(self) -> None:
        del self.last


class Random(Plugin):
    """Draws other numbers each time."""

    def prepare(self, _: Context) -> None:
        self.random = np.random.default_rng()

    def process(self, frame: Any) -> None:
        frame *= np.float32(self.random.uniform())


class AllocatesOnce(Plugin):
    """Makes its state with the first frame of its life."""

    state: Any = None

    def process(self, frame: Any) -> None:
        if self.state is None:
            self.state = np.zeros_like(frame)
        self.state += frame
        frame[...] = self.state

    def reset(self) -> None:
        self.state[...] = 0


class AtFrameZero(Plugin):
    """Makes its state with the first frame of a stream."""

    def process(self, frame: Any, info: FrameInfo) -> None:
        if info.index == 0:
            self.state = np.zeros_like(frame)
        self.state += frame
        frame[...] = self.state


class ClearsAtFrameZero(AtFrameZero):
    """Makes its state in time, and clears it with the first frame of a stream."""

    def prepare(self, context: Context) -> None:
        self.state = np.zeros((context.channels, context.stft.bins), context.complex_dtype)


class UpdateForgets(Smooth):
    """Allocates its state where parameters are taken over."""

    def update(self) -> None:
        super().update()
        self.mean = np.zeros_like(self.mean)


class LosesACopy(Plugin):
    """Does not take to another process what it was given."""

    factor = 1.0

    def __init__(self, factor: float = 0.5, **params: Any) -> None:
        super().__init__(**params)
        self.factor = factor

    def __getstate__(self) -> dict[str, Any]:
        return {"parameter_values": self.parameter_values}

    def process(self, frame: Any) -> None:
        frame *= self.factor


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


class Whitens(Plugin):
    """Has a limit at which it divides by the magnitude of silence."""

    power = Param(0.0, min=0.0, max=1.0)

    def process(self, frame: Any) -> None:
        with np.errstate(all="ignore"):
            frame *= (np.abs(frame) / 100) ** np.float32(-self.power)


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


class OnlyPrepares(Plugin):
    """Reads a parameter in prepare only."""

    level = Param(1.0)

    def prepare(self, _: Context) -> None:
        self.gain = self.level

    def process(self, frame: Any) -> None:
        frame *= self.gain


class Times(Plugin):
    """Goes down once some time has passed, which reset does not set back."""

    def prepare(self, _: Context) -> None:
        self.frames = 0

    def process(self, frame: Any) -> None:
        self.frames += 1
        if self.frames > 100:
            frame *= 0.5


class OnlyResets(OnlyPrepares):
    """Reads a parameter in prepare and reset only."""

    def reset(self) -> None:
        self.gain = self.level


class Sticks(Plugin):
    """Goes up with a parameter, and never down again."""

    on = Param(False)
    factor = 0.5

    def prepare(self, _: Context) -> None:
        self.factor = 0.5

    def update(self) -> None:
        if self.on:
            self.factor = 1.0

    def process(self, frame: Any) -> None:
        frame *= self.factor


class LooksAhead(Delays):
    """Has a lookahead that a parameter changes at any time."""

    delay_s = Param(0.0, min=0.0, max=0.01)

    def update(self) -> None:
        self.lookahead = 3 + round(self.delay_s * 1000)


class SetsItself(Plugin):
    """Sets its own parameter."""

    level = Param(0.5, min=0.0, max=1.0)

    def process(self, frame: Any) -> None:
        self.level = min(1.0, float(np.abs(frame).max()))
        frame *= self.level


class TakesOver(Plugin):
    """Wants to be heard."""

    def update(self) -> None:
        self.set(mix=1.0, bypass=False)

    def process(self, frame: Any) -> None:
        frame *= 0.5


class InFrames(Plugin):
    """Has a parameter that means another time in another geometry."""

    hold_frames = Param(3, min=1, max=9)

    def process(self, frame: Any) -> None:
        frame *= self.hold_frames


class NoKeywords(Plugin):
    """Takes no parameters when it is made."""

    level = Param(1.0, min=0.0, max=2.0)

    def __init__(self) -> None:
        super().__init__()

    def process(self, frame: Any) -> None:
        frame *= self.level


class OtherValues(NoKeywords):
    """Takes parameters when it is made, and sets others."""

    def __init__(self, **params: Any) -> None:  # noqa: ARG002
        super().__init__()
        self.level = 1.0


class PerFrame(Smooth):
    """Smooths by as much in every frame, however long that is."""

    def update(self) -> None:
        self.share = 0.1


class AlwaysDat(Smooth):
    """Takes it that the samplerate is 48 kHz."""

    def prepare(self, context: Context) -> None:
        super().prepare(context)
        self.hop_s = context.stft.hop_length / 48_000


class OneRate(PerFrame):
    """Refuses all samplerates but the one that its frames are made for."""

    def prepare(self, context: Context) -> None:
        super().prepare(context)
        if context.samplerate != 48_000:
            raise AudioError(f"{context.samplerate:g} Hz, expected 48000")


class FailsAt24(Plugin):
    """Divides by what is 0 at one samplerate."""

    def prepare(self, context: Context) -> None:
        self.level = 1 / (context.samplerate - 24_000)

    def process(self, frame: Any) -> None:
        frame *= np.sign(self.level)


class PerBin(Plugin):
    """Mutes bins by their numbers."""

    def process(self, frame: Any) -> None:
        frame[:, 40:] = 0


class Beyond(Plugin):
    """Has a bin at a frequency that not every samplerate has."""

    centre_hz = Param(6000.0, min=10.0, max=7000.0)

    def prepare(self, context: Context) -> None:
        self.bin_hz = context.samplerate / context.stft.n_fft

    def process(self, frame: Any) -> None:
        frame[:, round(self.centre_hz / self.bin_hz)] *= 0.5


class Grows(Plugin):
    """Keeps one number more with every frame."""

    def prepare(self, _: Context) -> None:
        self.levels: list[float] = []

    def process(self, frame: Any) -> None:
        self.levels.append(float(np.abs(frame[0, 0])))

    def reset(self) -> None:
        self.levels.clear()


class GrowsSlowly(Grows):
    """Keeps nothing, one more of it with every frame."""

    def process(self, frame: Any) -> None:  # noqa: ARG002
        self.levels.append(0.0)


class GrowsInStereo(Plugin):
    """Keeps every frame of more than one channel."""

    def prepare(self, _: Context) -> None:
        self.frames: list[Any] = []

    def process(self, frame: Any) -> None:
        if len(frame) > 1:
            self.frames.append(frame.copy())

    def reset(self) -> None:
        self.frames.clear()


class Unwelcome(Plugin):
    """Refuses every geometry."""

    def prepare(self, _: Context) -> None:
        raise GeometryError("no such thing")

    def process(self, frame: Any) -> None:
        pass


class RefusesLate(Plugin):
    """Refuses where it is too late."""

    def process(self, frame: Any) -> None:  # noqa: ARG002
        raise GeometryError("no such thing")


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


class OnlyFirst(Plugin):
    """Takes it that there is one channel, and leaves others alone."""

    def process(self, frame: Any) -> None:
        frame[0] *= 0.5


class OnlyPair(Plugin):
    """Takes it that there are two channels at most, and leaves others alone."""

    def process(self, frame: Any) -> None:
        frame[:2] *= 0.25


class OnlyPairSilent(Plugin):
    """Silences all channels but two, which it makes unlike each other."""

    def process(self, frame: Any) -> None:
        frame[:2] *= np.array([[0.25], [0.5]], frame.real.dtype)[: len(frame)]
        frame[2:] = 0


class LateLookahead(Smooth):
    """Says how far it looks ahead when it has been asked already."""

    def update(self) -> None:
        super().update()
        self.lookahead = 2


class Deaf(Plugin):
    """Listens to an input that it does not name."""

    def process(self, frame: Any, info: FrameInfo, aux: Any) -> None:  # noqa: ARG002
        frame *= aux["side"]


class MonoSide(Side):
    """Takes it that an input has one channel, or as many as the signal."""

    def process(self, frame: Any, info: FrameInfo, aux: Any) -> None:  # noqa: ARG002
        frame *= np.abs(aux["side"]) > 1


class FirstSide(Side):
    """Takes it that an input is the only one."""

    def process(self, frame: Any, info: FrameInfo, aux: Any) -> None:  # noqa: ARG002
        (side,) = aux.values()
        frame *= np.abs(side).max(axis=0) > 1


class ChangesSide(Side):
    """Changes what it listens to."""

    def process(self, frame: Any, info: FrameInfo, aux: Any) -> None:  # noqa: ARG002
        aux["side"][...] = 0


class Wrong(Plugin):
    """Returns another shape."""

    def process(self, frame: Any) -> Any:
        return frame[:, 1:]


class Undocumented(Gain):
    pass


class Unpicklable(Plugin):
    """Holds what cannot be sent to another process."""

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.function = lambda frame: frame

    def process(self, frame: Any) -> None:
        pass


class NoPlugin:
    """Is no plugin."""

    def process(self, frame: Any) -> None:
        pass


BROKEN: dict[Any, str] = {
    Late: r"Late in STFT.*: the output is the input 3 frames late, but lookahead is 0: set it, in prepare",
    Early: r"Early in STFT.*: the output is the input 3 frames late, but lookahead is 5",
    Remembers: r"Remembers in STFT hann: window 128.*, 48000 Hz, 1 channels, float32: after reset the output "
    "differs from a fresh plugin's: .*: let reset undo",
    Times: "Times in .*: after a few resets the output differs from a fresh plugin's: .*: let reset undo",
    Counts: "Counts in .*: after reset the output differs",
    Shares: "Shares in .*: a second instance gives another output: .*: keep state in the instance",
    SharesWhilePrepared: "beside another instance the output differs: .*: state is shared",
    SharesRandom: "beside another instance the output differs: .*: state is shared: .* numpy.random",
    Keeps: "Keeps in .*: a frame, or an auxiliary one, is kept after process",
    KeepsSide: "KeepsSide in .*: a frame, or an auxiliary one, is kept after process",
    Random: "a second instance gives another output: .* made in reset with a fixed seed",
    AllocatesOnce: "AllocatesOnce in .*: prepared once more, .* let prepare replace all state",
    AtFrameZero: "where the first frame that it sees is number -3: .*AttributeError.*: make state in prepare",
    ClearsAtFrameZero: "where the first frame that it sees is number -3, the output after reset differs",
    UpdateForgets: "UpdateForgets in .*: update changes the output by up to .* though no parameter has",
    LosesACopy: "LosesACopy in .*: a pickled copy, as isolate=True makes one, gives another output",
    Divides: "Divides in .*: silence: .*left NaN or Inf",
    Overflows: "Overflows in .*: full scale: .*left NaN or Inf",
    Logarithm: r"Logarithm in .*: with level=0.0: .*left NaN or Inf",
    Whitens: r"Whitens in .*: with power=1\.0: silence: .*left NaN or Inf",
    Switch: "Switch in .*: with kind='high'.*: .*left NaN or Inf",
    Choice: "Choice in .*: with kind='high': .*update raised KeyError: 'high'",
    OnlyPrepares: r"level=0\.0, set once it is prepared, .*: read level in update or process, or declare",
    OnlyResets: r"OnlyResets in .*: level=0\.0, set without a reset, is not heard: read level in update",
    Sticks: "Sticks in .*: on=False, set back from True, sounds unlike before: .*: let update make anew",
    LooksAhead: r"delay_s=0\.01 changes lookahead from 3 to 13, .*: declare delay_s with fixed=True",
    SetsItself: r"SetsItself in .*: level=0\.5 has become .* since it was prepared",
    TakesOver: "TakesOver in .*: mix=0.0 is not the dry signal: .*: leave mix and bypass to the engine",
    InFrames: "InFrames.hold_frames counts frames, .*: declare it in seconds",
    NoKeywords: r"NoKeywords\(level=0\.0\) has level TypeError.*: in __init__, take \*\*params",
    OtherValues: r"OtherValues\(level=0\.0\) has level 1\.0: in __init__, .* super\(\)",
    PerFrame: r"PerFrame: the same noise .*: levels differ by .* on average over time .*: count no frames",
    AlwaysDat: "AlwaysDat: the same noise sounds different in .* at 96000 Hz and .* at 24000 Hz: levels",
    PerBin: r"PerBin: the same noise .* and STFT\(4096, .*: thirds of octaves differ .*: count no bins",
    FailsAt24: r"FailsAt24: in STFT\(512, 32, 512\) at 24000 Hz: .*prepare raised ZeroDivisionError",
    Beyond: "Beyond in .*, 8000 Hz, .*: callback 'Beyond', frame 0: raised IndexError",
    Grows: r"Grows in .*: memory grew by \d+ bytes or more in every \d+ frames: allocate in prepare",
    GrowsSlowly: r"GrowsSlowly in .*: memory grew by \d+ bytes or more in every \d+ frames",
    GrowsInStereo: r"GrowsInStereo in .*, 2 channels, .*: memory grew by \d+ bytes or more in every",
    Unwelcome: r"Unwelcome refused all of it: STFT.*no such thing",
    RefusesLate: "RefusesLate in .*: callback 'RefusesLate', frame 0: raised GeometryError: no such thing",
    Unprepared: "Unprepared in .*: prepare raised KeyError: 'table'",
    OnlyStereo: "OnlyStereo in .*, 1 channels, .*: .*raised IndexError",
    OnlyFirst: "OnlyFirst: with the same signal in all of 3 channels, or 4, those behind number 1 come out",
    OnlyPair: "OnlyPair: with the same signal .*, those behind number 2 come out alike, and unlike it: ",
    OnlyPairSilent: "OnlyPairSilent: with the same signal .*, those behind number 2 come out alike",
    LateLookahead: "LateLookahead in .*: lookahead was 0 after prepare and is 2 now, .*: set it in prepare",
    Deaf: "Deaf in .*: .*raised KeyError: 'side'",
    MonoSide: "MonoSide in .*, 1 channels, 'unasked' of 3, 'side' of 2, .*: .*raised ValueError: .*broadcast",
    FirstSide: "FirstSide in .*, 'unasked' of 3, 'side' of 2, .*: .*raised ValueError: too many values",
    ChangesSide: "ChangesSide in .*: .*raised ValueError: assignment destination is read-only",
    Wrong: "Wrong in .*: .*returned complex64 of shape",
    Undocumented: "Undocumented has no docstring",
    Unpicklable: "Unpicklable cannot be pickled, hence not be isolated",
    NoPlugin: r"NoPlugin.* is no rtstft\.Plugin",
}
