"""EventLog: what happened to a stream, and when."""

import time
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """Something that happened, `time_s` seconds after the stream was made."""

    time_s: float
    text: str

    def __str__(self) -> str:
        return f"{self.time_s:.3f} s: {self.text}"


class EventLog:
    """The last thousand events. Any thread may add one; appending to a deque is atomic."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._events: deque[Event] = deque(maxlen=1000)

    def add(self, text: str) -> None:
        """Notes that `text` has happened now."""
        self._events.append(Event(time.monotonic() - self._started, text))

    @property
    def all(self) -> tuple[Event, ...]:
        """Events so far, oldest first."""
        return tuple(self._events)
