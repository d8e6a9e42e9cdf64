"""Automation: a parameter's value as a function of time, or between breakpoints."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

from rtstft.errors import ParameterError

Check = Callable[[object], Any]


class Curve:
    """The value of a parameter at a time in seconds, checked.

    Attributes:
        points: the breakpoints (time_s, value); None for a function.
    """

    def __init__(self, course: Callable[[float], object], check: Check) -> None:
        self.points: list[tuple[float, Any]] | None = None
        self._course = course
        self._check = check

    def __call__(self, time_s: float) -> Any:
        """The value at `time_s`; ParameterError if it is none."""
        return self._check(self._course(time_s))


class Breakpoints(Curve):
    """Straight lines between points, for numbers; steps, for everything else; constant outside."""

    def __init__(self, points: list[tuple[float, Any]], check: Check) -> None:
        super().__init__(self._at, check)
        self.points = points
        self._times = [time_s for time_s, _ in points]

    def _at(self, time_s: float) -> Any:
        assert self.points is not None
        place = bisect_right(self._times, time_s)
        if place == 0:
            return self.points[0][1]
        before_s, before = self.points[place - 1]
        if place == len(self.points) or not isinstance(before, float):
            return before
        after_s, after = self.points[place]
        return before + (after - before) * (time_s - before_s) / (after_s - before_s)


def curve_of(course: object, check: Check, name: str) -> Curve:
    """The course of the parameter called `name`: a function of seconds, or an iterable of (time_s, value)."""
    if callable(course):
        curve = Curve(course, check)
        curve(0.0)
        return curve
    if not isinstance(course, Iterable):
        raise ParameterError(f"{name} is automated with {course!r}, expected a function or breakpoints")
    points = []
    for point in course:
        try:
            time_s, value = point
            points.append((float(time_s), check(value)))
        except (TypeError, ValueError) as error:
            if isinstance(error, ParameterError):
                raise
            raise ParameterError(f"{name} has the breakpoint {point!r}, expected (time_s, value)") from None
    times = [time_s for time_s, _ in points]
    if not points or any(b <= a for a, b in pairwise(times)):
        raise ParameterError(f"{name} has breakpoints at {times} s, expected one or more, each later")
    return Breakpoints(points, check)
