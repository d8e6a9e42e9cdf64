"""Stage: a callback's place in the row, where it can be exchanged while frames pass."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from rtstft.crossfade import Crossfade
from rtstft.delay import FrameHistory
from rtstft.errors import RAISED, PluginError, SetupError
from rtstft.occupant import Occupant
from rtstft.plugin import Callback, Context
from rtstft.returned import BadFrameError, store
from rtstft.runner import Aux, Runner
from rtstft.types import ComplexArray

Outcome = Callable[[PluginError | None], object]


class Stage:
    """Calls one callback on every frame: `call(frame)`, changed in place or returned.

    `replace` exchanges the callback: the new one runs beside the old on copies of the frames, and is
    faded in if its first frames were good. Before the stage's first frame there is nothing to fade:
    the new one is heard at once, and the old one stays beside it for as long. The delay stays the same.
    Going back to one that is still there turns the fade round.

    Args:
        callback: what to call; `let_pass` for an empty stage.
        context: what to prepare it for.
        crossfade: of the whole row, whose callbacks run one after the other.
        delay: frames by which those in front delay the stream.
        aux: the auxiliary frames.
        lasting: the callback is not going to be exchanged.

    Attributes:
        callback: the one in force, or about to be.
        lookahead: frames by which the stage delays the stream.
        started: number of the first frame that it saw.
        index: number of the frame that it sees next, as it enters the row.
        call: what to call.
        entry: what the row calls in its place.

    Raises:
        PluginError: `callback` cannot be prepared.
    """

    def __init__(
        self,
        callback: Callback,
        context: Context,
        crossfade: Crossfade,
        delay: int,
        aux: FrameHistory,
        *,
        lasting: bool = False,
    ) -> None:
        self._context = context
        self._crossfade = crossfade
        self._aux = aux
        self.callback = callback
        runner = Runner(callback, context, crossfade)
        self.lookahead = runner.lookahead
        self._current = Occupant(runner, self.lookahead, context, crossfade)
        self._candidates: deque[tuple[Occupant, Outcome | None]] = deque()
        self._listing = threading.Lock()  # of candidates; never held while a callback runs
        self.start(0)
        self.place(delay)
        self.call: Callable[[ComplexArray], Any] = self._call
        if lasting and runner.plain:
            self.call = runner.process
        self.entry = self.call

    @property
    def name(self) -> str:
        """The callback's, for messages."""
        return self._current.runner.name

    @property
    def settled(self) -> bool:
        """No exchange is under way."""
        return not self._candidates

    @property
    def unheard(self) -> bool:
        """No frame has passed since the start."""
        return self.index == self.started

    @property
    def over(self) -> bool:
        """It lets frames pass, undelayed, for ever."""
        return self.callback is let_pass and self.settled and not self.lookahead

    def place(self, delay: int) -> None:
        """From now on, those in front delay the stream by `delay` frames."""
        self._delay = delay

    def replace(self, callback: Callback, outcome: Outcome | None = None) -> None:
        """Prepares another callback, and puts it in the place of the present one; from any thread.

        Args:
            callback: `let_pass` empties the stage; its delay stays.
            outcome: called once, by the thread that runs the frames: with None, when the new one has
                been faded in or was given up, or with the error of its first frames, and then the old
                one stays; not at all, if another one came before it saw a frame.

        Raises:
            PluginError: it cannot be prepared, or its lookahead is more than the stage's delay.
        """
        occupant = next((one for one in self._occupants() if one.callback is callback), None)
        if occupant is None:
            self.install(Runner(callback, self._context, self._crossfade), outcome)
        else:
            self._await(occupant, outcome)

    def install(self, runner: Runner, outcome: Outcome | None = None) -> None:
        """`replace` by what is prepared already."""
        if runner.lookahead > self.lookahead:
            raise too_late(runner, self.lookahead)
        self._await(Occupant(runner, self.lookahead, self._context, self._crossfade), outcome)

    def holds(self, callback: Callback) -> bool:
        """Whether `callback` runs here, or is going to."""
        return any(occupant.callback is callback for occupant in self._occupants())

    def start(self, index: int) -> None:
        """The next frame that the stage sees is number `index` of the stream."""
        self.started = index
        self.index = index

    def failure(self, error: BaseException, frame_index: int) -> PluginError:
        """What `error`, raised while this stage ran, is called to the user."""
        return _failure(self.name, error, frame_index - self._delay)

    def skip(self, _: ComplexArray | None = None) -> None:
        """A frame passes that the callback does not see."""
        self._aux.at(self.index, self._delay)
        self.index += 1

    def late(self, delay: int, *, again: bool) -> Callable[[ComplexArray], Any]:
        """What to call in the place of `entry` for a frame that is `delay` frames late.

        Args:
            delay: another one than those in front bring about now.
            again: it is the second frame of this hop.
        """

        def entry(frame: ComplexArray) -> Any:
            usual, self._delay = self._delay, delay
            self.index -= again
            try:
                return self.entry(frame)
            finally:
                self._delay = usual

        return entry

    def let_go(self) -> bool:
        """Holds nothing but the newest, if no frame has passed; or else returns False."""
        with self._listing:
            if self._candidates and self.unheard:
                self._current = self._candidates[-1][0]
                self._candidates.clear()
        return self.settled

    def reset(self) -> None:
        """Back to the state after `prepare`; a new callback is still to show its first frames."""
        with self._listing:
            self._keep_newest()
        self.start(0)
        self._current.reset()
        for occupant, _ in self._candidates:
            occupant.reset()

    def forget(self) -> None:
        """Resets the plugin, in the middle of a stream."""
        self._current.runner.forget()

    def _call(self, frame: ComplexArray) -> Any:
        aux = self._aux.at(self.index, self._delay)
        self.index += 1
        return self._run(frame, self.index - 1 - self._delay, aux)

    def _run(self, frame: ComplexArray, index: int, aux: Aux) -> Any:
        if self._candidates:
            return self._exchange(frame, index, aux)
        return self._current.run(frame, index, aux)

    def _exchange(self, frame: ComplexArray, index: int, aux: Aux) -> Any:
        """A frame through the old and the new."""
        at_once = self.index == 1  # nothing has been heard of the old one yet
        with self._listing:
            if at_once:
                self._keep_newest()
            current = self._current
            waiting = list(self._candidates)
        if not waiting:  # let_go was faster
            return current.run(frame, index, aux)
        entry = waiting[0]
        candidate, _ = entry
        if candidate is current:  # back again, from one that did not stay
            self._decide(entry, stays=True)
            return self._run(frame, index, aux)
        back = len(waiting) > 1 and waiting[1][0] is current
        try:
            candidate.audition(frame, index, aux, back=back, at_once=at_once)
        except RAISED as error:
            self._decide(entry, stays=False, error=_failure(candidate.runner.name, error, index))
            return self._run(frame, index, aux)
        try:
            result = current.run(frame, index, aux)
        except RAISED:
            if candidate.heard:
                self._decide(entry, stays=True)
            raise
        if result is not None and result is not frame:
            store(result, frame)
        candidate.fade_over(frame)
        if candidate.accepted or (back and not candidate.heard):
            self._decide(entry, stays=candidate.accepted)
        return None

    def _decide(
        self, entry: tuple[Occupant, Outcome | None], *, stays: bool, error: PluginError | None = None
    ) -> None:
        """Has the first candidate take the place, or sends it away; unless another thread was faster."""
        occupant, outcome = entry
        with self._listing:
            if not self._candidates or self._candidates[0] is not entry:
                return
            if stays:
                self._current.retired = occupant is not self._current
                self._current = occupant
            elif self._candidates[-1] is entry:  # none is to come after it
                self.callback = self._current.callback
            self._candidates.popleft()  # at last: other threads find each in one place at least
        if outcome is not None:
            outcome(error)

    def _occupants(self) -> list[Occupant]:
        return [*(occupant for occupant, _ in list(self._candidates)), self._current]

    def _await(self, occupant: Occupant, outcome: Outcome | None) -> None:
        with self._listing:
            for place, (one, _) in enumerate(self._candidates):
                if place and one is not self._current:  # not begun, and not what the first may fade back to
                    del self._candidates[place]
                    break
            self._candidates.append((occupant, outcome))
            self.callback = occupant.callback  # after it, for what lets pass and is settled is over
            if self.unheard:
                self._keep_newest()

    def _keep_newest(self) -> None:
        """Forgets candidates that nobody is going to hear."""
        while len(self._candidates) > 1:
            self._candidates.popleft()


def let_pass(_: ComplexArray) -> None:
    """Lets a frame pass."""


def _failure(name: str, error: BaseException, frame_index: int) -> PluginError:
    what = str(error) if isinstance(error, BadFrameError) else f"raised {type(error).__name__}: {error}"
    return PluginError(name, frame_index, what)


def too_late(runner: Runner, delay: int) -> SetupError:
    """What to say of a lookahead that the stream has no delay for."""
    return SetupError(
        runner.name,
        None,
        f"looks {runner.lookahead} frames ahead, but a stream that has begun keeps its latency, and "
        f"here there are {delay}: make a new stream with it",
    )
