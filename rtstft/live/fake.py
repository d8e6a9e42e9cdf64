"""FakeDuplex: a sound device that its user drives, sample by sample, as hard as it likes."""

import threading

import numpy as np

from rtstft.errors import StreamError
from rtstft.live.duplex import DeviceXruns, DuplexSettings
from rtstft.live.ring import Ring, Samples


class FakeDuplex:
    """A Duplex without hardware and without time: its clock moves when `tick` is called.

    `rtstft.Stream(callback, geometry, duplex=FakeDuplex(), ...)` runs the very stream that a sound card
    would get. `tick` with blocks of any length jitters and resizes; ticking while a callback is
    held up starves; `unplug` ends it.

    Args:
        latencies: input and output latency that it reports, in samples.
        blocksize: length of the first block, a silent one, that `start` lets pass.
    """

    def __init__(self, latencies: tuple[int, int] = (0, 0), blocksize: int = 64) -> None:
        self.latencies = latencies
        self._first = blocksize
        self._settings: DuplexSettings | None = None
        self._changed = threading.Condition()
        self._awaited: int | None = None
        self._running = False
        self._closed = False
        self.captured = 0
        self.played = 0
        self.blocksize = 0
        self.xruns = DeviceXruns()
        self.failure = ""
        self.overrun = False
        self._released = (0, 0)
        self._releases = 0
        self.plugged = True

    def open(self, settings: DuplexSettings) -> None:
        """As Duplex.open; StreamError while it is unplugged."""
        if not self.plugged:
            raise StreamError("the device is not plugged in")
        self._settings = settings
        self._closed = False
        self.captured = self.played = self.blocksize = 0
        self._released = (0, 0)
        self.xruns = DeviceXruns()
        self.failure = ""
        self.overrun = False

    def start(self) -> None:
        """As Duplex.start."""
        self._running = True
        self.tick(np.zeros((self._first, self._channels[0]), np.float32))

    def close(self) -> None:
        """As Duplex.close."""
        with self._changed:
            self._running = False
            self._closed = True
            self._changed.notify_all()

    def tick(self, samples: Samples) -> Samples:
        """What the sound card does once a block: takes `samples`, shape (n, input channels), gives as many.

        Raises:
            StreamError: the stream does not run, or has not made room in its rings for a second.
        """
        settings = self._settings
        if settings is None or not self._running:
            raise StreamError("the fake device does not run: start the stream first")
        count = len(samples)
        given = np.zeros((count, self._channels[1]), np.float32)
        self._await_room(count)
        if settings.handler is not None:
            ends = settings.input, settings.output
            settings.handler(*(None if end is None else side for end, side in zip(ends, (samples, given))))
        if settings.input is not None:
            settings.input.write(self.captured, samples)
        if settings.output is not None:
            if settings.handler is None:
                settings.output.read(self.played, given)
            else:
                settings.output.write(self.played, given)
        with self._changed:
            self.blocksize = max(self.blocksize, count)
            self.captured += count if settings.input is not None else 0
            self.played += count if settings.output is not None else 0
            self._changed.notify_all()
        return given

    def settle(self, timeout: float = 10.0) -> None:
        """Returns when the stream has processed all that it was given, and waits for more."""
        if self._settings is not None and self._settings.handler is not None:
            return  # processed within the tick
        with self._changed:
            done = self._changed.wait_for(
                lambda: not self._running or (self._awaited is not None and self._awaited > self._clock),
                timeout,
            )
        if not done:
            raise StreamError(f"the stream has not come to rest within {timeout:g} s")

    def attended(self, timeout: float = 10.0) -> None:
        """Returns when the stream has looked after the device once more, whatever its callbacks do."""
        with self._changed:
            enough = self._releases + 2  # the first may have begun before
            if not self._changed.wait_for(lambda: not self._running or self._releases >= enough, timeout):
                raise StreamError(f"nobody has looked after the device for {timeout:g} s")

    def unplug(self) -> None:
        """The device is gone: its clock stands still, and it cannot be opened until `plug`."""
        self.plugged = False
        with self._changed:
            self.failure = "the sound device is gone (unplugged)"
            self._running = False
            self._changed.notify_all()

    def let_go(self) -> None:
        """What a sound card's rings suffer when the whole program stands still for seconds."""
        self.overrun = True

    def plug(self) -> None:
        """The device can be opened again."""
        self.plugged = True

    def wait(self, clock: int, timeout: float) -> None:
        """As Duplex.wait."""
        with self._changed:
            self._awaited = clock
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._clock >= clock or self._closed, timeout)
            self._awaited = None

    def release(self, captured: int, played: int) -> None:
        """As Duplex.release."""
        with self._changed:
            self._releases += 1
            self._released = (max(captured, self._released[0]), max(played, self._released[1]))
            self._changed.notify_all()

    @property
    def _channels(self) -> tuple[int, int]:
        """Of input and output; what one does not have is that of the other."""
        settings = self._settings
        assert settings is not None
        found = [ring.channels for ring in (settings.input, settings.output) if ring is not None]
        return found[0], found[-1]

    @property
    def _clock(self) -> int:
        return max(self.captured, self.played)

    def _await_room(self, count: int) -> None:
        settings = self._settings
        assert settings is not None
        if not self.blocksize:
            return

        def fits(ring: Ring | None, position: int, released: int) -> bool:
            return ring is None or position + count - released <= ring.size

        with self._changed:
            room = self._changed.wait_for(
                lambda: (
                    fits(settings.input, self.captured, self._released[0])
                    and fits(settings.output, self.played, self._released[1])
                ),
                timeout=1.0,
            )
        if not room:
            raise StreamError("the stream has left the rings as they are for a second")
