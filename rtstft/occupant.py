"""Occupant: a callback in its stage, auditioned on copies of the frames, and faded in."""

from typing import Any

import numpy as np

from rtstft.delay import FrameDelay
from rtstft.plugin import Callback, Context
from rtstft.returned import NotFiniteError, store
from rtstft.runner import Aux, Runner, fade_frames
from rtstft.types import ComplexArray

_PROBATION_FRAMES = 4


class Occupant:
    """A runner in a stage that delays frames by `delay`, whatever the runner's own lookahead is.

    Attributes:
        callback: the runner's.
        weight: its share of the output, while it is a candidate.
        retired: another one has taken its place.
    """

    def __init__(self, runner: Runner, delay: int, context: Context) -> None:
        shape = (context.channels, context.stft.bins)
        self.runner = runner
        self.callback: Callback = runner.callback
        self.weight = 0.0
        self.retired = False
        missing = delay - runner.lookahead
        self._padding = FrameDelay(missing, shape, context.complex_dtype) if missing else None
        self._output = np.zeros(shape, context.complex_dtype)
        self._audition = delay + _PROBATION_FRAMES
        self._fade = fade_frames(context)
        self._frames = 0  # towards its full weight
        self._seen = 0

    @property
    def accepted(self) -> bool:
        """It has full weight, and has shown its first frames."""
        return self.weight >= 1 and self._seen >= self._audition

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
        """Runs on a copy of `frame`, and gets a greater weight, or a smaller one. Raises what it raises."""
        if self.retired:
            self._start_again()
        elif not self._seen:
            self.runner.enter(index)
        if at_once:
            self._frames = self._audition + self._fade
        self._seen += 1
        output = self._output
        output[...] = frame
        result = self.run(output, index, aux)
        if result is not None and result is not output:
            store(result, output)
        if not np.isfinite(output).all():
            raise NotFiniteError
        self._frames = min(self._frames + (-1 if back else 1), self._audition + self._fade)
        self.weight = max(0, self._frames - self._audition) / self._fade

    def fade_over(self, frame: ComplexArray) -> None:
        """Mixes the output of the last audition into `frame`, with its weight."""
        if self.weight >= 1:
            frame[...] = self._output
        elif self.weight > 0:
            frame *= 1 - self.weight
            self._output *= self.weight
            frame += self._output

    def reset(self) -> None:
        """Back to the state after construction."""
        self._forget_audition()
        self.runner.reset()

    def _start_again(self) -> None:
        self._forget_audition()
        self.runner.forget()

    def _forget_audition(self) -> None:
        self.retired = False
        self.weight = 0.0
        self._frames = self._seen = 0
        if self._padding is not None:
            self._padding.reset()
