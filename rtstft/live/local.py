"""LocalStream: a stream that runs in this process; supervises its sessions from start to end."""

import atexit
import threading
from contextlib import suppress
from typing import Any

from rtstft.chain import Chain
from rtstft.errors import AudioError, RtstftError, StreamError
from rtstft.live.duplex import Duplex
from rtstft.live.engine import LiveEngine
from rtstft.live.events import Event, EventLog
from rtstft.live.feed import Feed
from rtstft.live.monitor import Listener, Monitor
from rtstft.live.priority import SUPERVISOR, CalmCollector, NoCollections, ShortTurns, raise_priority
from rtstft.live.session import Session
from rtstft.live.sessions import Sessions
from rtstft.live.settings import StreamSettings
from rtstft.live.source import AuxSources
from rtstft.live.stats import Latency, Stats
from rtstft.live.watch import Watcher
from rtstft.loading import load

_TICK_S = 0.005
_RETRY_S = 0.25
_FADE_BACK_S = 0.05


class LocalStream:
    """What `Stream` describes, with the engine in this process and `duplex` for a device.

    A thread, the supervisor, looks after the session that runs, replaces it when the device has to
    be opened anew, and ends it.
    """

    def __init__(
        self,
        settings: StreamSettings,
        chain: Chain,
        duplex: Duplex,
        listener: Listener | None = None,
    ) -> None:
        self._settings = settings
        self._duplex = duplex
        self._events = EventLog()
        aux = AuxSources(settings.played_aux, settings.samplerate)
        try:
            self._engine = LiveEngine(
                chain,
                settings.geometry,
                samplerate=settings.samplerate,
                channels=settings.channels,
                blocksize=settings.blocksize,
                on_overload=settings.on_overload,
                on_error=settings.on_error,
                returns=settings.output,
                planner_effort=settings.planner_effort,
                events=self._events,
                aux={**settings.device_aux, **aux.channels},
            )
        except BaseException:
            aux.close()
            raise
        self._supervisor: threading.Thread | None = None
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._ended.set()
        self._steering = threading.RLock()  # of whoever starts, stops or closes
        self._collector = CalmCollector()
        self._turns = ShortTurns()
        self._error: RtstftError | None = None
        self._restarts = 0
        self._used = False  # it has been started
        self._closed = False
        self._chain = chain
        self._watcher: Watcher | None = None
        self._monitor = Monitor(settings, chain, self._events)
        if listener is not None:
            self._monitor.add(listener)
        for unheard in self._engine.unheard:
            self._events.add(unheard)
        self._sessions = Sessions(duplex, self._engine, settings, aux, self._monitor.tap, self._events)
        try:
            if settings.watch:
                self._watcher = Watcher(chain, self._events)
            self._sessions.begin(settings.fade_in_s)
        except BaseException:
            self._sessions.close()
            self._close_watcher()
            self._monitor.close(keep=False)
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
        counts, xruns = self._sessions.counts
        return Stats(
            **vars(counts),
            **vars(xruns),
            xruns=xruns.total + counts.starved,
            frames=engine.frames,
            late_frames=engine.late_frames,
            callback_errors=engine.callback_errors,
            bad_input=engine.bad_input,
            overloads=engine.overload.count,
            restarts=self._restarts,
            load_p50=load.percentile(50),
            load_p99=load.percentile(99),
            load_max=load.largest,
            gc_pause_max_s=self._collector.longest_s,
            peak_in=self._monitor.levels[0],
            peak_out=self._monitor.levels[1],
            slowest=engine.slowest,
        )

    @property
    def events(self) -> tuple[Event, ...]:
        """What has happened so far."""
        return self._events.all

    @property
    def bypass(self) -> bool:
        """Whether all callbacks are left out."""
        return self._engine.bypass.on

    @bypass.setter
    def bypass(self, on: bool) -> None:
        self._engine.bypass.on = bool(on)

    @property
    def error(self) -> RtstftError | None:
        """What the `with` block is to raise: the device's failure, or the callbacks' first."""
        if self._error is not None:
            return self._error
        error = self._engine.first_error
        if error is not None and self._engine.callback_errors > 1:
            error.__notes__ = [f"{self._engine.callback_errors} frames failed in all"]
        return error

    def set(self, which: str | int | None, values: dict[str, object]) -> None:
        """Sets a plugin's attributes between two frames."""
        self._check_open()
        self._engine.set(which, values)

    def automate(self, which: str | int | None, name: str, course: object) -> None:
        """Lets a plugin's parameter follow a course of the stream's time."""
        self._check_open()
        self._engine.automate(which, name, course)

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """Name and parameters of each callback."""
        return self._engine.parameters()

    def send(self, feed: Feed, *, dry: bool) -> None:
        """Fills `feed` with what comes in (dry) or goes out from now on."""
        settings = self._settings
        if not (dry or settings.output):
            raise StreamError("output=False: nothing goes out that could be sent, expected dry=True")
        found, expected = (feed.channels, feed.samplerate), (settings.channels, settings.samplerate)
        if found != expected:
            raise AudioError(f"the feed has (channels, samplerate) {found}, expected the stream's {expected}")
        self._monitor.add(lambda heard, played: feed.put(heard if dry else played))

    def edit(self, change: str, *arguments: Any) -> None:
        """Calls a method of the chain of callbacks; a callback among the arguments may be a spec."""
        loaded = list(arguments)
        for place, argument in enumerate(arguments):
            if isinstance(argument, str):
                with NoCollections():
                    loaded[place] = load(argument)
        try:
            getattr(self._chain, change)(*loaded)
        except IndexError:
            raise StreamError(
                f"there is no callback {arguments[0]}: expected an index of {len(self._chain)} callbacks"
            ) from None

    def start(self) -> None:
        """Starts the device; returns once it runs."""
        with self._steering:
            self._check_open()
            if self.active:
                raise StreamError("the stream runs already")
            self.stop()
            if self._sessions.stuck:
                raise StreamError("a callback has never come back to this stream: make a new one")
            self._error = None
            self._stopping.clear()
            session = self._sessions.current
            if session is None:
                self._engine.reset()
                self._sessions.rewind()
                session = self._sessions.begin(self._settings.fade_in_s)
            self._engine.stop_requested = False
            self._collector.__enter__()
            self._turns.__enter__()
            try:
                session.start(self._stopping)
            except BaseException:
                self._turns.__exit__()
                self._collector.__exit__()
                with suppress(StreamError):
                    self._sessions.end()
                raise
            if not self._used:
                # Before sounddevice's own exit, which would take PortAudio from under a running stream.
                atexit.register(self.close)
            self._used = True
            self._ended.clear()
            self._supervisor = threading.Thread(target=self._supervise, name="rtstft supervisor", daemon=True)
            self._supervisor.start()

    def stop(self) -> None:
        """Stops the device; what is on its way to the loudspeaker is lost.

        In a callback it returns at once, and the stream ends soon after.
        """
        self._stopping.set()
        session = self._sessions.current
        if session is not None and session.runs_here():
            return
        with self._steering:
            if self._supervisor is not None:
                self._supervisor.join()
                self._supervisor = None
                self._turns.__exit__()
                self._collector.__exit__()

    def close(self) -> None:
        """Stops, completes the recordings, and gives the device back."""
        with self._steering:
            if self._closed:
                return
            self._closed = True
            atexit.unregister(self.close)
            self._close_watcher()
            self.stop()
            try:
                self._sessions.end()  # of a stream that never started
            finally:
                self._engine.close()
                self._sessions.close()
                self._monitor.close(keep=self._used)

    def wait(self, timeout: float | None = None) -> bool:
        """Returns True once the stream has ended of itself, False after `timeout` seconds."""
        return self._ended.wait(timeout)

    def _check_open(self) -> None:
        if self._closed:
            raise StreamError("the stream is closed: make a new one")

    def _supervise(self) -> None:
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
        if self._error is None:
            self._error = error if isinstance(error, RtstftError) else StreamError(str(error) or repr(error))
            if self._error is not error:
                self._error.__cause__ = error

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
            self._restarts += 1
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

    def _close_watcher(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.close()
