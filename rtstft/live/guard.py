"""Guard: what stands between a live stream and one of its callbacks."""

from time import perf_counter
from typing import Protocol

import numpy as np

from rtstft.arrays import is_within
from rtstft.delay import FrameDelay
from rtstft.errors import RAISED, PluginError
from rtstft.returned import NotFiniteError, store
from rtstft.stage import Stage
from rtstft.types import ComplexArray

_LOUDEST = 1e18
_SHARE = 0.05  # of the newest in a running mean


class Supervisor(Protocol):
    """Who decides whether callbacks are called, and hears of those that fail."""

    calling: str
    """Name of the callback that is running; empty if none is."""

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
        stage: the one that it calls.
        mean_s: time spent in the callback per frame, lately.
        probe_s: time that the last probe took.
    """

    def __init__(self, stage: Stage, frame: ComplexArray, supervisor: Supervisor, *, returns: bool) -> None:
        self.mean_s = 0.0
        self.probe_s = 0.0
        self.stage = stage
        self._supervisor = supervisor
        self._returns = returns
        self._given = FrameDelay(stage.lookahead, frame.shape, frame.dtype)
        self._scratch = np.zeros_like(frame)
        self._real = frame.real.dtype
        self._skipped = False
        self._dry_frames = 0  # that a plugin with lookahead still has to make up for

    @property
    def name(self) -> str:
        """The callback's."""
        return self.stage.name

    def reset(self) -> None:
        """Forgets the frames it was given."""
        self._given.reset()
        self._skipped = False
        self._dry_frames = 0

    def __call__(self, frame: ComplexArray) -> None:
        """Runs the callback on `frame`, shape (channels, bins), in place; raises nothing."""
        index = self.stage.index
        dry = self._given.push(frame)
        started = perf_counter()
        if not self._supervisor.skipping:
            if self._skipped:
                self._resume(index)
            try:
                self._run(frame)
            except RAISED as error:
                frame[...] = dry
                self._failed(error, index)
            if self._dry_frames:
                self._dry_frames -= 1
                frame[...] = dry
            self.mean_s += _SHARE * (perf_counter() - started - self.mean_s)
        else:
            self._skipped = True
            if self._supervisor.probing:
                self._probe(frame, index)
                self.probe_s = perf_counter() - started
            else:
                self.stage.skip()
            frame[...] = dry

    def _resume(self, index: int) -> None:
        """Calls the stage again after a gap: what it kept to look ahead is from before."""
        self._skipped = False
        if self.stage.lookahead:
            self._forget(index)
            self._dry_frames = self.stage.lookahead

    def _run(self, frame: ComplexArray) -> None:
        self._supervisor.calling = self.name
        result = self.stage.call(frame)
        self._supervisor.calling = ""
        if self._returns and result is not None and result is not frame:
            store(result, frame)
        if not is_within(frame.view(self._real), _LOUDEST):
            raise NotFiniteError

    def _probe(self, frame: ComplexArray, index: int) -> None:
        self._scratch[...] = frame
        try:
            self._run(self._scratch)
        except RAISED as error:
            self._failed(error, index)

    def _failed(self, error: BaseException, index: int) -> None:
        failure = self.stage.failure(error, index)
        failure.__cause__ = error
        self._supervisor.failed(failure)
        self._supervisor.calling = ""
        if isinstance(error, NotFiniteError):
            self._forget(index)

    def _forget(self, index: int) -> None:
        try:
            self.stage.forget()
        except RAISED as error:
            self._supervisor.failed(self.stage.failure(error, index))
