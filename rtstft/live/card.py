"""Sound cards: a Duplex on the system's devices.

Where there is headroom, rtmixer's callback, written in C, moves samples between device and rings;
without, sounddevice's calls the engine.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from time import monotonic, sleep
from typing import Any

from rtstft.errors import StreamError
from rtstft.live import portaudio
from rtstft.live.duplex import DeviceXruns, DuplexSettings
from rtstft.live.movers import Direct, Ringed, options
from rtstft.live.priority import DEVICE, raise_priority

_ANSWER_S = 1.0
_GONE = "the sound device is gone (unplugged, or its server has ended)"
_JACK = "JACK Audio Connection Kit"


class PortAudioDuplex:
    """A Duplex on one or two of the system's devices."""

    def __init__(self) -> None:
        self._run: Ringed | Direct | None = None
        self._started = False
        self._over = (0, 0, 0, DeviceXruns())  # what stays known once the device is closed
        self._failure = ""
        self._stale = False  # PortAudio's list of devices may not be that of today
        self._on_jack = False
        self._samplerate = 0.0
        self._latencies = (0, 0)

    def open(self, settings: DuplexSettings) -> None:
        """As Duplex.open."""
        sd = portaudio.load()
        portaudio.renew(sd, rescan=self._stale)
        self._stale = True
        self._over = (0, 0, 0, DeviceXruns())
        self._failure = ""
        self._started = False
        self._samplerate = settings.samplerate
        try:
            self._on_jack = _is_on_jack(sd, settings)
            if self._on_jack and settings.blocksize == _prepare_jack(sd, settings):
                settings = replace(settings, blocksize=None)  # or PortAudio would buffer a block of its own
            self._run = (Ringed if settings.handler is None else Direct)(settings)
        except (sd.PortAudioError, ValueError) as error:
            raise StreamError(portaudio.explain(sd, error)) from error
        self._stale = False
        portaudio.use(self)
        latency = self._run.stream.latency
        if not isinstance(latency, tuple):
            latency = (latency, 0.0) if settings.input is not None else (0.0, latency)
        self._latencies = (round(latency[0] * self._samplerate), round(latency[1] * self._samplerate))

    def start(self) -> None:
        """As Duplex.start."""
        assert self._run is not None
        sd = portaudio.load()
        try:
            _within(5 * _ANSWER_S, self._run.stream.start)
        except (sd.PortAudioError, TimeoutError) as error:
            raise StreamError(f"the device does not start: {error or 'no answer'}") from error
        self._started = True

    def close(self) -> None:
        """As Duplex.close."""
        run = self._run
        if run is None:
            return
        # PortAudio's close hangs on a JACK server that is gone, and its exit then aborts the program.
        failure = self.failure
        gone = self._on_jack and failure == _GONE
        self._stale = bool(failure)
        self._over = (run.captured, run.played, run.blocksize, run.xruns)
        self._run = None
        portaudio.leave(self)
        if gone:
            portaudio.abandon(run)
            return
        try:
            _within(_ANSWER_S, lambda: _shut(run.stream))
            self._over = (run.captured, run.played, run.blocksize, run.xruns)
        except TimeoutError:
            portaudio.abandon(run)
            raise StreamError(
                f"the sound system has not answered for {_ANSWER_S:g} s: its device is left to itself"
            ) from None

    @property
    def latencies(self) -> tuple[int, int]:
        """As Duplex.latencies; what the driver reports."""
        return self._latencies

    @property
    def captured(self) -> int:
        """As Duplex.captured."""
        run = self._run
        return self._over[0] if run is None else run.captured

    @property
    def played(self) -> int:
        """As Duplex.played."""
        run = self._run
        return self._over[1] if run is None else run.played

    @property
    def blocksize(self) -> int:
        """As Duplex.blocksize."""
        run = self._run
        return self._over[2] if run is None else run.blocksize

    @property
    def xruns(self) -> DeviceXruns:
        """As Duplex.xruns."""
        run = self._run
        return self._over[3] if run is None else run.xruns

    @property
    def failure(self) -> str:
        """As Duplex.failure."""
        run = self._run
        if not self._failure and run is not None and self._started and not run.stream.active:
            self._failure = _GONE
        return self._failure

    @property
    def overrun(self) -> bool:
        """As Duplex.overrun: rtmixer has dropped a ring that ran empty or full."""
        return self._run is not None and self._started and self._run.overrun

    def wait(self, clock: int, timeout: float) -> None:
        """As Duplex.wait."""
        end = monotonic() + timeout
        run = self._run
        while run is not None and (now := monotonic()) < end:
            missing = clock - max(run.captured, run.played)
            if missing <= 0:
                return
            # C code cannot wake a Python thread: a few looks a block keep the delay small.
            sleep(min(max(run.blocksize / self._samplerate / 4, 2e-4), 2e-3, end - now))
            run = self._run

    def release(self, captured: int, played: int) -> None:
        """As Duplex.release."""
        if self._run is not None:
            self._run.release(captured, played)


def _is_on_jack(sd: Any, settings: DuplexSettings) -> bool:
    kind = "output" if settings.input is None else "input"
    info = sd.query_devices(settings.devices[kind == "output"], kind)
    return bool(sd.query_hostapis(info["hostapi"])["name"] == _JACK)


def _prepare_jack(sd: Any, settings: DuplexSettings) -> int | None:
    """Raises the priority of JACK's thread in this process; block length of the server.

    PortAudio tells neither of them otherwise than by a block. One thread serves all streams of a
    process, and a server without real-time priority (jackd -r) gives it none.
    """
    lengths: list[int] = []
    arrived = threading.Event()

    def note(_: Any, count: int, *__: Any) -> None:
        if not lengths:
            raise_priority(DEVICE)
        lengths.append(count)
        arrived.set()

    kind = sd.RawOutputStream if settings.input is None else sd.RawInputStream
    with kind(
        **{**options(replace(settings, output=None if settings.input else settings.output)), "blocksize": 0},
        callback=note,
    ):
        arrived.wait(_ANSWER_S)
    return lengths[0] if lengths else None


def _shut(stream: Any) -> None:
    stream.abort()
    stream.close()


def _within(seconds: float, call: Callable[[], object]) -> None:
    """Calls in another thread; TimeoutError if that takes longer, and the thread is left to itself."""
    failure: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run, name="rtstft device", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError
    if failure:
        raise failure[0]
