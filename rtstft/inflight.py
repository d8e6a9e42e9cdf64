"""InFlight: frames that lookahead holds back while the order of a row changes."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rtstft.stage import Stage
from rtstft.types import ComplexArray

Call = Callable[[ComplexArray], Any]


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
    ones that stand in front now are called for it as soon as it comes out. Stages that look ahead keep
    their order, but for those that are empty.
    """

    def __init__(self) -> None:
        # Of each stage with lookahead what it holds back, the oldest first; None needs no attention.
        self._lines: dict[Stage, deque[_Held | None]] = {}

    @property
    def holding(self) -> bool:
        """Frames of an earlier order are on their way."""
        return bool(self._lines)

    def hold(self, stages: list[Stage], index: int) -> None:
        """Frame `index` will not pass `stages` in this order any more; to be called with nothing held."""
        delay = 0
        for place, stage in enumerate(stages):
            if not stage.lookahead:
                continue
            delay += stage.lookahead
            self._lines[stage] = deque(
                _Held(index - delay + age, set(stages[: place + 1]), stages[place + 1 :])
                for age in range(stage.lookahead)
            )

    def route(self, stages: list[Stage], index: int) -> list[tuple[Stage, Call]]:
        """What to call in hop `index`, in this order, and for which of `stages`."""
        calls: list[tuple[Stage, Call]] = []
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
        if not any(held for line in self._lines.values() for held in line):
            self._lines.clear()
        return calls
