"""Row: the stages that a frame passes, following the chains they come from."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from rtstft.callbacks import hears
from rtstft.chain import Chain, flattened, refuse_twins, within
from rtstft.crossfade import Crossfade
from rtstft.delay import FrameHistory
from rtstft.errors import PluginError
from rtstft.handover import Handover
from rtstft.inflight import InFlight, Refill
from rtstft.matching import hosts, is_overtaking, match, reordered
from rtstft.plugin import Callback, Context
from rtstft.runner import Aux, Runner
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
        before: what to call before the first.
        after: what to call after the last.

    Attributes:
        crossfade: of all that changes.
        stages: of the callbacks, in order.
        planned: as they are to be, soon.
        calls: `before`, of each stage, and `after`.
        callers: of each of `calls` the stage, if it is one.
        changing: `step` has something to do before the next frame.
        rejected: errors of those that were to come in, and could not.

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
        before: Iterable[Call] = (),
        after: Iterable[Call] = (),
    ) -> None:
        single = callable(callbacks) or hasattr(callbacks, "process") or not isinstance(callbacks, Iterable)
        single = single or isinstance(callbacks, str)
        row: Any = [callbacks] if single else callbacks
        self._root: list[Any] = [row] if isinstance(row, Chain) else list(row)
        self._context = context
        self.crossfade = Crossfade(context)
        self._aux = FrameHistory(aux)
        self._in_flight: InFlight | Refill | None = None
        self._handover: Handover | None = None
        self._next: list[Stage] | None = None  # the plan that is to come
        self._wrap = wrap
        self._before, self._after = list(before), list(after)
        self._lock = threading.Lock()
        self._plans: deque[list[Stage]] = deque(maxlen=1)
        self.rejected: deque[PluginError] = deque()
        flat = flattened(self._root)
        refuse_twins(flat)
        chains = list(within(self._root))
        self.stages: list[Stage] = []
        delay = 0
        lasting = not chains
        for callback in flat:
            stage = Stage(callback, context, self.crossfade, delay, self._aux, lasting=lasting)
            stage.entry = wrap(stage, lasting and len(flat) == 1)
            self.stages.append(stage)
            delay += stage.lookahead
        self._aux.reach(delay)
        self.planned = list(self.stages)
        self._rewire()
        self.changing = False
        for chain in chains:
            chain.follow(self)

    @property
    def lookahead(self) -> int:
        """Frames by which the row delays the stream."""
        return sum(stage.lookahead for stage in self.stages)

    @property
    def unheard(self) -> list[str]:
        """Of each auxiliary input that no callback listens to, what to tell the user."""
        row = [stage.callback for stage in self.stages]
        wanted = dict.fromkeys(name for callback in row for name in getattr(callback, "aux", ()))
        return [
            f"auxiliary input {name!r} is given, but no callback listens to it: they listen to "
            f"{', '.join(wanted) or 'none'}"
            for name in self._context.aux
            if not any(hears(callback, name) for callback in row)
        ]

    def changed(self) -> None:
        """Follows a chain: prepares what is new, and plans the change for the next frame."""
        with self._lock:
            for chain in within(self._root):
                chain.follow(self)
            wanted = flattened(self._root)
            refuse_twins(wanted)
            self._plan(wanted)

    def step(self, index: int) -> list[Call]:
        """Changes the row as planned, before frame `index`; gives what is to be called on it.

        Another order waits until it is known what the present one does, and any change until all frames
        of an earlier order are out, and that order has faded.
        """
        self.changing = False
        if self._plans:
            self._next = self._plans.popleft()
        self.stages = [stage for stage in self.stages if not stage.over]
        if self._handover is not None and (
            self._handover.over or not any(stage in self.stages for stage in self._handover.stages)
        ):
            self._handover = None
        if self._in_flight is not None and self._in_flight.over:
            self._in_flight = None
        if self._next is not None and self._may_become(self._next, index):
            planned, self._next = self._next, None
            for stage in planned:
                if stage not in self.stages:
                    stage.start(index)
            if self._handover is not None:
                moving = [stage for stage in planned if stage in self._handover.stages]
                overtaking = is_overtaking(self.stages, planned)
                self._handover.begin(bridging=overtaking)
                self._in_flight = Refill(moving, index) if overtaking else InFlight(self.stages, index)
            self.stages = [stage for stage in planned if not stage.over]
        self._rewire()
        if self._in_flight is not None:
            self._wire(self._in_flight.route(self.stages, index))
        if self._in_flight or self._next or self._handover or not all(stage.settled for stage in self.stages):
            self.changing = True
        return self.calls

    def close(self) -> None:
        """Follows no chain any more."""
        for chain in within(self._root):
            chain.unfollow(self)

    def reset(self) -> None:
        """Back to the state after construction, with the callbacks that there are by now."""
        self._in_flight = None
        self._handover = None
        self.step(0)
        for stage in self.stages:
            stage.reset()
        self._aux.reset()
        self.step(0)

    def _may_become(self, planned: list[Stage], index: int) -> bool:
        """Whether the row can be as planned by now."""
        if self._in_flight is not None or (self._handover is not None and self._handover.begun):
            return False
        moving = reordered(self.stages, planned) if index else []
        if not moving:
            self._handover = None
            return True
        if self._handover is None or self._handover.stages != moving:
            self._handover = Handover(moving, self._context, self.crossfade)
        return self._handover.ready

    def _plan(self, wanted: list[Callback]) -> None:
        planned = [stage for stage in self.planned if not stage.over]
        places = match(wanted, planned)
        # All that may fail comes first, then what changes.
        fresh = {
            place: Runner(callback, self._context, self.crossfade)
            for place, callback in enumerate(wanted)
            if places[place] is None
        }
        hosting = hosts(fresh, places, planned)
        row: list[Stage] = []
        for place, callback in enumerate(wanted):
            stage = places[place] or hosting.get(place)
            if stage is None:
                stage = Stage(let_pass, self._context, self.crossfade, 0, self._aux)
                stage.entry = self._wrap(stage, False)
            row.append(stage)
            if place in fresh:
                stage.install(fresh[place], partial(self._judged, stage, callback))
            elif stage.callback is not callback:
                stage.replace(callback, partial(self._judged, stage, callback))
        # Stages without a callback stay behind those that they stood behind, as fade or as delay.
        staying = [stage for stage in planned if stage in row or stage.lookahead or not stage.unheard]
        for place, stage in enumerate(staying):
            if stage not in row:
                if stage.callback is not let_pass:
                    stage.replace(let_pass)
                row.insert(row.index(staying[place - 1]) + 1 if place else 0, stage)
        self._announce(row)

    def _judged(self, stage: Stage, callback: Callback, error: PluginError | None) -> None:
        """Of one that cannot stay, the chain that it came from and the user hear."""
        if error is not None:
            instead = [] if stage.callback is let_pass else [stage.callback]
            for chain in within(self._root):
                chain.withdraw(callback, instead)
            self.rejected.append(error)

    def _announce(self, row: list[Stage]) -> None:
        self.planned = row
        self._plans.append(row)
        self.changing = True

    def _rewire(self) -> None:
        delay = 0
        for stage in self.stages:
            stage.place(delay)
            delay += stage.lookahead
        self._wire([(stage, stage.entry) for stage in self.stages])

    def _wire(self, route: list[tuple[Stage, Call]]) -> None:
        row: list[tuple[Stage | None, Call]] = [*route]
        if self._handover is not None:
            moving = [place for place, (stage, _) in enumerate(route) if stage in self._handover.stages]
            if moving:
                row.insert(moving[-1] + 1, (None, self._handover.leave))
                row.insert(moving[0], (None, self._handover.enter))
        self.callers = [*(None for _ in self._before), *(stage for stage, _ in row)]
        self.calls = [*self._before, *(call for _, call in row), *self._after]
