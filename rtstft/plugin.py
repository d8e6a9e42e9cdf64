"""What stands between analysis and synthesis: plain callables and plugins, made alike."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from rtstft.errors import PluginError
from rtstft.geometry import STFT
from rtstft.types import ComplexArray


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """Where a frame lies: its index from 0, and the position of its first sample in the stream.

    Frames that begin before the stream have a negative position; behind a plugin with
    lookahead, the first frames have a negative index.
    """

    index: int
    position: int


@dataclass(frozen=True)
class Context:
    """What a plugin may allocate for: frames are (channels, stft.bins), complex of `dtype`'s precision."""

    stft: STFT
    samplerate: float
    channels: int
    dtype: np.dtype[Any]


class Plugin:
    """A callback with a life: `prepare` once, `process` every frame, `reset` between signals.

    Subclass it and override `process`; or give any object these four names.
    """

    lookahead: int = 0
    """Frames by which `process` delays what it is given; read after `prepare`."""

    def prepare(self, context: Context) -> None:
        """Called before the first frame; all allocation belongs here."""

    # To type checkers, a subclass may then take `(frame)` as well as `(frame, info)`.
    def process(self, frame: ComplexArray, *args: Any, **kwargs: Any) -> ComplexArray | None:
        """Changes `frame`, shape (channels, bins), in place, or returns an array of its shape.

        Override it as `process(self, frame)` or `process(self, frame, info)`, info being a
        FrameInfo. `frame` is valid during the call only.
        """
        raise NotImplementedError(f"{type(self).__name__}.process is not defined")

    def reset(self) -> None:
        """Forgets all signal state; afterwards the plugin behaves as freshly prepared."""


class BadFrameError(Exception):
    """A callback came back, but with a frame that cannot be used; never leaves the package."""


class NotFiniteError(BadFrameError):
    """The frame that a callback left has NaN or Inf in it."""

    def __str__(self) -> str:
        return (
            "left NaN or Inf in the frame: look for a division by zero, a logarithm of zero, or an overflow"
        )


Callback: TypeAlias = Callable[..., Any] | Plugin


class Stage:
    """One callback as the engine calls it: `call(frame)`, with a name for messages and a delay in frames."""

    def __init__(self, callback: Callback, context: Context, delay: int) -> None:
        self.name = name_of(callback)
        if isinstance(callback, type):
            raise PluginError(self.name, 0, f"is a class, expected an instance of it: {self.name}()")
        process = getattr(callback, "process", callback)
        if not callable(process):
            raise PluginError(self.name, 0, "cannot be called, expected a function or a plugin")
        self.callback: Any = callback
        self._delay = delay
        self._context = context
        if hasattr(self.callback, "prepare"):
            try:
                self.callback.prepare(context)
            except Exception as error:
                raise PluginError(self.name, 0, f"prepare raised {type(error).__name__}: {error}") from error
        self.lookahead = getattr(self.callback, "lookahead", 0)
        if not isinstance(self.lookahead, int) or self.lookahead < 0:
            raise PluginError(
                self.name, 0, f"lookahead is {self.lookahead!r} frames, expected 0 or more, a whole number"
            )
        self._process = process
        self._index = 0
        self.call: Callable[[ComplexArray], Any] = self._call_with_info if _wants_info(process) else process

    def checked(self, frame: ComplexArray) -> Callable[[ComplexArray], None]:
        """`call`, followed by a look at `frame`: which of several callbacks left NaN or Inf?"""
        call = self.call
        channels = list(frame)
        finite = np.empty(frame.shape[1], np.bool_)

        def checked_call(frame: ComplexArray) -> None:
            result = call(frame)
            if result is not None and result is not frame:
                store(result, frame)
            for channel in channels:
                if not np.isfinite(channel, finite).all():
                    raise NotFiniteError

        return checked_call

    def failure(self, error: Exception, frame_index: int) -> PluginError:
        """What `error`, raised while this stage ran, is called to the user."""
        what = str(error) if isinstance(error, BadFrameError) else f"raised {type(error).__name__}: {error}"
        return PluginError(self.name, frame_index, what)

    def skip(self) -> None:
        """A frame passes that the callback does not see."""
        self._index += 1

    def reset(self) -> None:
        """Back to the state after `prepare`."""
        self._index = 0
        self.forget()

    def forget(self) -> None:
        """Resets the plugin, in the middle of a stream."""
        if hasattr(self.callback, "reset"):
            self.callback.reset()

    def _call_with_info(self, frame: ComplexArray) -> Any:
        index = self._index - self._delay
        self._index += 1
        stft = self._context.stft
        return self._process(frame, FrameInfo(index, index * stft.hop_length - stft.overlap))


def stages_of(callbacks: Callback | Iterable[Callback], context: Context) -> list[Stage]:
    """Prepares one callback or several in a row, in the order in which they see a frame."""
    single = callable(callbacks) or hasattr(callbacks, "process") or not isinstance(callbacks, Iterable)
    row: Any = [callbacks] if single else callbacks
    stages: list[Stage] = []
    for callback in row:
        if hasattr(callback, "process") and any(stage.callback is callback for stage in stages):
            raise PluginError(name_of(callback), 0, "stands twice in the row, expected two instances")
        delay = sum(stage.lookahead for stage in stages)
        stages.append(Stage(callback, context, delay))
    return stages


def store(result: object, frame: ComplexArray) -> None:
    """Copies what a callback returned into `frame`; BadFrameError if it does not fit."""
    returned = np.asarray(result)
    if returned.shape != frame.shape or returned.dtype.kind not in "fc":
        raise BadFrameError(
            f"returned {returned.dtype} of shape {returned.shape}, expected complex numbers of shape "
            f"{frame.shape} (channels, bins), or None after changing the frame in place"
        )
    frame[...] = returned


def name_of(callback: object) -> str:
    """Name of a function, or of an object's class."""
    return str(getattr(callback, "__name__", type(callback).__name__))


def _wants_info(process: Callable[..., Any]) -> bool:
    """Whether `process` has a second positional parameter: one without a default, or called info."""
    try:
        parameters = inspect.signature(process).parameters.values()
    except (TypeError, ValueError):  # some builtins have no signature: they take the frame alone
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    second = [p for p in parameters if p.kind in positional][1:2]
    return any(p.default is p.empty or p.name == "info" for p in second)
