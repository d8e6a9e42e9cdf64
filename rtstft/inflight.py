"""Frames that lookahead holds back while the order of a row changes."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from rtstft.stage import Stage
from rtstft.types import ComplexArray

Call = Callable[[ComplexArray], Any]
Route: TypeAlias = list[tuple[Stage, Call]]


@dataclass(slots=True, eq=False)
class _Held:
    """A frame that was within the row when its order changed.

    Attributes:
        index: its number.
        passed: the stages that it has passed.
        owed: those that it had still to pass, in their order then.
    """

    index: int
    passed: set[Stage]
    owed: list[Stage]


class InFlight:
    """Has every frame pass each stage once, although the order of the stages has changed.

    A frame that a stage with lookahead held back at that moment has passed what stood in front of that
    stage, and not yet what stood behind. Of these, the ones that it would meet again let it pass; the
    ones that stand in front now are called for it as soon as it comes out. Those that look ahead have to
    keep their order.

    Args:
        stages: in the order that they had.
        index: of the first frame that does not pass them in this order.
    """

    def __init__(self, stages: list[Stage], index: int) -> None:
        # Of each stage with lookahead what it holds back, the oldest first; None needs no attention.
        self._lines: dict[Stage, deque[_Held | None]] = {}
        delay = 0
        for place, stage in enumerate(stages):
            if not stage.lookahead:
                continue
            delay += stage.lookahead
            self._lines[stage] = deque(
                _Held(index - delay + age, set(stages[: place + 1]), stages[place + 1 :])
                for age in range(stage.lookahead)
            )

    @property
    def over(self) -> bool:
        """No frame of the earlier order is on its way."""
        return not any(held for line in self._lines.values() for held in line)

    def route(self, stages: list[Stage], index: int) -> Route:
        """What to call in hop `index`, in this order, and for which of `stages`."""
        calls: Route = []
        held: _Held | None = None
        for place, stage in enumerate(stages):
            if held is None:
                calls.append((stage, stage.entry))
            elif stage in held.passed:
                calls.append((stage, stage.skip))
                continue
            else:
                calls.append((stage, stage.late(index - held.index, again=False)))
                held.passed.add(stage)
            line = self._lines.get(stage)
            if line is None:
                continue
            line.append(held)
            held = line.popleft()
            if held is not None:
                for one in held.owed:
                    if one in stages[:place] and one not in held.passed and not one.lookahead:
                        calls.append((one, one.late(index - held.index, again=True)))
                        held.passed.add(one)
        return calls


class Refill:
    """Stages that look ahead have changed places: what they held back has no way through them any more.

    Each is called again when the first frame of the new order comes to it. Until that is out, what comes
    out is of no use.

    Args:
        stages: they, and those between, in their new order.
        index: of the hop in which they have it first.
    """

    def __init__(self, stages: list[Stage], index: int) -> None:
        self._from: dict[Stage, int] = {}
        for stage in stages:
            self._from[stage] = index
            index += stage.lookahead
        self._end = index
        self._index = 0

    @property
    def over(self) -> bool:
        """The first frame of the new order is out."""
        return self._index + 1 >= self._end

    def route(self, stages: list[Stage], index: int) -> Route:
        """As of InFlight."""
        self._index = index
        return [
            (stage, stage.entry if index >= self._from.get(stage, index) else stage.skip) for stage in stages
        ]
