"""EventLog: what happened to a stream, and when."""

import time
from collections import deque
from dataclasses import asdict, dataclass

from rtstft.errors import PluginError


@dataclass(frozen=True)
class Problem:
    """What went wrong, in parts: what kind of error, the plugin at fault and the frame if known, in words."""

    kind: str | None
    plugin: str | None
    frame: int | None
    message: str

    @classmethod
    def of(cls, error: BaseException) -> "Problem":
        """The parts of `error`."""
        kind = type(error).__name__
        if isinstance(error, PluginError):
            return cls(kind, error.callback, error.frame, error.what)
        return cls(kind, None, None, str(error))


@dataclass(frozen=True)
class Event:
    """Something that happened, `time_s` seconds after the stream was made, and the Problem behind it."""

    time_s: float
    text: str
    kind: str | None = None
    plugin: str | None = None
    frame: int | None = None
    message: str = ""

    def __str__(self) -> str:
        return f"{self.time_s:.3f} s: {self.text}"


class EventLog:
    """The last thousand events. Any thread may add one; appending to a deque is atomic."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._events: deque[Event] = deque(maxlen=1000)

    def add(self, text: str, cause: BaseException | Problem | None = None) -> None:
        """Notes that `text` has happened now, because of `cause`."""
        problem = Problem.of(cause) if isinstance(cause, BaseException) else cause
        problem = problem or Problem(None, None, None, text)
        self._events.append(Event(time.monotonic() - self._started, text, **asdict(problem)))

    @property
    def all(self) -> tuple[Event, ...]:
        """Events so far, oldest first."""
        return tuple(self._events)
