"""Runner: one callback as the engine calls it, with its dry signal beside it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rtstft.callbacks import arguments_of, inputs_of, name_of
from rtstft.crossfade import Crossfade, Fade
from rtstft.delay import FrameDelay
from rtstft.errors import PluginError, RtstftError, SetupError
from rtstft.geometry import STFT
from rtstft.plugin import Callback, Context, FrameInfo, Plugin
from rtstft.returned import BadFrameError, store
from rtstft.types import ComplexArray

Aux = Mapping[str, ComplexArray]


class Runner:
    """Prepares a callback, then calls it frame by frame: `run(frame, index, aux)` gives what it returned.

    Parameters are taken over before the frame, and the share of the dry signal that a plugin's mix and
    bypass ask for is added after it.

    Attributes:
        name: the callback's, for messages.
        lookahead: its delay in frames.
        process: the function that is called.
        plain: it is called with the frame alone, and nothing happens around it.

    Raises:
        PluginError: it is no callback, its `prepare` raised, or its lookahead is none.
        SetupError: its `prepare` refused what it was given, or there is no input that it needs.
    """

    def __init__(self, callback: Callback, context: Context, crossfade: Crossfade) -> None:
        self.name = name_of(callback)
        if isinstance(callback, type):
            raise PluginError(self.name, None, f"is a class, expected an instance of it: {self.name}()")
        process = getattr(callback, "process", callback)
        if not callable(process):
            hint = (
                " (rtstft.plugin('gain', gain_db=3) makes one by name)" if isinstance(callback, str) else ""
            )
            raise PluginError(self.name, None, f"cannot be called, expected a function or a plugin{hint}")
        self.callback: Any = callback
        try:
            names = inputs_of(callback)
            self._arguments = arguments_of(process)
        except TypeError as error:
            raise PluginError(self.name, None, str(error)) from None
        for name in names:
            if name not in context.aux:
                there_are = ", ".join(context.aux) or "none"
                raise SetupError(
                    self.name,
                    None,
                    f"needs the auxiliary input {name!r}; there are {there_are}: see aux=, or --aux",
                )
        stft = context.stft
        self._hop = stft.hop_length
        self._overlap = stft.overlap
        self._samplerate = context.samplerate
        self._values = callback.parameter_values if isinstance(callback, Plugin) else None
        self._update: Callable[[], None] = getattr(callback, "update", _nothing)
        if self._values is not None:
            self._values.prepare(context.hop_s)
        self._guarded("prepare", context)
        self._mark = object()
        if self._values is not None:
            self._values.user = self._mark
        self.lookahead: int = getattr(callback, "lookahead", 0)
        if not isinstance(self.lookahead, int) or self.lookahead < 0:
            raise PluginError(
                self.name, None, f"lookahead is {self.lookahead!r} frames, expected 0 or more, a whole number"
            )
        # The middle of the frame that comes out with frame k is sample k * hop + this.
        self._middle = _centre(stft) - stft.overlap - self.lookahead * stft.hop_length
        self._crossfade = crossfade
        self._fade = Fade(crossfade, 1.0)
        self._settle()
        self.process = process
        self.plain = self._values is None and self._arguments == 1
        self._dry = FrameDelay(self.lookahead, (context.channels, stft.bins), context.complex_dtype)

    def run(self, frame: ComplexArray, index: int, aux: Aux) -> Any:
        """Frame `index` of the stream; changed in place, or what the callback returned."""
        values = self._values
        if values is None:
            return self._call(frame, index, aux)
        if values.user is not self._mark:
            raise BadFrameError(
                "has been prepared for another Processor or stream since, expected an instance for each"
            )
        dry = self._dry.push(frame) if self.lookahead else None
        try:
            if values.begin_frame(self._time_of(index)):
                self._update()
                self._aim()
            weight = self._fade.over(index)
            wet = isinstance(weight, float) and weight == 1
            if dry is None and not wet:
                dry = self._dry.push(frame)
            result = self._call(frame, index, aux)
        finally:
            values.end_frame()
        if wet or dry is None:
            return result
        if result is not None and result is not frame:
            store(result, frame)
        self._crossfade.mix(dry, frame, weight, frame)
        return None

    def enter(self, index: int) -> None:
        """The first frame will be number `index`: parameters stand where their courses are by then."""
        self._settle(self._time_of(index))

    def reset(self) -> None:
        """Back to the state after construction."""
        self._clear()
        self._settle()

    def forget(self) -> None:
        """Resets the plugin, in the middle of a stream; its parameters stand where they were set."""
        self._clear()
        if self._values is not None:
            self._values.settle()
            self._aim()
            self._guarded("update")

    def _clear(self) -> None:
        self._dry.reset()
        self._guarded("reset")

    def _settle(self, time_s: float = 0.0) -> None:
        if self._values is not None:
            try:
                self._values.settle(time_s)
            except Exception as error:
                raise self._failure("automation", error) from error
            self._aim()
            self._fade.settle(self._fade.aim)
            self._guarded("update")

    def _time_of(self, index: int) -> float:
        return max(0.0, (index * self._hop + self._middle) / self._samplerate)

    def _guarded(self, method: str, *arguments: object) -> None:
        if hasattr(self.callback, method):
            try:
                getattr(self.callback, method)(*arguments)
            except Exception as error:
                if _is_refusal(error):
                    raise SetupError(self.name, None, str(error)) from error
                raise self._failure(method, error) from error

    def _failure(self, what: str, error: BaseException) -> PluginError:
        return PluginError(self.name, None, f"{what} raised {type(error).__name__}: {error}")

    def _call(self, frame: ComplexArray, index: int, aux: Aux) -> Any:
        if self._arguments == 1:
            return self.process(frame)
        info = FrameInfo(index, index * self._hop - self._overlap)
        if self._arguments == 2:
            return self.process(frame, info)
        return self.process(frame, info, aux)

    def _aim(self) -> None:
        plugin: Plugin = self.callback
        self._fade.aim = 0.0 if plugin.bypass else plugin.mix


def _is_refusal(error: BaseException) -> bool:
    """Whether a plugin raised it on purpose: what it was given cannot be."""
    return isinstance(error, RtstftError) and (
        isinstance(error, SetupError) or not isinstance(error, PluginError)
    )


def _centre(stft: STFT) -> float:
    """Index in a frame about which the samples lie that it renders: centre of gravity of both windows."""
    share = stft.analysis_window * stft.synthesis_window[: len(stft.analysis_window)]
    return float(np.arange(len(share)) @ share / share.sum())


def _nothing() -> None:
    """A plain callback has no parameters to take over."""
