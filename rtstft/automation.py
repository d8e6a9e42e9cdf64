"""Automation: a parameter's value as a function of time, or between breakpoints."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, TypeAlias

from rtstft.errors import ParameterError

Curve: TypeAlias = Callable[[float], Any]
Check: TypeAlias = Callable[[object], Any]


class Breakpoints:
    """Straight lines between points, for numbers; steps, for everything else; constant outside.

    Between whole numbers the line is rounded.

    Attributes:
        points: (time_s, value), each later than the one before.
    """

    def __init__(self, points: list[tuple[float, Any]]) -> None:
        self.points = points
        self._times = [time_s for time_s, _ in points]

    def __call__(self, time_s: float) -> Any:
        """The value at `time_s`."""
        place = bisect_right(self._times, time_s)
        if place == 0:
            return self.points[0][1]
        before_s, before = self.points[place - 1]
        if place == len(self.points) or isinstance(before, (bool, str)):
            return before
        after_s, after = self.points[place]
        way = (time_s - before_s) / (after_s - before_s)
        value = before + (after - before) * way
        if isinstance(before, int):
            return round(value)
        # By rounding it might lie beyond the points, and a point may be the limit.
        return min(max(value, min(before, after)), max(before, after))


def curve_of(course: object, check: Check, nearest: Check, name: str) -> Curve:
    """The course of the parameter called `name`.

    Args:
        course: a function of seconds, or an iterable of (time_s, value).
        check: gives a value as the parameter keeps it, or raises.
        nearest: the same of what a function returns, rounded where the parameter takes whole numbers.
        name: for errors.
    """
    if callable(course):
        try:
            first = course(0.0)
        except Exception as error:
            raise ParameterError(
                f"{name} is automated with {course!r}, which raised {type(error).__name__} at 0 s: {error}; "
                f"expected a function of the time in seconds"
            ) from error
        nearest(first)
        return course
    if not isinstance(course, Iterable):
        raise ParameterError(f"{name} is automated with {course!r}, expected a function or breakpoints")
    points = []
    for point in course:
        try:
            time_s, value = point
            time_s = float(time_s)
        except (TypeError, ValueError):
            raise ParameterError(f"{name} has the breakpoint {point!r}, expected (time_s, value)") from None
        points.append((time_s, check(value)))
    times = [time_s for time_s, _ in points]
    if not points or not all(map(math.isfinite, times)) or any(b <= a for a, b in pairwise(times)):
        raise ParameterError(f"{name} has breakpoints at {times} s, expected one or more, each later")
    return Breakpoints(points)
