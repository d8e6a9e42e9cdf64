"""LocalStream: a stream that runs in this process."""

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
from rtstft.live.priority import CalmCollector, NoCollections, ShortTurns
from rtstft.live.sessions import Sessions
from rtstft.live.settings import StreamSettings
from rtstft.live.source import AuxSources
from rtstft.live.stats import Latency, Stats
from rtstft.live.supervisor import Supervisor
from rtstft.live.watch import Watcher
from rtstft.loading import load


class LocalStream:
    """What `Stream` describes, with the engine in this process and `duplex` for a device."""

    def __init__(
        self,
        settings: StreamSettings,
        chain: Chain,
        duplex: Duplex,
        events: EventLog,
        listener: Listener | None = None,
    ) -> None:
        self._settings = settings
        self._duplex = duplex
        self._events = events
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
        self._steering = threading.RLock()  # of whoever starts, stops or closes
        self._collector = CalmCollector()
        self._turns = ShortTurns()
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
        self._supervisor = Supervisor(settings, self._engine, self._sessions, self._monitor, self._events)
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
        return self._supervisor.active

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
            restarts=self._supervisor.restarts,
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
        if self._supervisor.error is not None:
            return self._supervisor.error
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
            session = self._sessions.current
            if session is None:
                self._engine.reset()
                self._sessions.rewind()
                session = self._sessions.begin(self._settings.fade_in_s)
            self._engine.stop_requested = False
            self._collector.__enter__()
            self._turns.__enter__()
            try:
                self._supervisor.start(session)
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

    def stop(self) -> None:
        """Stops the device; what is on its way to the loudspeaker is lost.

        In a callback it returns at once, and the stream ends soon after.
        """
        self._supervisor.stop()
        session = self._sessions.current
        if session is not None and session.runs_here():
            return
        with self._steering:
            if self._supervisor.join():
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
        return self._supervisor.wait(timeout)

    def _check_open(self) -> None:
        if self._closed:
            raise StreamError("the stream is closed: make a new one")

    def _close_watcher(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.close()
