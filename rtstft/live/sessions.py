"""Sessions: the runs of a stream's device, one after the other."""

import threading

from rtstft.live.duplex import DeviceXruns, Duplex
from rtstft.live.engine import LiveEngine
from rtstft.live.events import EventLog
from rtstft.live.monitor import Listener
from rtstft.live.session import Session
from rtstft.live.settings import StreamSettings
from rtstft.live.source import AuxSources, SampleSource
from rtstft.live.stats import Counts


class Sessions:
    """Makes sessions, and keeps what goes from one to the next: sources, where they are, and counts.

    Args:
        aux: what is played as auxiliary inputs; closed with the sessions.
        duplex, engine, settings, tap, events: of every session.

    Attributes:
        current: the session that is, or None between two.
        stuck: a worker of a past session has not come back from a callback.
    """

    def __init__(
        self,
        duplex: Duplex,
        engine: LiveEngine,
        settings: StreamSettings,
        aux: AuxSources,
        tap: Listener,
        events: EventLog,
    ) -> None:
        self.current: Session | None = None
        self.stuck = False
        self._duplex = duplex
        self._engine = engine
        self._settings = settings
        self._tap = tap
        self._events = events
        self._aux = aux
        self._source: SampleSource | None = None
        self._past = Counts(), DeviceXruns()  # of sessions that are over
        self._counting = threading.Lock()  # held where a session's counts become past ones

    @property
    def counts(self) -> tuple[Counts, DeviceXruns]:
        """Counts of all sessions, of one moment."""
        with self._counting:
            return self._sum()

    def begin(self, fade_in_s: float) -> Session:
        """A new one, which goes on with the sources; errors as of the device and of the sources."""
        settings = self._settings
        self._aux.start()
        if settings.source is not None and self._source is None:
            self._source = SampleSource(settings.source, settings.samplerate, settings.input_channels)
        self.current = Session(
            self._duplex,
            self._engine,
            settings,
            self._source,
            self._aux,
            self._tap,
            self._events,
            fade_in_s=fade_in_s,
        )
        return self.current

    def end(self) -> None:
        """Closes the current one, if there is one; StreamError if that does not answer."""
        session = self.current
        if session is None:
            return
        try:
            session.close()
        finally:
            self.stuck = self.stuck or session.stuck
            with self._counting:
                self._past, self.current = self._sum(), None

    def rewind(self) -> None:
        """The next session begins with the sources' first samples."""
        self.close()
        self._aux = AuxSources(self._settings.played_aux, self._settings.samplerate)

    def close(self) -> None:
        """Closes the sources."""
        source, self._source = self._source, None
        if source is not None:
            source.close()
        self._aux.close()

    def _sum(self) -> tuple[Counts, DeviceXruns]:
        counts, xruns = self._past
        session = self.current
        return self._past if session is None else (counts + session.counts, xruns + session.xruns)
