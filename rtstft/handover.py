"""Handover: from what some stages made of their frames to what they make of them in another order."""

import numpy as np

from rtstft.crossfade import Crossfade, Fade
from rtstft.delay import FrameDelay
from rtstft.plugin import Context
from rtstft.stage import Stage
from rtstft.types import ComplexArray, RealArray

_FAINT = 1e-6  # of a frame's loudest bin; what was made of a bin below it is not known
_HEARD = 1e-5  # of the frame; a smaller step needs no handover
_BETTER = 4.0  # by so much less than the step, and the frame, gains have to err
_LOUDER = 1.12  # than what was heard last, or the new order now: more is not let through ...
_LOUDER_BRIDGED = 2.0  # ... and while there is no new order, where the sound itself may rise


class Handover:
    """Lets stages that change places go on as before for a moment, and fades that over to their new order.

    A plugin has one state, and cannot play in both orders at a time. But what the old order did to a
    frame can be told as a complex gain for each bin, and of most plugins that hardly changes from frame
    to frame. So the last gains are held, if those of the frame before foretold the last one with an error of
    no more than a quarter of it, and less than a quarter of the step that there would be without a
    handover. Otherwise the new order begins with its first frame, which the windows crossfade.

    Args:
        stages: those that change places, in their order.
        context: of the row's frames.
        crossfade: of the row.

    Attributes:
        over: the new order is all that is heard.
    """

    def __init__(self, stages: list[Stage], context: Context, crossfade: Crossfade) -> None:
        shape, dtype = (context.channels, context.stft.bins), context.complex_dtype
        self.stages = stages
        self.over = False
        self._delay = sum(stage.lookahead for stage in stages)
        self._crossfade = crossfade
        self._given = FrameDelay(self._delay, shape, dtype)
        self._dry, self._gains, self._foretold = np.zeros((3, *shape), dtype)
        self._loudness, self._level = np.ones((2, context.channels, 1), context.dtype)
        self._error = np.inf
        self._foretells = False
        self._bridging = False
        self._fade = Fade(crossfade, 0.0)
        self._seen = 0
        self._first: float = np.inf  # frame of the new order

    @property
    def begun(self) -> bool:
        """They have the new order."""
        return self._first < np.inf

    @property
    def ready(self) -> bool:
        """What the old order does is known: it may change."""
        return self._seen >= self._delay + 2

    def begin(self, *, bridging: bool) -> None:
        """From the next frame on, the stages have their new order.

        Args:
            bridging: what comes out before the first frame of that order is of no use. In its place goes
                what the held gains make of the dry frames; if they foretell nothing, one gain for all bins.
        """
        self._bridging = bridging
        if bridging:
            if not self._foretells:
                self._gains[...] = self._level
            self._foretells, self._error = True, 0.0
        self._first = self._seen + self._delay + 1  # before it come those that lookahead held back

    def enter(self, frame: ComplexArray) -> None:
        """Before the first of the stages."""
        self._dry = self._given.push(frame)

    def leave(self, frame: ComplexArray) -> None:
        """After the last of them; `frame` may be changed in place."""
        self._seen += 1
        with np.errstate(all="ignore"):
            np.multiply(self._gains, self._dry, out=self._foretold)
            if self._seen < self._first and not self._bridging:
                self._learn(frame)
                return
            # Gains that were right for a faint sound are not for the loud one that may begin now.
            louder = _LOUDER if self._seen >= self._first else _LOUDER_BRIDGED
            limit = louder * np.maximum(self._loudness, _loudness(frame))
            self._foretold *= np.fmin(1, limit / _loudness(self._foretold))
            if self._seen < self._first:
                frame[...] = self._foretold
            else:
                self._hand_over(frame)

    def _learn(self, frame: ComplexArray) -> None:
        before, self._loudness = _loudness(self._dry), _loudness(frame)
        known = np.abs(self._dry) > _FAINT * before
        self._gains[...] = 0
        np.divide(frame, self._dry, out=self._gains, where=known)
        np.divide(self._loudness, before, out=self._level, where=before > 0)
        error = _loudness(frame - self._foretold)
        self._error = error.max()
        self._foretells = bool(known.any() and (_BETTER * error <= self._loudness).all())

    def _hand_over(self, frame: ComplexArray) -> None:
        if self._seen == self._first:
            step = np.abs(frame - self._foretold).max()
            hidden = self._foretells and _BETTER * self._error < step
            self.over = not (hidden and step > _HEARD * self._loudness.max())
            self._fade.aim = 1.0
        if not self.over:
            weight = self._fade.over(self._seen)
            self.over = isinstance(weight, float)
            self._crossfade.mix(self._foretold, frame, weight, frame)


def _loudness(frame: ComplexArray) -> RealArray:
    """Of the loudest bin of each channel, shape (channels, 1)."""
    loudness: RealArray = np.abs(frame).max(axis=1, keepdims=True)
    return loudness
