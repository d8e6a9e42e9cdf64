"""Parameters of plugins: declared once in the class, checked when set, taken over between frames."""

import copy
import math
import numbers
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, overload

import numpy as np

from rtstft.arrays import is_finite_number
from rtstft.automation import Curve, curve_of
from rtstft.errors import ParameterError

T = TypeVar("T", bool, int, float, str)
_UNITS = {"_db": "dB", "_hz": "Hz", "_s": "s", "_ms": "ms", "_semitones": "semitones"}
_SETTLED = 1e-3  # of the way that a glide had to go


class Param(Generic[T]):
    """A parameter of a Plugin; a class attribute whose default decides what it takes.

    A bool takes True and False, an int whole numbers, a float any real number, a string one of
    `choices`, or any text without them; for one that names a file there is `PathParam`. Reading the
    attribute of a plugin gives the last value set, and, in the thread that runs `process`, the value of
    this frame, which never changes within it.

    Args:
        default: the value to begin with.
        min: least value allowed.
        max: greatest value allowed.
        choices: the strings allowed.
        unit: of numbers; known from the name where it ends in _db, _hz or _s.
        doc: one line for users.
        smooth_s: time constant in seconds of an exponential glide to a new value, automation's included;
            0 jumps.
        fixed: read by `prepare` only, and not to be set afterwards.

    Raises:
        ParameterError: a default that its own limits forbid.
    """

    def __init__(
        self,
        default: T,
        *,
        min: float | None = None,
        max: float | None = None,
        choices: Sequence[str] = (),
        unit: str = "",
        doc: str = "",
        smooth_s: float = 0.0,
        fixed: bool = False,
    ) -> None:
        self.name = "parameter"
        self.owner = ""
        if isinstance(default, np.generic):
            default = default.item()
        self.kind: type[bool] | type[int] | type[float] | type[str] = type(default)
        self.min = min
        self.max = max
        self.choices = tuple(choices)
        self.unit = unit
        self.doc = doc
        self.smooth_s = smooth_s
        self.fixed = fixed
        if self.kind not in (bool, int, float, str):
            raise ParameterError(f"default={default!r}, expected a bool, int, float or str")
        if (min is not None or max is not None) and self.kind not in (int, float):
            raise ParameterError(f"min and max are for numbers, the default is {default!r}")
        for limit in (min, max):
            if limit is not None and not is_finite_number(limit):
                raise ParameterError(f"min={min!r}, max={max!r}, expected numbers, or None for no limit")
        if min is not None and max is not None and min > max:
            raise ParameterError(f"min={min!r} is more than max={max!r}, expected it the other way round")
        if isinstance(choices, str) or not all(isinstance(choice, str) for choice in choices):
            raise ParameterError(f"choices={choices!r}, expected a list of strings")
        if choices and self.kind is not str:
            raise ParameterError(f"choices are for strings, the default is {default!r}")
        if not is_finite_number(smooth_s) or smooth_s < 0:
            raise ParameterError(f"smooth_s={smooth_s!r}, expected a time in seconds, 0 or more")
        if smooth_s and self.kind is not float:
            raise ParameterError(f"smooth_s is for floats, the default is {default!r}")
        self.default: T = self.check(default)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.owner = owner.__name__
        if not self.unit:
            self.unit = next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), "")

    def of(self, owner: str) -> Self:
        """This parameter as the class called `owner` has it, which may have inherited it."""
        if owner == self.owner:
            return self
        inherited = copy.copy(self)
        inherited.owner = owner
        return inherited

    @overload
    def __get__(self, plugin: None, owner: type) -> Self: ...
    @overload
    def __get__(self, plugin: object, owner: type) -> T: ...
    def __get__(self, plugin: Any, owner: type) -> Self | T:
        if plugin is None:
            return self
        values: Values = plugin.parameter_values
        value: T = values.read(self.name)
        return value

    def __set__(self, plugin: Any, value: T) -> None:
        plugin.parameter_values.set({self.name: value})

    def check(self, value: object) -> T:
        """`value` as this parameter keeps it; ParameterError if it is none of its values."""
        checked: Any = None
        if self.kind is bool and isinstance(value, (bool, np.bool_)):
            checked = bool(value)
        elif self.kind is str and isinstance(value, str) and (not self.choices or value in self.choices):
            checked = value
        elif self.kind in (int, float) and isinstance(value, numbers.Real) and not isinstance(value, bool):
            number = _number(value, whole=self.kind is int)
            low = -math.inf if self.min is None else self.min
            high = math.inf if self.max is None else self.max
            if number is not None and low <= number <= high:
                checked = number
        if checked is None:
            raise ParameterError(f"{self._where}={value!r}, expected {self.expected}")
        result: T = checked
        return result

    def nearest(self, value: object) -> T:
        """As `check`, but what is to be a whole number is rounded: a course of time lies between them."""
        found: Any = value
        between = self.kind is int and is_finite_number(value) and not isinstance(value, bool)
        return self.check(round(found) if between else found)

    def parse(self, text: str) -> T:
        """The value that `text` stands for, as on a command line."""
        value: object = text
        if self.kind is bool:
            value = {"true": True, "on": True, "yes": True, "1": True}.get(text.lower(), text)
            value = {"false": False, "off": False, "no": False, "0": False}.get(text.lower(), value)
        elif self.kind is not str:
            try:
                value = self.kind(text)
            except ValueError:
                raise ParameterError(f"{self._where}={text}, expected {self.expected}") from None
        return self.check(value)

    @property
    def expected(self) -> str:
        """What it takes, in words."""
        if self.kind is bool:
            return "true or false"
        if self.kind is str:
            return f"one of {', '.join(self.choices)}" if self.choices else "text"
        noun = "a whole number" if self.kind is int else "a number"
        unit = f" {self.unit}" if self.unit else ""
        if self.min is not None and self.max is not None:
            return f"{noun} from {self.min:.15g} to {self.max:.15g}{unit}"
        if self.min is not None:
            return f"{noun} of {self.min:.15g}{unit} or more"
        if self.max is not None:
            return f"{noun} of {self.max:.15g}{unit} or less"
        return f"{noun}{unit and ' in'}{unit}"

    def describe(self) -> dict[str, Any]:
        """Everything about it that JSON can hold."""
        return {
            "name": self.name,
            "type": "choice" if self.choices else self.kind.__name__,
            "default": self.default,
            "min": self.min,
            "max": self.max,
            "choices": list(self.choices),
            "unit": self.unit,
            "smooth_s": self.smooth_s,
            "fixed": self.fixed,
            "doc": self.doc,
        }

    @property
    def _where(self) -> str:
        return f"{self.owner}.{self.name}" if self.owner else "default"


