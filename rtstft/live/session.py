"""Session: one run of a device, from its first block to its last, and the thread that processes it."""

import math
import threading
from dataclasses import dataclass
from time import monotonic

import numpy as np

from rtstft.errors import StreamError
from rtstft.live.duplex import DeviceXruns, Duplex, DuplexSettings
from rtstft.live.engine import LiveEngine
from rtstft.live.events import EventLog
from rtstft.live.monitor import Listener
from rtstft.live.playout import FadeIn, Playout
from rtstft.live.priority import raise_priority
from rtstft.live.ring import Ring, Samples
from rtstft.live.settings import StreamSettings
from rtstft.live.source import SampleSource

_RING_S = 4.0
_CROSSFADE_S = 0.005
_FIRST_BLOCK_S = 2.0
_SILENT_S = 1.0  # a device whose clock stands still for so long is gone
_CHUNK = 4096


@dataclass(frozen=True)
class Counts:
    """Samples processed, placed in time and dropped, and times starved: as in Stats."""

    samples_in: int = 0
    samples_out: int = 0
    dropped: int = 0
    starved: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.samples_in + other.samples_in,
            self.samples_out + other.samples_out,
            self.dropped + other.dropped,
            self.starved + other.starved,
        )


class Session:
    """Moves samples from the device's input ring through the engine to its output ring.

    Two threads work on it: the worker, started here, which does nothing but that; and the caller's,
    which calls `tend` every few milliseconds for all that can wait: looking after the rings' ends
    and the device's health, and handing to `tap` what went in and out.

    Attributes:
        error: what ended the processing, or None.
    """

    def __init__(
        self,
        duplex: Duplex,
        engine: LiveEngine,
        settings: StreamSettings,
        source: SampleSource | None,
        tap: Listener,
        events: EventLog,
        *,
        fade_in_s: float,
    ) -> None:
        rate, channels = settings.samplerate, settings.channels
        headroom = settings.headroom
        self._headroom, self._samplerate = headroom, rate
        self._delay = headroom + engine.latency
        at_least = math.ceil(_RING_S * rate) + 2 * self._delay
        self._input = Ring(at_least, channels)
        self._output = Ring(at_least, channels)
        self._duplex = duplex
        self._engine = engine
        self._source = source
        self._given_before = 0 if source is None else source.given
        self._tap = tap
        self._events = events
        self._has_output = settings.output
        self._has_input = settings.has_input
        self._direct = settings.direct
        self._position = 0  # end of the input samples that have been processed
        self._filled = 0  # end of the input samples that a source has put into the ring
        self._tapped_in = self._tapped_out = 0
        self._clock_seen, self._clock_seen_at = 0, math.inf
        self._first_xruns = DeviceXruns()
        self._stopping = threading.Event()
        self._counting = threading.Lock()
        self._starved = 0  # times that an event tells of
        self._thread = 0  # identity of the thread that processes
        self._block: Samples = np.zeros((_CHUNK, channels), np.float32)
        self._result: Samples = np.zeros((_CHUNK, channels), np.float32)
        self._worker = threading.Thread(target=self._work, name="rtstft worker", daemon=True)
        self.error: BaseException | None = None
        self._fade_in = FadeIn(self._delay, round(fade_in_s * rate))
        self._playout = Playout(
            self._output,
            self._input if settings.on_overload == "dry" and not settings.capture else None,
            self._delay,
            lambda: duplex.played,
            lambda: self._captured,
            headroom=headroom,
            fade=max(2, round(_CROSSFADE_S * rate)),
            fade_in=self._fade_in,
        )
        duplex.open(
            DuplexSettings(
                samplerate=rate,
                blocksize=settings.blocksize,
                latency=settings.latency,
                devices=settings.devices,
                input=self._input if self._has_input else None,
                output=self._output if self._has_output else None,
                handler=self._handle if self._direct else None,
            )
        )

    @property
    def counts(self) -> Counts:
        """Counts of one moment."""
        with self._counting:
            if self._direct or not self._has_output:
                return Counts(self._position, self._position)
            return Counts(self._position, *self._playout.counts)

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
        source = self._source
        if source is None or not source.ended:
            return False
        given = source.given - self._given_before
        return self._clock >= given + self._delay + self._duplex.latencies[1]

    @property
    def stuck(self) -> bool:
        """Whether, though closed, its thread has not come back from a callback."""
        return self._stopping.is_set() and self._worker.is_alive()

    def runs_here(self) -> bool:
        """Whether the calling thread is the one that processes."""
        return threading.get_ident() == self._thread

    def start(self, cancelled: threading.Event) -> None:
        """Starts device and worker; returns when the first block has passed, or `cancelled` is set.

        Raises:
            StreamError: the device does not run, or its blocks are longer than the headroom.
        """
        if not self._direct:
            self._worker.start()
        self._duplex.start()
        end = monotonic() + _FIRST_BLOCK_S
        while not (self._duplex.blocksize or cancelled.is_set() or monotonic() > end):
            self._duplex.wait(1, timeout=0.05)
        blocksize = self._duplex.blocksize
        if not blocksize:
            raise StreamError(
                f"the device was started but delivers nothing{self._because()}: is it in use, or suspended?"
            )
        if self._has_output and not self._direct and self._headroom < blocksize:
            headroom, rate = self._headroom, self._samplerate
            raise StreamError(
                f"headroom of {headroom} samples ({headroom / rate:.4g} s) is shorter than the device's "
                f"blocks of {blocksize}: expected headroom_s of at least {blocksize / rate:.4g}, "
                f"or 0 to process in the device's own callback"
            )
        self._first_xruns = self._duplex.xruns
        self._clock_seen_at = monotonic()

    def tend(self) -> str:
        """Does all that can wait; returns why the session cannot go on, or nothing."""
        if not self._direct and self._has_output:
            self._playout.rescue()
            starved = self._playout.counts[2]
            if starved > self._starved:
                what = self._engine.calling or self._engine.slowest or "the engine"
                self._events.add(f"starved at sample {self._clock}: {what} was late")
            self._starved = starved
        self._hand_out()
        if self.error is not None:
            return f"processing ended: {self.error}"
        if self._duplex.failure:
            return self._duplex.failure
        if self.overrun:
            return "the program has stood still for seconds: the device has run out of its rings"
        clock, now = self._clock, monotonic()
        if clock != self._clock_seen:
            self._clock_seen, self._clock_seen_at = clock, now
        elif now - self._clock_seen_at > _SILENT_S:
            if self._direct and (called := self._engine.calling):
                return f"callback {called!r} has held the device up for {_SILENT_S:g} s"
            return f"the device has stopped at sample {clock} and does not go on"
        return ""

    def close(self) -> None:
        """Stops device and worker; StreamError if one of them does not answer."""
        self._stopping.set()
        try:
            self._duplex.close()
        finally:
            if self._worker.ident is not None:
                self._worker.join(timeout=1.0)
            self._hand_out()
        if self.stuck:
            raise StreamError(
                f"callback {self._engine.calling!r} has not come back: its thread is left to itself"
            )

    @property
    def _clock(self) -> int:
        return self._duplex.captured if self._has_input else self._duplex.played

    @property
    def _captured(self) -> int:
        """End of what the input ring holds."""
        return self._duplex.captured if self._has_input else self._filled

    def _because(self) -> str:
        return f" ({self._duplex.failure})" if self._duplex.failure else ""

    def _work(self) -> None:
        try:
            self._thread = threading.get_ident()
            self._events.add(f"worker runs at {raise_priority()}")
            grain = self._engine.grain
            while not self._stopping.is_set():
                self._duplex.wait(self._position + grain, timeout=0.1)
                count = min(self._clock - self._position, _CHUNK // grain * grain or grain)
                count -= count % grain
                if count > 0:
                    self._process(count)
        except BaseException as error:
            self.error = error

    def _process(self, count: int) -> None:
        self._make_room(count)
        block, result = self._block[:count], self._result[:count]
        if self._source is None:
            self._input.read(self._position, block)
        else:
            self._fill(self._source, block)
        self._engine.run(block, result)
        with self._counting:
            self._position += count
            if self._has_output:
                self._playout.put(result)

    def _handle(self, indata: Samples | None, outdata: Samples | None) -> None:
        """What runs in the device's callback where there is no headroom; it must not raise."""
        self._thread = threading.get_ident()
        given = indata if outdata is None else outdata
        assert given is not None
        try:
            count = len(given)
            self._make_room(count)
            block = self._block[:count]
            if self._source is not None:
                self._fill(self._source, block)
            elif indata is not None:
                block[...] = indata
            if self.error is not None or count % self._engine.grain:
                raise self.error or StreamError(
                    f"the device gave a block of {count} samples, expected a multiple of {self._engine.grain}"
                )
            self._engine.run(block, self._result[:count] if outdata is None else outdata)
            if outdata is not None:
                self._fade_in.apply(self._position, outdata)
            self._position += count
        except BaseException as error:
            self.error = error
            if outdata is not None:
                outdata[...] = 0

    def _fill(self, source: SampleSource, block: Samples) -> None:
        source.fill(block)
        if not self._has_input:
            self._input.write(self._filled, block)
        self._filled += len(block)

    def _make_room(self, count: int) -> None:
        if count > len(self._block):
            self._block = np.zeros((count, self._input.channels), np.float32)
            self._result = np.zeros_like(self._block)

    def _hand_out(self) -> None:
        """Gives `tap` what has gone in and out since, and the device the room for more."""
        captured, played = self._captured, self._duplex.played
        if self._has_output:
            captured = played = min(captured, played)  # so that recordings stay on the same time
        while self._tapped_in < captured or self._tapped_out < played:
            to_in = min(captured, self._tapped_in + _CHUNK)
            to_out = min(played, self._tapped_out + _CHUNK)
            self._tap(self._input.copy(self._tapped_in, to_in), self._output.copy(self._tapped_out, to_out))
            self._output.clear(self._tapped_out, to_out)
            self._tapped_in, self._tapped_out = to_in, to_out
        needed = min(self._position, self._tapped_in) if self._source is None else self._tapped_in
        self._duplex.release(max(0, needed - self._delay), self._tapped_out)
