"""Guard: what stands between a live stream and one of its callbacks."""

from time import perf_counter
from typing import Protocol

import numpy as np

from rtstft.arrays import is_within
from rtstft.errors import PluginError
from rtstft.plugin import NotFiniteError, Stage, store
from rtstft.types import ComplexArray

_LOUDEST = 1e18


class Supervisor(Protocol):
    """Who decides whether callbacks are called, and hears of those that fail."""

    @property
    def skipping(self) -> bool:
        """Whether callbacks are to be left out."""

    @property
    def probing(self) -> bool:
        """Whether those left out are to be timed on a copy of the frame."""

    def failed(self, error: PluginError) -> None:
        """A callback has failed; its frame stays dry."""


class Guard:
    """Calls a stage; where it fails or is left out, the frame is the one it was given `lookahead` ago.

    NaN and Inf, or values so large that the inverse transform could overflow, never get past it. A
    plugin that left them is reset: what is not finite in its memory would spoil every later frame.

    Attributes:
        name: the callback's.
        seconds: time spent in the callback so far.
        probe_s: time that the last probe took.
    """

    def __init__(self, stage: Stage, frame: ComplexArray, supervisor: Supervisor, *, returns: bool) -> None:
        self.name = stage.name
        self.seconds = 0.0
        self.probe_s = 0.0
        self._stage = stage
        self._supervisor = supervisor
        self._returns = returns
        self._given = np.zeros((stage.lookahead + 1, *frame.shape), frame.dtype)
        self._scratch = np.zeros_like(frame)
        self._real = frame.real.dtype
        self._index = 0

    def reset(self) -> None:
        """Forgets the frames it was given."""
        self._given[...] = 0
        self._index = 0

    def call(self, frame: ComplexArray) -> None:
        """Runs the callback on `frame`, shape (channels, bins), in place; raises nothing."""
        slots = len(self._given)
        self._given[self._index % slots] = frame
        dry = self._given[(self._index + 1) % slots]
        started = perf_counter()
        if not self._supervisor.skipping:
            try:
                self._run(frame)
            except Exception as error:
                frame[...] = dry
                self._failed(error)
            self.seconds += perf_counter() - started
        else:
            if self._supervisor.probing:
                self._probe(frame)
                self.probe_s = perf_counter() - started
            else:
                self._stage.skip()
            frame[...] = dry
        self._index += 1

    def _run(self, frame: ComplexArray) -> None:
        result = self._stage.call(frame)
        if self._returns and result is not None and result is not frame:
            store(result, frame)
        if not is_within(frame.view(self._real), _LOUDEST):
            raise NotFiniteError

    def _probe(self, frame: ComplexArray) -> None:
        self._scratch[...] = frame
        try:
            self._run(self._scratch)
        except Exception as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        failure = self._stage.failure(error, self._index)
        failure.__cause__ = error
        self._supervisor.failed(failure)
        if isinstance(error, NotFiniteError):
            try:
                self._stage.forget()
            except Exception as worse:
                self._supervisor.failed(self._stage.failure(worse, self._index))
