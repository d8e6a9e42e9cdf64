"""StreamSettings: what a stream was asked for, checked; can be sent to another process."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from rtstft.arrays import is_finite_number
from rtstft.callbacks import names_inputs
from rtstft.errors import AudioError, FileError
from rtstft.geometry import STFT, check_geometry
from rtstft.live.duplex import DeviceName
from rtstft.live.engine import OnError, OnOverload
from rtstft.live.feed import Feed
from rtstft.live.ring import Samples
from rtstft.live.source import SourceSpec
from rtstft.plugin import Callback


@dataclass(frozen=True)
class StreamSettings:
    """The arguments of `Stream`, which describes them."""

    geometry: STFT
    samplerate: float
    channels: int
    callbacks: Callback | str | Iterable[Callback | str] = ()
    device: DeviceName | tuple[DeviceName, DeviceName] = None
    blocksize: int | None = None
    latency: str | float = "low"
    headroom_s: float = 0.03
    on_overload: OnOverload = "dry"
    on_error: OnError = "dry"
    source: SourceSpec | None = None
    output: bool = True
    record_dry: str | PathLike[str] | None = None
    record_wet: str | PathLike[str] | None = None
    overwrite: bool = False
    fade_in_s: float = 0.0
    reconnect: bool = False
    flight_recorder_s: float = 0.0
    flight_recorder_folder: str | PathLike[str] = "."
    planner_effort: str = "estimate"
    aux: Mapping[str, int | SourceSpec | Feed] = field(default_factory=dict)
    watch: bool = False
    capture: bool = False
    """Whether input is taken although a source stands in for it."""

    def __post_init__(self) -> None:
        if not (is_finite_number(self.samplerate) and self.samplerate > 0):
            raise AudioError(f"samplerate={self.samplerate!r} Hz, expected a positive number")
        check_geometry(self.geometry, "callback")
        for name, least in (("headroom_s", 0), ("fade_in_s", 0), ("flight_recorder_s", 0)):
            value = getattr(self, name)
            if not (is_finite_number(value) and value >= least):
                raise AudioError(f"{name}={value!r}, expected seconds, {least} or more")
        for name, known in (("on_overload", ("dry", "hold", "mute")), ("on_error", ("dry", "stop"))):
            value = getattr(self, name)
            if value not in known:
                raise AudioError(f"{name}={value!r}, expected one of {', '.join(map(repr, known))}")
        if self.latency not in ("low", "high") and not (
            is_finite_number(self.latency) and float(self.latency) > 0
        ):
            raise AudioError(f"latency={self.latency!r}, expected 'low', 'high' or seconds")
        if isinstance(self.device, (tuple, list)) and len(self.device) != 2:
            raise AudioError(f"device={self.device!r}, expected one device, or a pair (input, output)")
        for device in self.devices:
            if not (device is None or isinstance(device, (int, str))):
                raise AudioError(f"device={device!r}, expected an index, part of a name, or None")
        if not names_inputs(self.aux):
            raise AudioError(f"aux={self.aux!r}, expected names and inputs, {{'sidechain': 1}}")
        for name, spec in self.aux.items():
            count = isinstance(spec, (int, np.integer)) and not isinstance(spec, bool) and spec > 0
            if not (count or isinstance(spec, (str, PathLike, np.ndarray, Feed))):
                raise AudioError(
                    f"aux[{name!r}]={spec!r}, expected a number of channels, a file, an array or a Feed"
                )
        self._check_files()
        if not self.output and self.source is not None:
            raise AudioError(
                "output=False with a source: nothing to hear and no microphone; use rtstft.frames for a file"
            )
        if not self.output and self.record_wet is not None:
            raise AudioError("record_wet with output=False: nothing goes out that could be recorded")

    def listening_to(self, source: Samples) -> "StreamSettings":
        """The same with `source` for what is played, and the device's input taken as well."""
        return replace(self, source=source, capture=True)

    def _check_files(self) -> None:
        paths = [Path(path).resolve() for path in (self.record_dry, self.record_wet) if path is not None]
        if len(set(paths)) < len(paths):
            raise FileError(f"record_dry and record_wet are both {self.record_dry}: choose two files")
        if isinstance(self.source, (str, PathLike)) and Path(self.source).resolve() in paths:
            raise FileError(f"{self.source} is the source and would be recorded over: choose another file")
        folder = Path(self.flight_recorder_folder)
        if self.flight_recorder_s and not folder.is_dir():
            raise FileError(f"there is no folder {folder} for the flight recorder: make it")

    @property
    def device_aux(self) -> dict[str, int]:
        """Auxiliary inputs that are further channels of the device, and their numbers."""
        return {name: int(spec) for name, spec in self.aux.items() if isinstance(spec, (int, np.integer))}

    @property
    def played_aux(self) -> dict[str, SourceSpec | Feed]:
        """Auxiliary inputs that do not come from the device."""
        return {name: spec for name, spec in self.aux.items() if not isinstance(spec, (int, np.integer))}

    @property
    def input_channels(self) -> int:
        """Channels that come from the device, or from what is played in its place."""
        return self.channels + sum(self.device_aux.values())

    @property
    def headroom(self) -> int:
        """`headroom_s` in samples."""
        return round(self.headroom_s * self.samplerate) if self.output else 0

    @property
    def direct(self) -> bool:
        """Whether processing happens in the device's own callback."""
        return self.headroom_s == 0

    @property
    def has_input(self) -> bool:
        """Whether the device's input is opened."""
        return self.source is None or self.capture

    @property
    def devices(self) -> tuple[Any, Any]:
        """Input and output device."""
        if isinstance(self.device, (tuple, list)):
            return self.device[0], self.device[1]
        return self.device, self.device

    @property
    def recordings(self) -> tuple[Path | None, Path | None]:
        """Paths of the dry and the wet recording."""
        dry, wet = (None if path is None else Path(path) for path in (self.record_dry, self.record_wet))
        return dry, wet
