"""Plugins: callbacks with a life and with parameters."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from os import PathLike
from typing import Any, ClassVar, Protocol, Self, TypeAlias

import numpy as np

from rtstft.automation import Breakpoints
from rtstft.documented import with_parameters
from rtstft.errors import RAISED, CallbackError, ParameterError, RtstftError
from rtstft.geometry import STFT
from rtstft.params import Param
from rtstft.paths import found_from, seen_from, with_paths
from rtstft.places import find, place_of, with_file
from rtstft.types import ComplexArray
from rtstft.values import Values

_LAST = ("mix", "bypass")
_RESERVED = {*_LAST, "set", "automate", "params", "parameter_values"}


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """Where a frame lies: its index from 0, and the position of its first sample in the stream.

    Frames that begin before the stream have a negative position; behind a plugin with
    lookahead, the first frames have a negative index, and what comes in later sees no frame 0.
    """

    index: int
    position: int


@dataclass(frozen=True)
class Context:
    """What a plugin may allocate for: frames are (channels, stft.bins), complex of `dtype`'s precision.

    `aux` names the auxiliary inputs that there are, and says how many channels each has.
    """

    stft: STFT
    samplerate: float
    channels: int
    dtype: np.dtype[Any]
    aux: Mapping[str, int] = field(default_factory=dict)

    @property
    def hop_s(self) -> float:
        """Seconds from one frame to the next."""
        return self.stft.hop_length / self.samplerate

    @property
    def complex_dtype(self) -> np.dtype[Any]:
        """Of the frames."""
        return np.result_type(self.dtype, np.complex64)


class Plugin:
    """A callback with a life: `prepare` once, `process` every frame, `reset` between signals.

    Subclass it and override `process`; parameters are class attributes, made with `Param`. They are
    keyword arguments when a plugin is made, and attributes afterwards, which any thread may set:

        class Gate(rtstft.Plugin):
            threshold_db = rtstft.Param(-50.0, min=-120.0, max=0.0, doc="a sine of this level just passes")

            def prepare(self, context):
                self.full_scale = context.stft.analysis_window.sum() / 2

            def process(self, frame):
                frame[np.abs(frame) < self.full_scale * 10 ** (self.threshold_db / 20)] = 0

        gate = Gate(threshold_db=-40)

    A plugin keeps the state of one signal: every Processor and stream needs an instance of its own. Of an
    isolated stream, a copy plays: until that is closed, the one here refuses to be set.

    Raises:
        ParameterError: no such parameter, or a value that it does not take.
    """

    lookahead: int = 0
    """Frames by which `process` delays what it is given; read after `prepare`."""

    aux: tuple[str, ...] = ()
    """Names of the auxiliary inputs that `process` needs."""

    unwritten: tuple[str, ...] = ()
    """Names of what it was given besides parameters, as an array: what `to_dict` cannot write down."""

    params: ClassVar[dict[str, Param[Any]]] = {}
    """The parameters, in the order of their declaration; `mix` and `bypass` come last."""

    mix = Param(1.0, min=0.0, max=1.0, doc="share of the processed signal; the rest is the dry one, aligned")
    bypass = Param(False, doc="dry signal at the same latency; the plugin keeps listening")
    params.update(mix=mix, bypass=bypass)

    parameter_values: Values

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, value in vars(cls).items():
            if name == "params" and isinstance(value, dict) and value.keys() >= set(_LAST):
                continue  # of a class that is made anew of its parts, as by dataclass(slots=True)
            if name in _RESERVED or (isinstance(value, Param) and hasattr(Plugin, name)):
                raise TypeError(f"{cls.__name__}.{name}: every plugin has {name!r} already; rename it")
        names = [
            name
            for base in reversed(cls.__mro__)
            for name, value in vars(base).items()
            if isinstance(value, Param)
        ]
        # What a subclass has put in a parameter's place is no parameter any more.
        found = {name: value for name in names if isinstance(value := getattr(cls, name), Param)}
        last = {name: found.pop(name) for name in _LAST}
        cls.params = {name: param.of(cls.__name__) for name, param in {**found, **last}.items()}
        if isinstance(cls.__doc__, str):  # its own: one that is inherited is not seen here
            cls.__doc__ = with_parameters(inspect.cleandoc(cls.__doc__), found)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Makes the parameters and sets them: here, not in __init__, which a subclass may forget to call."""
        plugin = super().__new__(cls)
        plugin.parameter_values = Values(cls)
        plugin.parameter_values.begin_with({name: kwargs[name] for name in kwargs if name in cls.params})
        if args or kwargs.keys() - cls.params:
            plugin.unwritten = _besides_parameters(cls, args, kwargs)
        return plugin

    def __init__(self, **params: Any) -> None:
        self.set(**params)

    def __copy__(self) -> Self:
        """A plugin with parameters of its own, which are set as these are."""
        twin: Self = Plugin.__new__(type(self))
        vars(twin).update(vars(self), parameter_values=copy(self.parameter_values))
        return twin

    def set(self, **params: Any) -> None:
        """Sets parameters by name: all of them, or, if one cannot be, none."""
        kind = type(self).__name__
        for name in params:
            if name not in self.params:
                raise ParameterError(f"{kind} has no parameter {name!r}; it has {', '.join(self.params)}")
        self.parameter_values.set(params)

    def automate(self, name: str, course: object) -> None:
        """Lets a parameter follow a course of time, taken at the middle of every frame.

        A plugin with lookahead follows the time of the frame that comes out. A parameter with
        `smooth_s` glides after its course.

        Args:
            name: of a parameter that is not fixed.
            course: a function of the time in seconds since the stream began; or breakpoints
                (time_s, value), with straight lines between numbers and steps between other values;
                or None, to let go of it, where it is then.

        Raises:
            ParameterError: no such parameter, or a course that is none.
        """
        if name not in self.params:
            raise ParameterError(
                f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(self.params)}"
            )
        self.parameter_values.automate(name, course)

    def to_dict(self, folder: str | PathLike[str] | None = None) -> dict[str, Any]:
        """What makes a plugin like this one: where its class is found, its parameters, its automation.

        Args:
            folder: what lies in or below it, of the class's file and of those that parameters name, is
                named by its path from there; all else, and all of it without a folder, by the absolute path.

        Raises:
            CallbackError: its class stands within a function, where it cannot be found again.
            ParameterError: what cannot be written down: a parameter that follows a function of time, or
                what it was given besides parameters.
        """
        kind = type(self)
        if self.unwritten:
            raise ParameterError(
                f"{kind.__name__} was given {', '.join(self.unwritten)}, which cannot be written down: only "
                f"parameters can, {', '.join(self.params)}"
            )
        moved = partial(seen_from, folder)
        place, parameters = with_file(place_of(kind), moved), dict(self.parameter_values)
        found: dict[str, Any] = {"plugin": place, "parameters": with_paths(parameters, self.params, moved)}
        automation = {}
        for name, curve in self.parameter_values.curves.items():
            if not isinstance(curve, Breakpoints):
                raise ParameterError(
                    f"{kind.__name__}.{name} follows a function of time, which cannot be written down: "
                    f"automate it with breakpoints"
                )
            automation[name] = [list(point) for point in curve.points]
        if automation:
            found["automation"] = with_paths(automation, self.params, moved)
        return found

    @classmethod
    def from_dict(cls, preset: Mapping[str, Any], folder: str | PathLike[str] = ".") -> Self:
        """The plugin that `to_dict` described.

        It is made with those parameters that its __init__ requires, or takes as **params, and set to all.

        Args:
            preset: what `to_dict` gave.
            folder: where relative paths in it start.

        Raises:
            CallbackError: its class is not found, cannot be made, or is not this one or derived from it.
            ParameterError: it has no such parameters, or does not take those values.
        """
        parts = dict(preset) if isinstance(preset, Mapping) else {"": preset}
        place = parts.pop("plugin", None)
        parameters, automation = parts.pop("parameters", {}), parts.pop("automation", {})
        if parts or not (
            isinstance(place, str) and isinstance(parameters, Mapping) and isinstance(automation, Mapping)
        ):
            raise ParameterError(f"preset {preset!r}, expected plugin=, parameters= and automation=")
        moved = partial(found_from, folder)
        place = with_file(place, moved)
        kind = find(place)
        if not (isinstance(kind, type) and issubclass(kind, cls)):
            raise CallbackError(f"{place!r} is {kind!r}, expected a class derived from {cls.__name__}")
        found = with_paths(parameters, kind.params, moved)
        plugin: Self = made(kind, place, **_arguments_among(found, kind))
        plugin.set(**found)
        for name, course in with_paths(automation, kind.params, moved).items():
            plugin.automate(name, course)
        return plugin

    def prepare(self, context: Context) -> None:
        """Called before the first frame, and anew for another stream; all allocation belongs here."""

    def update(self) -> None:
        """Called after `prepare` and `reset`, and before a frame for which a parameter has changed.

        The place for everything that depends on parameters and not on the signal.
        """

    # To type checkers, a subclass may then take `(frame)` as well as `(frame, info)`.
    def process(self, frame: ComplexArray, *args: Any, **kwargs: Any) -> ComplexArray | None:
        """Changes `frame`, shape (channels, bins), in place, or returns an array of its shape.

        Override it as `process(self, frame)`, `process(self, frame, info)`, info being a
        FrameInfo, or `process(self, frame, info, aux)`, aux[name] being the frame of an auxiliary
        input, shape (its channels, bins), at the same time as `frame` and not to be changed. All
        are valid during the call only.
        """
        raise NotImplementedError(f"{type(self).__name__}.process is not defined")

    def reset(self) -> None:
        """Forgets all signal state; afterwards the plugin behaves as freshly prepared."""

    def __repr__(self) -> str:
        changed = [
            f"{name}={value!r}" for name, value in self.parameter_values if value != self.params[name].default
        ]
        return f"{type(self).__name__}({', '.join(changed)})"


