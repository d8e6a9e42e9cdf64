"""Sound cards: the only file that knows PortAudio, through sounddevice and rtmixer.

Where there is headroom, rtmixer's callback, written in C, moves samples between device and rings;
without, sounddevice's calls the engine. rtmixer drops a ring that runs empty or full. Hence the
output ring is always full as PortAudio sees it: `release` moves its end ahead of the device by the
whole ring, and what nobody has written by then is silence, or the fallback that lies there.
"""

import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from rtstft.errors import MissingExtraError, StreamError
from rtstft.live.duplex import DeviceName, DeviceXruns, DuplexSettings
from rtstft.live.priority import DEVICE, raise_priority

_ANSWER_S = 1.0
_GONE = "the sound device is gone (unplugged, or its server has ended)"
NO_DEVICE = (
    "there is no sound device: is one plugged in, and does a sound server run? "
    "(without hardware: jackd -d dummy)"
)
_JACK = "JACK Audio Connection Kit"
# Streams and libraries whose server has died: freeing them would hang, or end the program.
_abandoned: list[Any] = []
_open: set[int] = set()  # identities of the PortAudioDuplexes that have a device


def load() -> Any:
    """The sounddevice module; MissingExtraError that says how to install what is missing."""
    try:
        import sounddevice
    except ImportError as error:
        raise MissingExtraError("live audio needs sounddevice: pip install sounddevice rtmixer") from error
    except OSError as error:
        raise MissingExtraError(
            "live audio needs the PortAudio library: apt install libportaudio2 (Debian, Ubuntu), "
            "dnf install portaudio (Fedora), pacman -S portaudio (Arch)"
        ) from error
    return sounddevice


def devices() -> list[dict[str, Any]]:
    """All devices: index, name, API, channels, samplerate, latencies in ms, and which are the defaults."""
    sd = load()
    apis = sd.query_hostapis()
    chosen = list(sd.default.device)
    for kind in range(2):
        if chosen[kind] < 0 and apis:
            chosen[kind] = apis[0][("default_input_device", "default_output_device")[kind]]
    return [
        {
            "index": device["index"],
            "name": device["name"],
            "api": apis[device["hostapi"]]["name"],
            "input_channels": device["max_input_channels"],
            "output_channels": device["max_output_channels"],
            "samplerate": device["default_samplerate"],
            "input_latency_ms": device["default_low_input_latency"] * 1e3,
            "output_latency_ms": device["default_low_output_latency"] * 1e3,
            "default_input": device["index"] == chosen[0],
            "default_output": device["index"] == chosen[1],
        }
        for device in sd.query_devices()
    ]


def names(chosen: tuple[DeviceName, DeviceName]) -> tuple[str, str]:
    """Names of an input and an output device; StreamError if there is none of that name."""
    sd = load()
    try:
        return (
            str(sd.query_devices(chosen[0], "input")["name"]),
            str(sd.query_devices(chosen[1], "output")["name"]),
        )
    except (sd.PortAudioError, ValueError) as error:
        raise StreamError(_explain(sd, error)) from error


def rest() -> None:
    """Takes PortAudio down until it is needed again: its connection to a server would outlive the server."""
    sd = load()
    if sd._initialized and not _open:
        sd._terminate()


class PortAudioDuplex:
    """A Duplex on one or two of the system's devices."""

    def __init__(self) -> None:
        self._run: _Ringed | _Direct | None = None
        self._started = False
        self._over = (0, 0, 0, DeviceXruns())  # what stays known once the device is closed
        self._failure = ""
        self._stale = False  # PortAudio's list of devices may not be that of today
        self._on_jack = False
        self._samplerate = 0.0
        self._latencies = (0, 0)

    def open(self, settings: DuplexSettings) -> None:
        """As Duplex.open."""
        sd = load()
        _renew(sd, rescan=self._stale)
        self._stale = True
        self._over = (0, 0, 0, DeviceXruns())
        self._failure = ""
        self._started = False
        self._samplerate = settings.samplerate
        try:
            self._on_jack = _is_on_jack(sd, settings)
            if self._on_jack and settings.blocksize == _prepare_jack(sd, settings):
                settings = replace(settings, blocksize=None)  # or PortAudio would buffer a block of its own
            self._run = (_Ringed if settings.handler is None else _Direct)(settings)
        except (sd.PortAudioError, ValueError) as error:
            raise StreamError(_explain(sd, error)) from error
        self._stale = False
        _open.add(id(self))
        latency = self._run.stream.latency
        if not isinstance(latency, tuple):
            latency = (latency, 0.0) if settings.input is not None else (0.0, latency)
        self._latencies = (round(latency[0] * self._samplerate), round(latency[1] * self._samplerate))

    def start(self) -> None:
        """As Duplex.start."""
        assert self._run is not None
        sd = load()
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
        _open.discard(id(self))
        if gone:
            _abandon(run)
            return
        try:
            _within(_ANSWER_S, lambda: _shut(run.stream))
            self._over = (run.captured, run.played, run.blocksize, run.xruns)
        except TimeoutError:
            _abandon(run)
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


