"""Session: one run of a device, from its first block to its last."""

import math
import threading
from time import monotonic

from rtstft.errors import StreamError
from rtstft.live.duplex import DeviceXruns, Duplex, DuplexSettings
from rtstft.live.engine import LiveEngine
from rtstft.live.events import EventLog
from rtstft.live.monitor import Listener
from rtstft.live.settings import StreamSettings
from rtstft.live.source import AuxSources, SampleSource
from rtstft.live.stats import Counts
from rtstft.live.worker import Worker

_FIRST_BLOCK_S = 2.0
_SILENT_S = 1.0  # a device whose clock stands still for so long is gone
_CHUNK = 4096


class Session:
    """A device and the worker that processes its samples, looked after by whoever calls `tend`.

    That is to happen every few milliseconds, and does all that can wait: it looks after the ends of
    the rings and the device's health, and hands to `tap` what went in and out.
    """

    def __init__(
        self,
        duplex: Duplex,
        engine: LiveEngine,
        settings: StreamSettings,
        source: SampleSource | None,
        aux: AuxSources,
        tap: Listener,
        events: EventLog,
        *,
        fade_in_s: float,
    ) -> None:
        self._duplex = duplex
        self._engine = engine
        self._settings = settings
        self._tap = tap
        self._worker = Worker(duplex, engine, settings, source, aux, events, fade_in_s=fade_in_s)
        self._tapped_in = self._tapped_out = 0
        self._clock_seen, self._clock_seen_at = 0, math.inf
        self._first_xruns = DeviceXruns()
        duplex.open(
            DuplexSettings(
                samplerate=settings.samplerate,
                blocksize=settings.blocksize,
                latency=settings.latency,
                devices=settings.devices,
                input=self._worker.input if settings.has_input else None,
                output=self._worker.output if settings.output else None,
                handler=self._worker.handle if settings.direct else None,
            )
        )

    @property
    def error(self) -> BaseException | None:
        """What ended the processing, or None."""
        return self._worker.error

    @property
    def counts(self) -> Counts:
        """Counts of one moment."""
        return self._worker.counts

    @property
    def xruns(self) -> DeviceXruns:
        """What the driver has reported since the first block: before it, nothing was heard."""
        return self._duplex.xruns - self._first_xruns

    @property
    def overrun(self) -> bool:
        """Whether the device works, but has to be started anew."""
        return self._duplex.overrun and not self._duplex.failure

    @property
    def finished(self) -> bool:
        """Whether a source has come to its end, and the last of it to the loudspeaker."""
        end = self._worker.end
        return end is not None and self._worker.clock >= end + self._duplex.latencies[1]

    @property
    def stuck(self) -> bool:
        """Whether, though closed, its worker has not come back from a callback."""
        return self._worker.stuck

    def runs_here(self) -> bool:
        """Whether the calling thread is the one that processes."""
        return self._worker.runs_here()

    def start(self, cancelled: threading.Event) -> None:
        """Starts device and worker; returns when the first block has passed, or `cancelled` is set.

        Raises:
            StreamError: the device does not run, or its blocks are longer than the headroom.
        """
        settings = self._settings
        if not settings.direct:
            self._worker.start()
        self._duplex.start()
        end = monotonic() + _FIRST_BLOCK_S
        while not (self._duplex.blocksize or cancelled.is_set() or monotonic() > end):
            self._duplex.wait(1, timeout=0.05)
        blocksize = self._duplex.blocksize
        if not blocksize:
            why = f" ({self._duplex.failure})" if self._duplex.failure else ""
            raise StreamError(
                f"the device was started but delivers nothing{why}: is it in use, or suspended?"
            )
        if settings.output and not settings.direct and settings.headroom < blocksize:
            block_s = blocksize / settings.samplerate
            raise StreamError(
                f"headroom_s={settings.headroom_s:g} ({settings.headroom} samples) is shorter than the "
                f"device's blocks of {blocksize}: expected at least {block_s:.4g}, or 0 to process in the "
                f"device's own callback"
            )
        self._first_xruns = self._duplex.xruns
        self._clock_seen_at = monotonic()

    def tend(self) -> str:
        """Does all that can wait; returns why the session cannot go on, or nothing."""
        self._worker.rescue()
        self._worker.give_way()
        self._hand_out()
        if self.error is not None:
            return f"processing ended: {self.error}"
        if self._duplex.failure:
            return self._duplex.failure
        if self.overrun:
            return "the program has stood still for seconds: the device has run out of its rings"
        clock, now = self._worker.clock, monotonic()
        if clock != self._clock_seen:
            self._clock_seen, self._clock_seen_at = clock, now
        elif now - self._clock_seen_at > _SILENT_S:
            if self._settings.direct and (called := self._engine.calling):
                return f"callback {called!r} has held the device up for {_SILENT_S:g} s"
            return f"the device has stopped at sample {clock} and does not go on"
        return ""

    def close(self) -> None:
        """Stops device and worker; StreamError if one of them does not answer."""
        self._worker.stop()
        try:
            self._duplex.close()
        finally:
            self._worker.join()
            self._hand_out()
        if self.stuck:
            raise StreamError(
                f"callback {self._engine.calling!r} has not come back: its thread is left to itself"
            )

    def _hand_out(self) -> None:
        """Gives `tap` what has gone in and out since, and the device the room for more."""
        worker, duplex = self._worker, self._duplex
        captured, played = worker.captured, duplex.played
        if self._settings.output:
            captured = played = min(captured, played)  # so that recordings stay on the same time
        while self._tapped_in < captured or self._tapped_out < played:
            to_in = min(captured, self._tapped_in + _CHUNK)
            to_out = min(played, self._tapped_out + _CHUNK)
            heard = worker.input.copy(self._tapped_in, to_in)[:, : self._settings.channels]
            self._tap(heard, worker.output.copy(self._tapped_out, to_out))
            worker.output.clear(self._tapped_out, to_out)
            self._tapped_in, self._tapped_out = to_in, to_out
        duplex.release(min(worker.needed, self._tapped_in), self._tapped_out)