def made(kind: type, place: str, /, **params: Any) -> Any:
    """An instance of the class that stands at `place`; CallbackError if that raises."""
    try:
        return kind(**params)
    except RtstftError:
        raise
    except RAISED as error:
        raise CallbackError(f"callback {place!r} raised {type(error).__name__}: {error}") from error


def _arguments_among(found: dict[str, Any], kind: type[Plugin]) -> dict[str, Any]:
    """Those parameters in `found` without which `kind` cannot be made, or that it takes as **params.

    What an __init__ names and has a default for, it may make something else of.
    """
    arguments = list(inspect.signature(kind.__init__).parameters.values())[1:]
    any_name = any(argument.kind is argument.VAR_KEYWORD for argument in arguments)
    named = {argument.name for argument in arguments}
    required = {
        argument.name
        for argument in arguments
        if argument.kind in (argument.POSITIONAL_OR_KEYWORD, argument.KEYWORD_ONLY)
        and argument.default is argument.empty
    }
    return {
        name: value
        for name, value in found.items()
        if name in kind.params and (name in required or (any_name and name not in named))
    }


def _besides_parameters(kind: type[Plugin], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, ...]:
    """Names of those arguments of `kind` that are neither its parameters nor what they are by default."""
    signature = inspect.signature(kind.__init__)
    try:
        bound = signature.bind(None, *args, **kwargs).arguments
    except TypeError:
        return ()  # __init__ will say so
    given: dict[str, Any] = {}
    for name, argument in list(signature.parameters.items())[1:]:
        if name in bound and argument.kind is argument.VAR_KEYWORD:
            given.update(bound[name])
        elif name in bound and bound[name] is not argument.default:
            given[name] = bound[name]
    return tuple(name for name in given if name not in kind.params)


class ChainLike(Protocol):
    """A Chain within a row, where it stands for its members."""

    def __iter__(self) -> Iterator[Any]: ...
    def reorder(self, order: Iterable[int]) -> None:
        """Puts the members into another order."""


Callback: TypeAlias = Callable[..., Any] | Plugin | ChainLike
