"""Bypass: all callbacks of a stream faded out, and in again."""

from rtstft.crossfade import Crossfade, Fade
from rtstft.delay import FrameDelay
from rtstft.types import ComplexArray, RealArray


class Bypass:
    """Mixes what went into a row with what comes out of it, at the row's delay.

    Args:
        crossfade: of the row.
        frame: what goes in, shape (channels, bins), and comes out in the same place.
        lookahead: frames by which the row delays it.

    Attributes:
        on: whether the callbacks are to be left out; set from any thread.
        complete: nothing is heard of them, so that they need not be called.
    """

    def __init__(self, crossfade: Crossfade, frame: ComplexArray, lookahead: int) -> None:
        self.on = False
        self.complete = False
        self._crossfade = crossfade
        self._lookahead = lookahead
        self._given = FrameDelay(lookahead, frame.shape, frame.dtype)
        self._fade = Fade(crossfade, 1.0)
        self._weight: RealArray | float = 1.0
        self.reset()

    def reset(self) -> None:
        """A stream begins, with no fade."""
        self._given.reset()
        self._index = 0
        self._called = self._lookahead
        self._idle = False

    def begin_frame(self, frame: ComplexArray) -> None:
        """Before the callbacks."""
        index, self._index = self._index, self._index + 1
        if self._idle and not self._lookahead and not self.on:  # nothing has to be kept for later
            return
        self._dry = self._given.push(frame)
        # What looks ahead has something to give only after so many frames.
        aim = 0.0 if self.on or self._called < self._lookahead else 1.0
        if not index:
            self._fade.settle(aim)
        self._fade.aim = aim
        self._weight = self._fade.over(index)
        rests = isinstance(self._weight, float)
        self._idle = rests and self._weight == 1
        self.complete = self.on and rests and self._weight == 0
        self._called = 0 if self.complete else self._called + 1

    def end_frame(self, frame: ComplexArray) -> None:
        """After the callbacks."""
        if not self._idle:
            self._crossfade.mix(self._dry, frame, self._weight, frame)
