"""Values: the parameters of one plugin, set by any thread and taken over between frames."""

import math
import threading
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Protocol

from rtstft.automation import Curve, curve_of
from rtstft.errors import ParameterError
from rtstft.params import Param

_SETTLED = 1e-3  # of the way that a glide had to go


class Declares(Protocol):
    """A class with parameters."""

    params: ClassVar[dict[str, Param[Any]]]


class Values:
    """The parameters of one plugin: what was set, by any thread, and what holds for the frame at hand.

    Args:
        owner: the plugin's class.

    Attributes:
        user: whoever prepared the plugin last, or None; from then on, fixed values are settled.
        lent: isolated streams that play a copy of the plugin, which nothing set here would reach.
    """

    def __init__(self, owner: type[Declares]) -> None:
        self._owner = owner
        self._params = owner.params
        self._set: dict[str, Any] = {name: param.default for name, param in self._params.items()}
        self._now = dict(self._set)
        self._given: set[str] = set()
        self._curves: dict[str, Curve] = {}
        self._shares: dict[str, float] = {}
        self._gliding: dict[str, tuple[float, float]] = {}  # where to, and how close counts as there
        self._pending = False
        self._thread: int | None = None
        self._lock = threading.Lock()  # of those who automate
        self.user: object | None = None
        self.lent = 0

    def __getstate__(self) -> dict[str, Any]:
        return {
            "owner": self._owner,
            "set": dict(self._set),
            "given": set(self._given),
            "curves": self._curves,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        Values.__init__(self, state["owner"])
        # The class may be another version by now, without some of them.
        self.set({name: value for name, value in state["set"].items() if name in self._params})
        self._given = {name for name in state["given"] if name in self._params}
        self._curves = {name: curve for name, curve in state["curves"].items() if name in self._params}
        self.settle()

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Names and values, as set."""
        return iter(list(self._set.items()))

    @property
    def given(self) -> dict[str, Any]:
        """What is not as its class has it, or was asked for, if only as the class has it."""
        return {
            name: value for name, value in self if name in self._given or value != self._params[name].default
        }

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
        self._refuse_if_lent()
        self._set.update(self.checked(values))  # in one go: no frame begins in between
        if self.user is not None:  # before, it may be the plugin's own __init__ that sets
            self._given.update(values)
        self._pending = True

    def begin_with(self, values: Mapping[str, object]) -> None:
        """`set`, of what whoever makes the plugin asks for."""
        self.set(values)
        self._given.update(values)

    def automate(self, name: str, course: object) -> None:
        """Lets a parameter follow a course of time; None ends that. See Plugin.automate."""
        self._refuse_if_lent()
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

    def _refuse_if_lent(self) -> None:
        if self.lent:
            raise ParameterError(
                f"a copy of this {self._owner.__name__} plays in an isolated stream, in another process: "
                f"use the stream's set and automate"
            )

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
