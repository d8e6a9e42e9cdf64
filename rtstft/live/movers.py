"""What moves samples between a device and two rings: rtmixer's callback in C, or sounddevice's in Python.

rtmixer drops a ring that runs empty or full. Hence the output ring is always full as PortAudio sees it:
`release` moves its end ahead of the device by the whole ring, and what nobody has written by then is
silence, or the fallback that lies there.
"""

from typing import Any

from rtstft.live.duplex import DeviceXruns, DuplexSettings
from rtstft.live.portaudio import load


class Ringed:
    """rtmixer moves the samples."""

    def __init__(self, settings: DuplexSettings) -> None:
        import rtmixer

        has = settings.input is not None, settings.output is not None
        kind = {
            (True, True): rtmixer.MixerAndRecorder,
            (True, False): rtmixer.Recorder,
            (False, True): rtmixer.Mixer,
        }
        self.stream = kind[has](**options(settings))
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
        """As Duplex.captured."""
        return 0 if self._record is None else int(self._record.done_frames)

    @property
    def played(self) -> int:
        """As Duplex.played."""
        return 0 if self._play is None else int(self._play.done_frames)

    @property
    def blocksize(self) -> int:
        """As Duplex.blocksize."""
        return int(self._actions[0].stats.max_blocksize)

    @property
    def xruns(self) -> DeviceXruns:
        """As Duplex.xruns."""
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
        """As Duplex.release."""
        for kind, position in enumerate((captured, played)):
            step = position - self._released[kind]
            if step <= 0:
                continue
            self._released[kind] = position
            if kind == 0 and self._record is not None:
                self._input.advance_read_index(step)
            elif kind == 1 and self._play is not None:
                self._output.advance_write_index(step)


class Direct:
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
        self.stream = kind[has](callback=callback[has], dtype="float32", **options(settings))
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


def options(settings: DuplexSettings) -> dict[str, Any]:
    """Arguments of a stream of sounddevice or rtmixer."""
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
