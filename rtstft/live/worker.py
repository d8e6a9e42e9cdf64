"""Worker: what processes: samples from the input ring or a source, through the engine, to the output."""

import math
import threading
from time import monotonic, sleep

import numpy as np

from rtstft.errors import StreamError
from rtstft.live.duplex import Duplex
from rtstft.live.engine import LiveEngine
from rtstft.live.events import EventLog
from rtstft.live.playout import FadeIn, Playout
from rtstft.live.priority import WORKER, raise_priority
from rtstft.live.ring import Ring, Samples
from rtstft.live.settings import StreamSettings
from rtstft.live.source import AuxSources, SampleSource
from rtstft.live.stats import Counts

_RING_S = 4.0
_CROSSFADE_S = 0.005
_AHEAD_S = 1.0
_READ = 1024
_CHUNK = 4096
_JOIN_S = 1.0
_WAY_S = 0.01  # at most, in which the other thread waits,
_LOOK_S = 0.0005  # and looks so often,
_AMPLE_S = 0.02  # as long as there is more than this to play


class Worker:
    """Processes as the device's clock moves on: in a thread of its own, or in the device's callback.

    Attributes:
        input, output: the rings that it shares with the device.
        delay: samples from an input sample to its place in the output ring.
        position: end of the input samples that have been processed.
        error: what ended the processing, or None.
    """

    def __init__(
        self,
        duplex: Duplex,
        engine: LiveEngine,
        settings: StreamSettings,
        source: SampleSource | None,
        aux: AuxSources,
        events: EventLog,
        *,
        fade_in_s: float,
    ) -> None:
        rate, channels = settings.samplerate, settings.input_channels
        self.delay = settings.headroom + engine.latency
        at_least = math.ceil(_RING_S * rate) + 2 * self.delay
        self.input = Ring(at_least, channels)
        self.output = Ring(at_least, settings.channels)
        self.position = 0
        self.error: BaseException | None = None
        self._duplex = duplex
        self._engine = engine
        self._source = source
        self._aux = aux
        self._given_before = 0 if source is None else source.given
        self._filled = 0  # end of the input samples that a source has put into the ring
        self._ahead = round(_AHEAD_S * rate)
        self._ample = round(_AMPLE_S * rate)
        self._read: Samples = np.zeros((_READ, channels), np.float32)
        self._events = events
        self._has_input = settings.has_input
        self._fade_in = FadeIn(self.delay, round(fade_in_s * rate))
        self._playout: Playout | None = None
        if settings.output and not settings.direct:
            self._playout = Playout(
                self.output,
                self.input if settings.on_overload == "dry" and not settings.capture else None,
                self.delay,
                lambda: duplex.played,
                lambda: self.captured,
                headroom=settings.headroom,
                fade=max(2, round(_CROSSFADE_S * rate)),
                fade_in=self._fade_in,
            )
        self._block: Samples = np.zeros((_CHUNK, engine.input_channels), np.float32)
        self._result: Samples = np.zeros((_CHUNK, settings.channels), np.float32)
        self._counting = threading.Lock()
        self._starved = 0  # times that an event tells of
        self._stopping = threading.Event()
        self._processing = False
        self._thread = threading.Thread(target=self._run, name="rtstft worker", daemon=True)
        self._running_in = 0  # identity of the thread that processes

    @property
    def clock(self) -> int:
        """The device's time, in samples since its first block."""
        return self._duplex.captured if self._has_input else self._duplex.played

    @property
    def captured(self) -> int:
        """End of what the input ring holds."""
        return self._duplex.captured if self._has_input else self._filled

    @property
    def counts(self) -> Counts:
        """Counts of one moment."""
        with self._counting:
            if self._playout is None:
                return Counts(self.position, self.position)
            return Counts(self.position, *self._playout.counts)

    @property
    def end(self) -> int | None:
        """Position in the output ring of a source's end; None as long as that is not known."""
        if self._source is None or not self._source.ended:
            return None
        return self._source.given - self._given_before + self.delay

    @property
    def needed(self) -> int:
        """Input samples before this one are of no use any more."""
        return max(0, self.position - self.delay)

    @property
    def stuck(self) -> bool:
        """Whether, though stopped, its thread has not come back from a callback."""
        return self._stopping.is_set() and self._thread.is_alive()

    def runs_here(self) -> bool:
        """Whether the calling thread is the one that processes."""
        return threading.get_ident() == self._running_in

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Has the thread end with what it is at."""
        self._stopping.set()

    def join(self) -> None:
        """Waits for its end, unless it is stuck; what was read ahead of it is the source's again."""
        if self._thread.ident is not None:
            self._thread.join(_JOIN_S)
        if self._source is not None and self._filled and not self.stuck:
            unused = self._source.given - self._given_before
            self._source.take_back(self.input.copy(self.position, max(self.position, unused)))
            self._filled = self.position

    def give_way(self) -> None:
        """Lets it have the interpreter lock for itself while it is at work or behind; waits 10 ms at most.

        Not where what it has processed may run out meanwhile, and `rescue` be needed.
        """
        end = monotonic() + _WAY_S
        while self._processing or self.clock - self.position > 2 * self._duplex.blocksize:
            if monotonic() > end or (self._playout is not None and self._playout.ahead < self._ample):
                break
            sleep(_LOOK_S)

    def rescue(self) -> None:
        """What another thread can do for one that is late: covers for it, and names it."""
        if self._playout is None:
            return
        self._playout.rescue()
        *_, starved = self._playout.counts
        if starved > self._starved:
            what = self._engine.calling or self._engine.slowest or "the engine"
            self._events.add(f"starved at sample {self.clock}: {what} was late")
        self._starved = starved

    def handle(self, indata: Samples | None, outdata: Samples | None) -> None:
        """Processes in the device's own callback, as a Handler; raises nothing."""
        self._running_in = threading.get_ident()
        given = indata if outdata is None else outdata
        assert given is not None
        try:
            if self.error is not None:
                raise self.error
            count = len(given)
            if count % self._engine.grain:
                raise StreamError(
                    f"the device gave a block of {count} samples, expected a multiple of {self._engine.grain}"
                )
            block, result = self._buffers(count)
            from_device, played = self._parts(block)
            if self._source is not None:
                self._take(self._source, from_device)
            elif indata is not None:
                from_device[...] = indata
            self._aux.fill(played)
            self._engine.run(block, result if outdata is None else outdata)
            if outdata is not None:
                self._fade_in.apply(self.position, outdata)
            self.position += count
        except BaseException as error:
            self.error = error
            if outdata is not None:
                outdata[...] = 0
        finally:
            self._running_in = 0

    def _run(self) -> None:
        try:
            self._running_in = threading.get_ident()
            self._events.add(f"worker runs at {raise_priority(WORKER)}")
            grain = self._engine.grain
            while not self._stopping.is_set():
                self._duplex.wait(self.position + grain, timeout=0.1)
                count = min(self.clock - self.position, _CHUNK // grain * grain or grain)
                count -= count % grain
                if count > 0:
                    self._processing = True
                    self._process(count)
                    self._processing = False
        except BaseException as error:
            self.error = error
            self._processing = False

    def _process(self, count: int) -> None:
        block, result = self._buffers(count)
        from_device, played = self._parts(block)
        if self._source is not None:
            self._take(self._source, from_device)
        else:
            self.input.read(self.position, from_device)
        self._aux.fill(played)
        self._engine.run(block, result)
        with self._counting:
            self.position += count
            if self._playout is not None:
                self._playout.put(result)

    def _take(self, source: SampleSource, block: Samples) -> None:
        """The next samples of `source`, which is read ahead, so that they are known if a callback is late."""
        if self._has_input:  # whose ring holds what the device hears
            source.fill(block)
            return
        while self._filled < self.position + len(block) + self._ahead:
            source.fill(self._read)
            self.input.write(self._filled, self._read)
            self._filled += len(self._read)
        self.input.read(self.position, block)

    def _parts(self, block: Samples) -> tuple[Samples, Samples]:
        """Columns of a block that the device fills, or a source in its place; and played auxiliary inputs."""
        return block[:, : self.input.channels], block[:, self.input.channels :]

    def _buffers(self, count: int) -> tuple[Samples, Samples]:
        if count > len(self._block):
            self._block = np.zeros((count, self._engine.input_channels), np.float32)
            self._result = np.zeros((count, self.output.channels), np.float32)
        return self._block[:count], self._result[:count]