class Declares(Protocol):
    """A class with parameters."""

    params: ClassVar[dict[str, Param[Any]]]


class Values:
    """The parameters of one plugin: what was set, by any thread, and what holds for the frame at hand.

    Args:
        owner: the plugin's class.

    Attributes:
        user: whoever prepared the plugin last, or None; from then on, fixed values are settled.
    """

    def __init__(self, owner: type[Declares]) -> None:
        self._owner = owner
        self._params = owner.params
        self._set: dict[str, Any] = {name: param.default for name, param in self._params.items()}
        self._now = dict(self._set)
        self._curves: dict[str, Curve] = {}
        self._shares: dict[str, float] = {}
        self._gliding: dict[str, tuple[float, float]] = {}  # where to, and how close counts as there
        self._pending = False
        self._thread: int | None = None
        self._lock = threading.Lock()  # of those who automate
        self.user: object | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"owner": self._owner, "set": dict(self._set), "curves": self._curves}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Values.__init__(self, state["owner"])
        # The class may be another version by now, without some of them.
        self.set({name: value for name, value in state["set"].items() if name in self._params})
        self._curves = {name: curve for name, curve in state["curves"].items() if name in self._params}
        self.settle()

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Names and values, as set."""
        return iter(list(self._set.items()))

    def read(self, name: str) -> Any:
        """The value as the calling thread is to see it."""
        return self._now[name] if self._thread == threading.get_ident() else self._set[name]

    def checked(self, values: Mapping[str, object]) -> dict[str, Any]:
        """`values` as they can be set now; ParameterError if one cannot."""
        checked = {name: self._params[name].check(value) for name, value in values.items()}
        for name, value in checked.items():
            param = self._params[name]
            if param.fixed and self.user is not None and value != self._set[name]:
                raise ParameterError(
                    f"{param.owner}.{name} is fixed once the plugin is prepared: make another plugin with "
                    f"{name}={value!r}"
                )
        return checked

    def set(self, values: Mapping[str, object]) -> None:
        """Checks `values`, then sets all of them at once; they hold from the next frame on."""
        self._set.update(self.checked(values))  # in one go: no frame begins in between
        self._pending = True

    def automate(self, name: str, course: object) -> None:
        """Lets a parameter follow a course of time; None ends that. See Plugin.automate."""
        param = self._params[name]
        if param.fixed:
            raise ParameterError(f"{param.owner}.{name} is fixed: it cannot change with time")
        where = f"{param.owner}.{name}"
        curve = None if course is None else curve_of(course, param.check, param.nearest, where)
        with self._lock:
            others = {other: curve for other, curve in self._curves.items() if other != name}
            self._curves = others if curve is None else {**others, name: curve}

    @property
    def curves(self) -> dict[str, Curve]:
        """What is automated."""
        return self._curves

    def prepare(self, hop_s: float) -> None:
        """Frames will follow each other every `hop_s` seconds."""
        self._shares = {
            name: -math.expm1(-hop_s / param.smooth_s)
            for name, param in self._params.items()
            if param.smooth_s > 0
        }

    def settle(self, time_s: float | None = None) -> None:
        """What was set holds at once; automation stands at `time_s`."""
        self._pending = False
        self._gliding.clear()
        if time_s is not None:
            self._follow(time_s)
        self._now.update(self._set)

    def begin_frame(self, time_s: float) -> bool:
        """A frame begins, in the calling thread; whether a value is another than in the last one."""
        if self._curves:
            self._follow(time_s)
        changed = False
        if self._pending:
            changed = self._take_over()
        if self._gliding:
            self._glide()
            changed = True
        self._thread = threading.get_ident()
        return changed

    def end_frame(self) -> None:
        """The frame is over."""
        self._thread = None

    def _follow(self, time_s: float) -> None:
        for name, curve in self._curves.items():
            value = self._params[name].nearest(curve(time_s))
            if value != self._set[name]:
                self._set[name] = value
                self._pending = True

    def _take_over(self) -> bool:
        self._pending = False  # first: what is set from here on is for the next frame, or for this one too
        changed = False
        for name, target in self._set.copy().items():
            now = self._now[name]
            if target == now:
                self._gliding.pop(name, None)
            elif name in self._shares:
                self._gliding[name] = target, abs(target - now) * _SETTLED
            else:
                self._now[name] = target
                changed = True
        return changed

    def _glide(self) -> None:
        for name, (target, near) in list(self._gliding.items()):
            value = self._now[name] + self._shares[name] * (target - self._now[name])
            if abs(target - value) <= near:
                value = target
                del self._gliding[name]
            self._now[name] = value


def _number(value: numbers.Real, *, whole: bool) -> int | float | None:
    """`value` as an int or a finite float; None if it is none."""
    if whole and isinstance(value, numbers.Integral):
        return int(value)
    try:
        real = float(value)
    except OverflowError:
        return None
    if not math.isfinite(real):
        return None
    if whole:
        return int(real) if real.is_integer() else None
    return real