class _Ringed:
    """rtmixer moves the samples."""

    def __init__(self, settings: DuplexSettings) -> None:
        import rtmixer

        has = settings.input is not None, settings.output is not None
        kind = {
            (True, True): rtmixer.MixerAndRecorder,
            (True, False): rtmixer.Recorder,
            (False, True): rtmixer.Mixer,
        }
        self.stream = kind[has](**_options(settings))
        self._record: Any = None
        self._play: Any = None
        self._released = [0, 0]
        # Both wait for the first block and begin with it: hence one clock for both.
        if settings.input is not None:
            ring = settings.input
            self._input = rtmixer.RingBuffer(4 * ring.channels, buffer=ring.memory)
            self._record = self.stream.record_ringbuffer(self._input)
        if settings.output is not None:
            ring = settings.output
            self._output = rtmixer.RingBuffer(4 * ring.channels, buffer=ring.memory)
            self._output.advance_write_index(ring.size)
            self._play = self.stream.play_ringbuffer(self._output)
        self._actions = [action for action in (self._record, self._play) if action is not None]

    @property
    def captured(self) -> int:
        return 0 if self._record is None else int(self._record.done_frames)

    @property
    def played(self) -> int:
        return 0 if self._play is None else int(self._play.done_frames)

    @property
    def blocksize(self) -> int:
        return int(self._actions[0].stats.max_blocksize)

    @property
    def xruns(self) -> DeviceXruns:
        stats = self._actions[0].stats
        return DeviceXruns(
            input_underflows=int(stats.input_underflows),
            input_overflows=int(stats.input_overflows),
            output_underflows=int(stats.output_underflows),
            output_overflows=int(stats.output_overflows),
        )

    @property
    def overrun(self) -> bool:
        """Whether rtmixer has dropped a ring."""
        going = self.stream.actions
        return not all(action in going for action in self._actions)

    def release(self, captured: int, played: int) -> None:
        for kind, position in enumerate((captured, played)):
            step = position - self._released[kind]
            if step <= 0:
                continue
            self._released[kind] = position
            if kind == 0 and self._record is not None:
                self._input.advance_read_index(step)
            elif kind == 1 and self._play is not None:
                self._output.advance_write_index(step)


class _Direct:
    """sounddevice calls the handler; the rings keep a copy."""

    overrun = False

    def __init__(self, settings: DuplexSettings) -> None:
        sd = load()
        self._settings = settings
        has = settings.input is not None, settings.output is not None
        kind = {(True, True): sd.Stream, (True, False): sd.InputStream, (False, True): sd.OutputStream}
        callback = {
            (True, True): self._duplex,
            (True, False): self._input_only,
            (False, True): self._output_only,
        }
        self.stream = kind[has](callback=callback[has], dtype="float32", **_options(settings))
        self.captured = 0
        self.played = 0
        self.blocksize = 0
        self.xruns = DeviceXruns()

    def release(self, captured: int, played: int) -> None:
        """The rings are written by whoever reads them: there is nothing to release."""

    def _duplex(self, indata: Any, outdata: Any, count: int, _: Any, status: Any) -> None:
        self._pass(indata, outdata, count, status)

    def _input_only(self, indata: Any, count: int, _: Any, status: Any) -> None:
        self._pass(indata, None, count, status)

    def _output_only(self, outdata: Any, count: int, _: Any, status: Any) -> None:
        self._pass(None, outdata, count, status)

    def _pass(self, indata: Any, outdata: Any, count: int, status: Any) -> None:
        settings = self._settings
        assert settings.handler is not None
        self.blocksize = max(self.blocksize, count)
        if status:
            self.xruns = self.xruns + DeviceXruns(
                status.input_underflow, status.input_overflow, status.output_underflow, status.output_overflow
            )
        settings.handler(indata, outdata)
        if settings.input is not None:
            settings.input.write(self.captured, indata)
            self.captured += count
        if settings.output is not None:
            settings.output.write(self.played, outdata)
            self.played += count


def _options(settings: DuplexSettings) -> dict[str, Any]:
    open_ends = [end for end, ring in enumerate((settings.input, settings.output)) if ring is not None]
    channels = [ring.channels for ring in (settings.input, settings.output) if ring is not None]
    devices = [settings.devices[end] for end in open_ends]
    both = len(open_ends) == 2
    return {
        "samplerate": settings.samplerate,
        "blocksize": settings.blocksize or 0,
        "device": tuple(devices) if both else devices[0],
        "channels": tuple(channels) if both else channels[0],
        "latency": settings.latency,
        # Devices that take integers are to limit what is beyond full scale, not to wrap around.
        "clip_off": False,
        "dither_off": True,
    }


def _explain(sd: Any, error: Exception) -> str:
    if not sd.query_devices():
        return NO_DEVICE
    return f"the device cannot be opened: {error} (rtstft devices lists what there is)"


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
        **{**_options(replace(settings, output=None if settings.input else settings.output)), "blocksize": 0},
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


def _abandon(run: "_Ringed | _Direct") -> None:
    sd = load()
    _abandoned.append((run, sd._lib))
    sd._initialized = 0  # or PortAudio's own exit, which aborts the program, would run at exit


def _renew(sd: Any, *, rescan: bool) -> None:
    """Makes PortAudio look for devices again; a second copy of it where the first is beyond help.

    PortAudio can be initialised only once in a process, and not taken down while a stream of it
    hangs. To the loader, a copy of the library under another name is another library.
    """
    if any(library is sd._lib for _, library in _abandoned):
        with tempfile.TemporaryDirectory() as folder:
            sd._lib = sd._ffi.dlopen(shutil.copy(_library_path(sd), folder))
        sd._initialize()
    elif not sd._initialized:
        sd._initialize()
    elif rescan and not _open:  # it would end the others
        sd._terminate()
        sd._initialize()


def _library_path(sd: Any) -> Path:
    if Path(sd._libname).is_file():
        return Path(sd._libname)
    for line in Path("/proc/self/maps").read_text().splitlines():
        path = Path(line.split(maxsplit=5)[-1])
        if "portaudio" in path.name and path.is_file():
            return path
    raise StreamError("PortAudio's library cannot be found again: start the program anew")
