"""Supervisor: looks after the session that runs, from a stream's start to its end."""

import threading
from contextlib import suppress

from rtstft.errors import RtstftError, StreamError
from rtstft.live.engine import LiveEngine
from rtstft.live.events import EventLog
from rtstft.live.monitor import Monitor
from rtstft.live.priority import SUPERVISOR, raise_priority
from rtstft.live.session import Session
from rtstft.live.sessions import Sessions
from rtstft.live.settings import StreamSettings

_TICK_S = 0.005
_RETRY_S = 0.25
_FADE_BACK_S = 0.05


class Supervisor:
    """A thread that tends the session, replaces it when the device has to be opened anew, and ends it.

    Args:
        settings, engine, sessions, monitor, events: of the stream.

    Attributes:
        error: why the session ended, unless that was asked for; None while it runs.
        restarts: sessions that were begun in the place of one that failed.
    """

    def __init__(
        self,
        settings: StreamSettings,
        engine: LiveEngine,
        sessions: Sessions,
        monitor: Monitor,
        events: EventLog,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._sessions = sessions
        self._monitor = monitor
        self._events = events
        self.error: RtstftError | None = None
        self.restarts = 0
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._ended.set()

    @property
    def active(self) -> bool:
        """Whether there is a session."""
        return not self._ended.is_set()

    def start(self, session: Session) -> None:
        """Starts `session`, and the thread; StreamError as of Session.start."""
        self.error = None
        self._stopping.clear()
        session.start(self._stopping)
        self._ended.clear()
        self._thread = threading.Thread(target=self._run, name="rtstft supervisor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Has the session end soon, also one that is just being started."""
        self._stopping.set()

    def join(self) -> bool:
        """Has the session end, and waits for it; False if there is no thread."""
        self.stop()  # again: a start may have come between
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()
        return thread is not None

    def wait(self, timeout: float | None = None) -> bool:
        """Returns True once the session has ended, False after `timeout` seconds."""
        return self._ended.wait(timeout)

    def _run(self) -> None:
        raise_priority(SUPERVISOR)
        try:
            while not self._stopping.wait(_TICK_S):
                session = self._sessions.current
                assert session is not None
                problem = session.tend()
                self._note_alarms()
                if self._engine.stop_requested or session.finished:
                    break
                if problem and not self._recover(session, problem):
                    break
        except Exception as error:
            self._fail(error)
        finally:
            try:
                self._sessions.end()
            except Exception as error:
                self._fail(error)
            finally:
                self._ended.set()

    def _fail(self, error: BaseException) -> None:
        """Has `error` raised at the end, unless another came before it."""
        if self.error is None:
            self.error = error if isinstance(error, RtstftError) else StreamError(str(error) or repr(error))
            if self.error is not error:
                self.error.__cause__ = error

    def _recover(self, session: Session, problem: str) -> bool:
        """Goes on with a new session; False if the stream has to end."""
        self._events.add(problem)
        if session.error is not None:
            self._fail(session.error)
            return False
        restart = self._settings.reconnect or session.overrun
        try:
            self._sessions.end()
        except StreamError as error:
            self._events.add(str(error))
            if self._sessions.stuck:  # its thread may still come back to the engine: no other can have it
                self._fail(StreamError(f"{problem}; {error}"))
                return False
        if not restart:
            self._fail(StreamError(f"{problem}: the stream has ended (reconnect=True waits for the device)"))
            return False
        pause, reason = 0.0, ""
        while not self._stopping.wait(pause):
            pause = _RETRY_S
            self._engine.reset()
            try:
                self._sessions.begin(max(self._settings.fade_in_s, _FADE_BACK_S)).start(self._stopping)
            except StreamError as error:
                if str(error) != reason:
                    reason = str(error)
                    self._events.add(f"not back yet: {reason}")
                with suppress(StreamError):
                    self._sessions.end()
                continue
            self.restarts += 1
            self._events.add("the device is back")
            return True
        return False

    def _note_alarms(self) -> None:
        engine = self._engine
        counts, xruns = self._sessions.counts
        alarms = xruns.total + counts.starved + engine.overload.count
        self._monitor.alarm(
            alarms,
            lambda: (
                "overload" if engine.overload.active else "xrun",
                engine.load.recent,
                {"callbacks": engine.parameters(), "bypass": engine.bypass.on},
            ),
        )
