"""Monitor: all that only listens to a stream: level meters, recordings, the flight recorder."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from rtstft.errors import RtstftError
from rtstft.live.events import EventLog
from rtstft.live.flight import FlightRecorder
from rtstft.live.recorder import Recorder
from rtstft.live.ring import Samples
from rtstft.live.settings import StreamSettings

Listener: TypeAlias = Callable[[Samples, Samples], None]
"""`listener(dry, wet)`: what came in and what went out since the last call, each (n, channels)."""
_FALL_PER_S = 0.1  # 20 dB


class Monitor:
    """Takes what came in and went out, in the order of time.

    Attributes:
        levels: peaks of input and output, falling by 20 dB a second.
    """

    def __init__(self, settings: StreamSettings, callbacks: Iterable[Any], events: EventLog) -> None:
        self._samplerate = settings.samplerate
        self.levels = [0.0, 0.0]
        self._listeners: list[Listener] = []
        self._alarms = 0
        self._flight: FlightRecorder | None = None
        if settings.flight_recorder_s:
            self._flight = FlightRecorder(
                settings.flight_recorder_s,
                Path(settings.flight_recorder_folder),
                geometry=settings.geometry,
                samplerate=settings.samplerate,
                channels=settings.channels,
                callbacks=callbacks,
                events=events,
            )
        self._recorders: list[Recorder | None] = [None, None]
        try:
            for i, path in enumerate(settings.recordings):
                if path is not None:
                    self._recorders[i] = Recorder(
                        path, settings.samplerate, settings.channels, overwrite=settings.overwrite
                    )
        except BaseException:
            self.close(keep=False)
            raise

    def add(self, listener: Listener) -> None:
        """Calls `listener` as well."""
        self._listeners.append(listener)

    def tap(self, dry: Samples, wet: Samples) -> None:
        """The next samples of input and output, each (n, channels), not to be changed afterwards."""
        for i, (samples, recorder) in enumerate(zip((dry, wet), self._recorders, strict=True)):
            if len(samples):
                fallen = self.levels[i] * _FALL_PER_S ** (len(samples) / self._samplerate)
                self.levels[i] = max(fallen, float(np.abs(samples).max()))
            if recorder is not None:
                recorder.put(samples)
        if self._flight is not None and len(dry):
            self._flight.put(dry)
        for listener in self._listeners:
            listener(dry, wet)

    def alarm(self, count: int, what: Callable[[], tuple[str, list[float], dict[str, Any]]]) -> None:
        """Has the flight recorder write if there are more xruns and overloads than before."""
        if self._flight is not None and count > self._alarms:
            self._flight.write(*what())
        self._alarms = count

    def close(self, *, keep: bool) -> None:
        """Completes the recordings, or leaves none; FileError if one could not be written."""
        if self._flight is not None:
            self._flight.close()
        failures = []
        for recorder in filter(None, self._recorders):
            try:
                recorder.close() if keep else recorder.discard()
            except RtstftError as error:
                failures.append(error)
        self._recorders = [None, None]
        if failures:
            raise failures[0]
