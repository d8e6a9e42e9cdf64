"""Stream: microphone to callback to loudspeaker."""

import operator
from collections.abc import Iterable, Mapping
from os import PathLike
from types import TracebackType
from typing import Any, Self

from rtstft.chain import indexes_of
from rtstft.errors import AudioError, RtstftError, StreamError
from rtstft.geometry import STFT
from rtstft.live.card import PortAudioDuplex
from rtstft.live.duplex import DeviceName, Duplex
from rtstft.live.engine import OnError, OnOverload
from rtstft.live.events import Event, EventLog
from rtstft.live.feed import Feed
from rtstft.live.isolation import IsolatedStream
from rtstft.live.local import LocalStream
from rtstft.live.settings import StreamSettings
from rtstft.live.source import SourceSpec
from rtstft.live.stats import Latency, Stats
from rtstft.loading import load_all, specs_of
from rtstft.plugin import Callback


class Stream:
    """Passes every frame of a live signal through callbacks, at a latency known to the sample.

    The output is `Processor`'s, sample for sample, delayed by `latency.total`. A C callback moves
    samples between the device and two rings, and a thread of its own (or a process, with `isolate`)
    processes them: what the rest of the program does to Python's interpreter lock takes time from
    the headroom, and is not heard until that is used up. Then the dry signal takes over, crossfaded, and
    the stream comes back at the same latency.

        with rtstft.Stream(callback, geometry, samplerate=48_000) as stream:
            input("Enter ends it")

    Args:
        callbacks: as for `Processor`, or named: a plugin of `rtstft plugins`, 'file.py:name' or
            'package.module:name', with parameters behind: 'gain:gain_db=-6'; or a preset file. With
            `output=False` what they return is ignored.
        geometry: the transform.
        device: index, part of a name, or None for the system's default; a pair for input and output.
        samplerate: in Hz.
        channels: of input and output alike; auxiliary inputs come on top.
        blocksize: samples per block of the device, which lowers the engine's latency (see
            `STFT.latency`); None takes what the driver likes best, and counts on any.
        latency: what to ask of the device: "low", "high", or seconds.
        headroom_s: by how much processing may be late, in seconds; added to the latency. At least
            a block. 0 processes in the device's own callback, which waits for Python's interpreter lock:
            the least latency, and an xrun whenever another thread holds it for long.
        isolate: run device and engine in a process of their own, which shares no interpreter lock
            with this one. Callbacks are then sent there: functions and classes from the top of a
            module, or names; what they keep there is not seen here, and until the stream is closed
            plugins and chains here refuse to be changed: its own calls steer it.
        on_overload: what is heard once callbacks have taken longer than there is time, averaged over
            half a second: "dry" the input, "hold" the last processed frame, "mute" nothing. Callbacks
            are tried again until they are fast.
        on_error: a frame whose callback raises, or leaves NaN or Inf, stays "dry" and is counted, or the
            stream is to "stop".
        source: a sound file, or floats of shape (samples, channels), instead of the microphone; the
            stream ends with it.
        output: False opens no output: callbacks look, nothing is heard.
        record_dry, record_wet: sound files for what came in and what went out at the same times (wet
            is later than dry by all of the latency but the device's), 32-bit float; complete when
            the stream is closed.
        overwrite: replace existing recordings.
        fade_in_s: seconds over which the output begins.
        reconnect: wait for a device that is gone and go on, faded in, instead of ending. Looking for
            it may end streams of this process that were made with sounddevice itself.
        flight_recorder_s: keep the last seconds of input, and write them as WAV, with parameters and
            frame times as JSON, on an overload or xrun, for `rtstft process` to replay; 0 for not.
        flight_recorder_folder: where to.
        planner_effort: as for `Processor`.
        aux: auxiliary inputs by name: a number of further channels of the device's input (in this order,
            behind those of the signal), a sound file or array to play, once, from the start on, or
            a `rtstft.live.Feed` that another stream or thread fills (not with `isolate`).
        watch: when a file that a callback comes from is saved, of Python or a preset, put it in anew,
            crossfaded and at the same latency, with the parameters that were set; what does not work is
            an event, and the old one goes on. Callbacks that come later are watched as those that were
            there from the start. Steer it by `set`: an instance of yours does not play any more once its
            file was saved. Needs the extra `watch`.
        duplex: another device than the system's, such as a `rtstft.live.FakeDuplex`.

    Raises:
        StreamError: the device cannot be opened as asked.
        MissingExtraError: PortAudio is not installed.
        AudioError, PluginError: as `Processor`; or an argument that cannot be.
        FileError: a recording cannot be written, or a source not read.
    """

    def __init__(
        self,
        callbacks: Callback | str | Iterable[Callback | str],
        geometry: STFT,
        *,
        device: DeviceName | tuple[DeviceName, DeviceName] = None,
        samplerate: float = 48_000,
        channels: int = 1,
        blocksize: int | None = None,
        latency: str | float = "low",
        headroom_s: float = 0.03,
        isolate: bool = False,
        on_overload: OnOverload = "dry",
        on_error: OnError = "dry",
        source: SourceSpec | None = None,
        output: bool = True,
        record_dry: str | PathLike[str] | None = None,
        record_wet: str | PathLike[str] | None = None,
        overwrite: bool = False,
        fade_in_s: float = 0.0,
        reconnect: bool = False,
        flight_recorder_s: float = 0.0,
        flight_recorder_folder: str | PathLike[str] = ".",
        planner_effort: str = "estimate",
        aux: Mapping[str, int | SourceSpec | Feed] | None = None,
        watch: bool = False,
        duplex: Duplex | None = None,
    ) -> None:
        callbacks = specs_of(callbacks)
        settings = StreamSettings(
            callbacks=callbacks,
            geometry=geometry,
            device=device,
            samplerate=samplerate,
            channels=channels,
            blocksize=blocksize,
            latency=latency,
            headroom_s=headroom_s,
            on_overload=on_overload,
            on_error=on_error,
            source=source,
            output=output,
            record_dry=record_dry,
            record_wet=record_wet,
            overwrite=overwrite,
            fade_in_s=fade_in_s,
            reconnect=reconnect,
            flight_recorder_s=flight_recorder_s,
            flight_recorder_folder=flight_recorder_folder,
            planner_effort=planner_effort,
            aux=aux or {},
            watch=watch,
        )
        device_or_fake = PortAudioDuplex() if duplex is None else duplex
        self._stream: LocalStream | IsolatedStream
        if isolate:
            if any(isinstance(spec, Feed) for spec in settings.aux.values()):
                raise AudioError("aux= has a Feed, which another process cannot read: leave isolate out")
            self._stream = IsolatedStream(settings, device_or_fake)
        else:
            self._stream = LocalStream(settings, load_all(callbacks), device_or_fake, EventLog())

    @property
    def active(self) -> bool:
        """Whether samples are moving: False before `start`, after `stop`, and when the stream has ended."""
        return self._stream.active

    @property
    def blocksize(self) -> int:
        """Longest block of the device so far, in samples; 0 before the first."""
        return self._stream.blocksize

    @property
    def latency(self) -> Latency:
        """The latency budget, part by part, in samples; all but the device's parts never change."""
        return self._stream.latency

    @property
    def stats(self) -> Stats:
        """A snapshot of the stream's counts and load."""
        return self._stream.stats

    @property
    def events(self) -> tuple[Event, ...]:
        """What has happened: errors, overloads, restarts, and what the system did not allow.

        With `isolate`, warnings of that process as well, which cannot be caught or filtered here.
        """
        return self._stream.events

    @property
    def bypass(self) -> bool:
        """Leaves all callbacks out, crossfaded and at the same latency; may be set."""
        return self._stream.bypass

    @bypass.setter
    def bypass(self, on: bool) -> None:
        self._stream.bypass = on

    def set(self, plugin: str | int | None = None, /, **values: object) -> None:
        """Sets attributes of a plugin, between two frames.

        Args:
            plugin: class name of the plugin, or its place in the row as in `parameters`, with those in
                nested chains one by one; may be left out if only one has the attributes.
            values: `set(threshold_db=-40)`.

        Raises:
            StreamError: none of the plugins, or more than one, has such an attribute.
        """
        self._stream.set(plugin, values)

    def automate(self, name: str, course: object, plugin: str | int | None = None) -> None:
        """Lets a parameter follow a course of time, in seconds since the stream began.

        Args:
            name: of the parameter.
            course: as for `Plugin.automate`: a function (with `isolate`, from the top of a module),
                breakpoints (time_s, value), or None to let go of it.
            plugin: as for `set`.

        Raises:
            StreamError: as of `set`.
            ParameterError: as of `Plugin.automate`.
        """
        self._stream.automate(plugin, name, course)

    def send(self, feed: Feed, *, dry: bool = False) -> None:
        """Fills the auxiliary input of another stream with what goes out of this one, or comes in (dry).

        Raises:
            StreamError: this stream is isolated: its samples are in another process; or it has no output.
            AudioError: the feed has other channels or another samplerate.
        """
        if not isinstance(self._stream, LocalStream):
            raise StreamError("an isolated stream cannot feed another one: leave isolate out")
        self._stream.send(feed, dry=dry)

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """Of each callback, in order: `{"callback": name, "parameters": {name: value}}`."""
        return self._stream.parameters

    def insert(self, index: int, callback: Callback | str) -> None:
        """Puts a callback in front of the one at `index`, where a nested chain counts as one, crossfaded.

        As the other changes of the row, it may be asked for while the stream runs. What fails in its
        first frames is an event, and is taken out again.

        Raises:
            CallbackError, PluginError: it cannot be loaded or prepared, or would add to the latency.
            StreamError: `index` is none.
        """
        self._stream.edit("insert", _place(index), callback)

    def append(self, callback: Callback | str) -> None:
        """Puts a callback behind the last; as `insert`."""
        self._stream.edit("append", callback)

    def replace(self, index: int, callback: Callback | str) -> None:
        """Puts a callback in the place of the one at `index`; as `insert`."""
        self._stream.edit("__setitem__", _place(index), callback)

    def remove(self, index: int) -> None:
        """Takes out the callback at `index`, crossfaded; its lookahead stays in the latency."""
        self._stream.edit("__delitem__", _place(index))

    def reorder(self, order: Iterable[int]) -> None:
        """Puts the callbacks into another order, named by their present indexes; as `Chain.reorder`."""
        self._stream.edit("reorder", indexes_of(order))

    def start(self) -> None:
        """Starts; returns once the device runs. StreamError if it does not."""
        self._stream.start()

    def stop(self) -> None:
        """Stops; the stream may be started again, from silence."""
        self._stream.stop()

    def close(self) -> None:
        """Stops for good, completes the recordings and gives the device back."""
        self._stream.close()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until the stream has ended of itself: True; or for `timeout` seconds: False."""
        return self._stream.wait(timeout)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        failures: list[RtstftError] = []
        try:
            self.close()
        except RtstftError as unclosed:
            failures.append(unclosed)
        if (failed := self._stream.error) is not None:
            failures.insert(0, failed)
        if not failures:
            return
        first = failures[0] if error is None else error
        for failure in failures:
            if failure is not first:
                first.add_note(f"and the stream: {failure}")
        if error is None:
            raise first


def _place(index: object) -> int:
    try:
        return operator.index(index)  # type: ignore[arg-type]  # what is no number is what it finds out
    except TypeError:
        raise StreamError(f"there is no callback {index!r}: expected an index, a place in the row") from None
