"""Parameters of plugins: declared once in the class, checked when set."""

import copy
import math
import numbers
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Generic, Self, TypeVar, overload

import numpy as np

from rtstft.arrays import is_finite_number
from rtstft.errors import ParameterError

T = TypeVar("T", bool, int, float, str)
_UNITS = {"_db": "dB", "_hz": "Hz", "_s": "s", "_ms": "ms", "_semitones": "semitones"}


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
        doc: one line for users; help() shows it, with what it takes and the default, as does the docstring
            of the plugin, to which a list of its parameters is added.
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
        default, min, max, smooth_s = map(_plain, (default, min, max, smooth_s))
        self.kind: type[bool] | type[int] | type[float] | type[str] = type(default)
        self.min = min
        self.max = max
        self.choices = tuple(choices)
        self.unit = unit
        self.doc = doc
        self.smooth_s = smooth_s
        self.fixed = fixed
        if self.kind not in (bool, int, float, str):
            raise ParameterError(f"default={_shown(default)}, expected a bool, int, float or str")
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
        # For help(), which shows it beside the name.
        self.__doc__ = "; ".join(filter(None, [self.doc, f"{self.expected} (default {self.default!r})"]))

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
        try:
            values = plugin.parameter_values
        except AttributeError:
            raise self._misplaced(plugin) from None
        value: T = values.read(self.name)
        return value

    def __set__(self, plugin: Any, value: T) -> None:
        try:
            values = plugin.parameter_values
        except AttributeError:
            raise self._misplaced(plugin) from None
        values.set({self.name: value})

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
            raise ParameterError(f"{self._where}={_shown(value)}, expected {self.expected}")
        result: T = checked
        return result

    def nearest(self, value: object) -> T:
        """As `check`, but what is to be a whole number is rounded: a course of time lies between them."""
        found: Any = value
        between = self.kind is int and is_finite_number(value)
        return self.check(round(found) if between else found)

    def parse(self, text: str) -> T:
        """The value that `text` stands for, as on a command line."""
        value: object = text
        if self.kind is bool:
            value = {"true": True, "on": True, "yes": True, "1": True}.get(text.lower(), text)
            value = {"false": False, "off": False, "no": False, "0": False}.get(text.lower(), value)
        elif self.kind is not str:
            try:
                value = float(text)
            except ValueError:
                raise ParameterError(f"{self._where}={text}, expected {self.expected}") from None
            if self.kind is int:
                with suppress(ValueError):  # 2.0, which is one as well; the others are exact so
                    value = int(text)
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

    def _misplaced(self, holder: object) -> ParameterError:
        return ParameterError(
            f"{self._where}: {type(holder).__name__} is no plugin, and has no values of parameters: derive "
            f"it from rtstft.Plugin"
        )

    @property
    def _where(self) -> str:
        return f"{self.owner}.{self.name}" if self.owner else "default"


def _plain(value: Any) -> Any:
    """A scalar of numpy's as Python has it: JSON takes no other."""
    return value.item() if isinstance(value, np.generic) else value


def _shown(value: object) -> str:
    """`value` on one line; of an array of several, the beginning."""
    text = repr(value)
    if "\n" not in text:
        return text
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line:.57}..."


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
