"""LocalStream: a stream that runs in this process; supervises its sessions from start to end."""

import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from rtstft.errors import RtstftError, StreamError
from rtstft.live.duplex import DeviceXruns, Duplex
from rtstft.live.engine import LiveEngine
from rtstft.live.events import Event, EventLog
from rtstft.live.flight import FlightRecorder
from rtstft.live.priority import CalmCollector
from rtstft.live.recorder import Recorder
from rtstft.live.ring import Samples
from rtstft.live.session import Session, Tap
from rtstft.live.settings import StreamSettings
from rtstft.live.source import SampleSource
from rtstft.live.stats import Latency, Stats

_TICK_S = 0.005
_RETRY_S = 0.25
_FADE_BACK_S = 0.05


class LocalStream:
    """What `Stream` describes, with the engine in this process and `duplex` for a device."""

    def __init__(
        self,
        settings: StreamSettings,
        callbacks: list[Any],
        duplex: Duplex,
        listener: Tap | None = None,
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._duplex = duplex
        self._events = EventLog()
        self._engine = LiveEngine(
            callbacks,
            settings.geometry,
            samplerate=settings.samplerate,
            channels=settings.channels,
            blocksize=settings.blocksize,
            on_overload=settings.on_overload,
            on_error=settings.on_error,
            returns=settings.output,
            planner_effort=settings.planner_effort,
            events=self._events,
        )
        self._source: SampleSource | None = None
        self._session: Session | None = None
        self._supervisor: threading.Thread | None = None
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._ended.set()
        self._collector = CalmCollector()
        self._error: RtstftError | None = None
        self._peaks = [0.0, 0.0]
        self._alarms = 0  # xruns and overloads that the flight recorder knows of
        self._restarts = 0
        self._past = (0, 0, 0)  # counts of sessions that are over
        self._past_xruns = DeviceXruns()
        self._lock = threading.Lock()  # held where a session's counts become past ones
        self._used = False  # it has been started
        self._closed = False
        self._recorders: list[Recorder | None] = [None, None]
        self._flight: FlightRecorder | None = None
        if settings.flight_recorder_s:
            self._flight = FlightRecorder(
                settings.flight_recorder_s,
                Path(settings.flight_recorder_folder),
                geometry=settings.geometry,
                samplerate=settings.samplerate,
                channels=settings.channels,
                callbacks=callbacks,
                events=self._events,
            )
        try:
            for i, path in enumerate(settings.recordings):
                if path is not None:
                    self._recorders[i] = Recorder(
                        path, settings.samplerate, settings.channels, overwrite=settings.overwrite
                    )
            self._new_session(settings.fade_in_s)
        except BaseException:
            self._finish_recordings(keep=False)
            raise

    @property
    def active(self) -> bool:
        """Whether samples are moving."""
        return not self._ended.is_set()

    @property
    def blocksize(self) -> int:
        """Longest block of the device so far, in samples."""
        return self._duplex.blocksize

    @property
    def latency(self) -> Latency:
        """The latency budget."""
        device_in, device_out = self._duplex.latencies
        settings, engine = self._settings, self._engine
        return Latency(
            input=device_in if settings.has_input else 0,
            engine=engine.latency - engine.lookahead,
            lookahead=engine.lookahead,
            headroom=settings.headroom,
            output=device_out if settings.output else 0,
            samplerate=settings.samplerate,
        )

    @property
    def stats(self) -> Stats:
        """A snapshot of the counts."""
        engine, load = self._engine, self._engine.load
        with self._lock:
            out, dropped, starved = self._counts
            xruns = self._xruns
        return Stats(
            samples_in=out + dropped,
            samples_out=out,
            dropped=dropped,
            frames=engine.frames,
            late_frames=engine.late_frames,
            callback_errors=engine.callback_errors,
            bad_input=engine.bad_input,
            xruns=xruns.total + starved,
            **vars(xruns),
            starved=starved,
            overloads=engine.overload.count,
            restarts=self._restarts,
            load_p50=load.percentile(50),
            load_p99=load.percentile(99),
            load_max=load.largest,
            gc_pause_max_s=self._collector.longest_s,
            peak_in=self._peaks[0],
            peak_out=self._peaks[1],
            slowest=engine.slowest,
        )

    @property
    def events(self) -> tuple[Event, ...]:
        """What has happened so far."""
        return self._events.all

    @property
    def bypass(self) -> bool:
        """Whether all callbacks are left out."""
        return self._engine.bypass

    @bypass.setter
    def bypass(self, on: bool) -> None:
        self._engine.bypass = bool(on)

    def set(self, which: str | int | None, values: dict[str, object]) -> None:
        """Sets a plugin's attributes between two frames."""
        self._engine.set(which, values)

    def start(self) -> None:
        """Starts the device; returns once it runs."""
        if self._closed:
            raise StreamError("the stream is closed: make a new one")
        if self.active:
            raise StreamError("the stream runs already")
        session = self._session
        if session is None:
            self._engine.reset()
            self._close_source()
            session = self._new_session(self._settings.fade_in_s)
        self._engine.stop_requested = False
        self._stopping.clear()
        self._collector.__enter__()
        try:
            session.start()
        except BaseException:
            self._collector.__exit__()
            with suppress(StreamError):
                self._end_session()
            raise
        self._ended.clear()
        self._used = True
        self._supervisor = threading.Thread(target=self._supervise, name="rtstft supervisor", daemon=True)
        self._supervisor.start()

    def stop(self) -> None:
        """Stops the device; what is on its way to the loudspeaker is lost."""
        if self._supervisor is not None:
            self._stopping.set()
            self._supervisor.join()
            self._supervisor = None
            self._collector.__exit__()
        elif self._session is not None:
            self._end_session()

    def close(self) -> None:
        """Stops, completes the recordings, and gives the device back."""
        if self._closed:
            return
        self._closed = True
        try:
            self.stop()
        finally:
            if self._flight is not None:
                self._flight.close()
            self._finish_recordings(keep=self._used)

    def wait(self, timeout: float | None = None) -> bool:
        """Returns True once the stream has ended of itself, False after `timeout` seconds."""
        return self._ended.wait(timeout)

    @property
    def error(self) -> RtstftError | None:
        """What the `with` block is to raise: the device's failure, or the callbacks' first."""
        if self._error is not None:
            return self._error
        error = self._engine.first_error
        if error is not None and self._engine.callback_errors > 1:
            error.__notes__ = [f"{self._engine.callback_errors} frames failed in all"]
        return error

    @property
    def _counts(self) -> tuple[int, int, int]:
        now = (0, 0, 0) if self._session is None else self._session.counts
        return (
            self._past[0] + now[0],
            self._past[1] + now[1],
            self._past[2] + now[2],
        )

    @property
    def _xruns(self) -> DeviceXruns:
        session = self._session
        return self._past_xruns if session is None else self._past_xruns + session.xruns

    def _new_session(self, fade_in_s: float) -> Session:
        settings = self._settings
        if settings.source is not None and self._source is None:
            self._source = SampleSource(settings.source, settings.samplerate, settings.channels)
        self._session = Session(
            self._duplex,
            self._engine,
            settings,
            self._source,
            self._tap,
            self._events,
            fade_in_s=fade_in_s,
        )
        return self._session

    def _end_session(self) -> None:
        session = self._session
        if session is None:
            return
        try:
            session.close()
        finally:
            with self._lock:
                self._past, self._past_xruns, self._session = self._counts, self._xruns, None

    def _supervise(self) -> None:
        try:
            while not self._stopping.wait(_TICK_S):
                session = self._session
                assert session is not None
                problem = session.tend()
                self._note_alarms()
                if self._engine.stop_requested or session.finished:
                    break
                if problem and not self._recover(session, problem):
                    break
        except RtstftError as error:
            self._error = self._error or error
        finally:
            try:
                self._end_session()
            except RtstftError as error:
                self._error = self._error or error
            self._ended.set()

    def _recover(self, session: Session, problem: str) -> bool:
        """Goes on with a new session; False if the stream has to end."""
        self._events.add(problem)
        failed, restart = session.error, self._settings.reconnect or session.overrun
        if failed is not None:
            self._error = failed if isinstance(failed, RtstftError) else StreamError(problem)
            self._error.__cause__ = failed if self._error is not failed else failed.__cause__
            return False
        try:
            self._end_session()
        except StreamError as error:
            self._events.add(str(error))
        if not restart:
            self._error = StreamError(
                f"{problem}: the stream has ended (reconnect=True waits for the device)"
            )
            return False
        pause, reason = 0.0, ""
        while not self._stopping.wait(pause):
            pause = _RETRY_S
            self._engine.reset()
            try:
                self._new_session(max(self._settings.fade_in_s, _FADE_BACK_S)).start()
            except StreamError as error:
                if str(error) != reason:
                    reason = str(error)
                    self._events.add(f"not back yet: {reason}")
                with suppress(StreamError):
                    self._end_session()
                continue
            self._restarts += 1
            self._events.add("the device is back")
            return True
        return False

    def _tap(self, dry: Samples, wet: Samples) -> None:
        for i, (samples, recorder) in enumerate(zip((dry, wet), self._recorders, strict=True)):
            if len(samples):
                fallen = self._peaks[i] * 10 ** (-len(samples) / self._settings.samplerate)
                self._peaks[i] = max(fallen, float(np.abs(samples).max()))
            if recorder is not None:
                recorder.put(samples)
        if self._flight is not None and len(dry):
            self._flight.put(dry)
        if self._listener is not None:
            self._listener(dry, wet)

    def _note_alarms(self) -> None:
        if self._flight is None:
            return
        starved = self._counts[2]
        alarms = self._xruns.total + starved + self._engine.overload.count
        if alarms > self._alarms:
            self._flight.write(
                "overload" if self._engine.overload.active else "xrun",
                self._engine.load.recent,
                {"parameters": self._engine.parameters(), "bypass": self._engine.bypass},
            )
        self._alarms = alarms

    def _finish_recordings(self, *, keep: bool) -> None:
        failures = []
        for recorder in filter(None, self._recorders):
            try:
                recorder.close() if keep else recorder.discard()
            except RtstftError as error:
                failures.append(error)
        self._recorders = [None, None]
        self._close_source()
        if failures:
            raise failures[0]

    def _close_source(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()
