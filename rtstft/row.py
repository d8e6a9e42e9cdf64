"""Row: the stages that a frame passes, following the chains they come from."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from rtstft.chain import Chain, refuse_twins
from rtstft.plugin import Callback, Context
from rtstft.runner import Aux
from rtstft.stage import Stage, let_pass
from rtstft.types import ComplexArray

Call = Callable[[ComplexArray], Any]


class Row:
    """Prepares callbacks, and keeps what is to be called on each frame, in order.

    Args:
        callbacks: one, several, or chains of them, nested at will.
        context: what to prepare them for.
        aux: the auxiliary frames.
        wrap: what to call for a stage; the second argument says that it is and stays the only one.
        after: what to call after the last.

    Attributes:
        stages: of the callbacks, in order.
        calls: of each stage, and `after`.
        changing: `step` has something to do before the next frame.

    Raises:
        PluginError: a callback that is none, or cannot be prepared.
        ParameterError: a plugin stands twice in the row.
    """

    def __init__(
        self,
        callbacks: Callback | Iterable[Callback],
        context: Context,
        aux: Aux,
        wrap: Callable[[Stage, bool], Call],
        after: Iterable[Call] = (),
    ) -> None:
        single = callable(callbacks) or hasattr(callbacks, "process") or not isinstance(callbacks, Iterable)
        row: Any = [callbacks] if single else callbacks
        self._root: Iterable[Any] = row if isinstance(row, Chain) else list(row)
        self._context = context
        self._aux = aux
        self._wrap = wrap
        self._after = list(after)
        self._lock = threading.Lock()
        self._plans: deque[list[Stage]] = deque()
        flat = _flatten(self._root)
        refuse_twins(flat)
        chains = _chains(self._root)
        self.stages: list[Stage] = []
        delay = 0
        lasting = not chains
        for callback in flat:
            stage = Stage(callback, context, delay, aux, lasting=lasting)
            stage.entry = wrap(stage, lasting and len(flat) == 1)
            self.stages.append(stage)
            delay += stage.lookahead
        self._planned = list(self.stages)
        self.calls: list[Call] = []
        self._rewire()
        self.changing = False
        for chain in chains:
            chain.follow(self)

    @property
    def lookahead(self) -> int:
        """Frames by which the row delays the stream."""
        return sum(stage.lookahead for stage in self.stages)

    def changed(self) -> None:
        """Follows a chain: prepares what is new, and plans the change for the next frame."""
        with self._lock:
            for chain in _chains(self._root):
                chain.follow(self)
            wanted = _flatten(self._root)
            refuse_twins(wanted)
            self._plan(wanted)

    def step(self) -> list[Call]:
        """Changes the row as planned, between two frames; gives what is to be called on the next."""
        self.changing = False
        while self._plans:
            self.stages = self._plans.popleft()
        self.stages = [stage for stage in self.stages if not stage.over]
        self._rewire()
        if not all(stage.settled for stage in self.stages):
            self.changing = True
        return self.calls

    def reset(self) -> None:
        """Back to the state after construction, with the callbacks that there are by now."""
        self.step()
        for stage in self.stages:
            stage.reset()
        self.step()

    def _plan(self, wanted: list[Callback]) -> None:
        planned = [stage for stage in self._planned if not stage.over]
        present = [stage for stage in planned if stage.callback is not let_pass]
        kept: dict[int, Stage] = {}
        free = list(present)
        for place, callback in enumerate(wanted):
            stage = next((stage for stage in free if stage.callback is callback), None)
            if stage is not None:
                kept[place] = stage
                free.remove(stage)
        new = [place for place in range(len(wanted)) if place not in kept]
        in_place = [kept.get(place) for place in range(len(wanted))]
        if len(wanted) == len(present) and len(new) == 1 and len(free) == 1:
            in_place[new[0]] = free[0]
            if in_place == present:
                free[0].replace(wanted[new[0]])
                self._announce(planned)
                return
            in_place[new[0]] = None
        for place in new:
            stage = Stage(let_pass, self._context, 0, self._aux)
            stage.replace(wanted[place])
            stage.entry = self._wrap(stage, False)
            in_place[place] = stage
        row = [stage for stage in in_place if stage is not None]
        for stage in free:
            stage.replace(let_pass)
        # Stages without a callback stay behind those that they stood behind, as fade or as delay.
        for place, stage in enumerate(planned):
            if stage not in row:
                before = planned[place - 1] if place else None
                row.insert(row.index(before) + 1 if before in row else 0, stage)
        self._announce(row)

    def _announce(self, row: list[Stage]) -> None:
        self._planned = row
        self._plans.append(row)
        self.changing = True

    def _rewire(self) -> None:
        delay = 0
        for stage in self.stages:
            stage.place(delay)
            delay += stage.lookahead
        self.calls = [*(stage.entry for stage in self.stages), *self._after]


def _flatten(row: Iterable[Any]) -> list[Callback]:
    flat: list[Callback] = []
    for item in row:
        flat.extend(_flatten(item) if isinstance(item, Chain) else [item])
    return flat


def _chains(row: Any) -> list[Chain]:
    inner = [chain for item in row if isinstance(item, Chain) for chain in _chains(item)]
    return [row, *inner] if isinstance(row, Chain) else inner
