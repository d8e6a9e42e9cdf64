"""Occupant: a callback in its stage, auditioned on copies of the frames, and faded in."""

from typing import Any

import numpy as np

from rtstft.crossfade import Crossfade, Fade
from rtstft.delay import FrameDelay
from rtstft.plugin import Callback, Context
from rtstft.returned import NotFiniteError, store
from rtstft.runner import Aux, Runner
from rtstft.types import ComplexArray, RealArray

_PROBATION_FRAMES = 4


class Occupant:
    """A runner in a stage that delays frames by `delay`, whatever the runner's own lookahead is.

    Attributes:
        callback: the runner's.
        retired: another one has taken its place.
    """

    def __init__(self, runner: Runner, delay: int, context: Context, crossfade: Crossfade) -> None:
        shape = (context.channels, context.stft.bins)
        self.runner = runner
        self.callback: Callback = runner.callback
        self.retired = False
        missing = delay - runner.lookahead
        self._padding = FrameDelay(missing, shape, context.complex_dtype) if missing else None
        self._output = np.zeros(shape, context.complex_dtype)
        self._audition = delay + _PROBATION_FRAMES
        self._crossfade = crossfade
        self._fade = Fade(crossfade, 0.0)
        self._weight: RealArray | float = 0.0
        self._seen = 0

    @property
    def heard(self) -> bool:
        """It has a share of the output."""
        return not isinstance(self._weight, float) or self._weight > 0

    @property
    def accepted(self) -> bool:
        """All of the output is its own, and it has shown its first frames."""
        return isinstance(self._weight, float) and self._weight >= 1 and self._seen >= self._audition

    def run(self, frame: ComplexArray, index: int, aux: Aux) -> Any:
        """As Runner.run, `delay` frames later."""
        if self._padding is None:
            return self.runner.run(frame, index, aux)
        try:
            result = self.runner.run(frame, index, aux)
            if result is not None and result is not frame:
                store(result, frame)
        finally:
            late = self._padding.push(frame)
        frame[...] = late
        return None

    def audition(self, frame: ComplexArray, index: int, aux: Aux, *, back: bool, at_once: bool) -> None:
        """Runs on a copy of `frame`, and is faded in, or out. Raises what it raises."""
        if self.retired:
            self._start_again()
        elif not self._seen:
            self.runner.enter(index)
        self._seen += 1
        output = self._output
        output[...] = frame
        result = self.run(output, index, aux)
        if result is not None and result is not output:
            store(result, output)
        if not np.isfinite(output).all():
            raise NotFiniteError
        if at_once:
            self._fade.settle(1.0)
        elif self._seen > self._audition:
            self._fade.aim = 0.0 if back else 1.0
        self._weight = self._fade.over(index)

    def fade_over(self, frame: ComplexArray) -> None:
        """Mixes the output of the last audition into `frame`, with its weight."""
        if self.heard:
            self._crossfade.mix(frame, self._output, self._weight, frame)

    def reset(self) -> None:
        """Back to the state after construction."""
        self._forget_audition()
        self.runner.reset()

    def _start_again(self) -> None:
        self._forget_audition()
        self.runner.forget()

    def _forget_audition(self) -> None:
        self.retired = False
        self._fade.settle(0.0)
        self._weight = 0.0
        self._seen = 0
        if self._padding is not None:
            self._padding.reset()
