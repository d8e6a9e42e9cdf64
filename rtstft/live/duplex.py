"""The seam between this package and sound hardware: what a device must do, and nothing else.

A device has a clock: the samples it has taken and given since its first block, where input and
output begin together. It moves samples between itself and two rings without asking anyone, ahead of
the positions it was last given with `release`.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol, TypeAlias

from rtstft.live.ring import Ring, Samples

Handler: TypeAlias = Callable[[Samples | None, Samples | None], None]
"""`handler(input, output)`, both (n, channels): fills `output` within the device's own callback.

None stands for a direction that is not open."""
DeviceName: TypeAlias = int | str | None
"""Index, part of the name, or None for the system's default."""


@dataclass(frozen=True)
class DuplexSettings:
    """What a device is opened with; `input` or `output` is None where that direction is not wanted."""

    samplerate: float
    blocksize: int | None
    latency: str | float
    devices: tuple[DeviceName, DeviceName]
    input: Ring | None
    output: Ring | None
    handler: Handler | None = None


@dataclass(frozen=True)
class DeviceXruns:
    """How often the driver reported lost samples, by kind."""

    input_underflows: int = 0
    input_overflows: int = 0
    output_underflows: int = 0
    output_overflows: int = 0

    def __add__(self, other: "DeviceXruns") -> "DeviceXruns":
        return DeviceXruns(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __sub__(self, other: "DeviceXruns") -> "DeviceXruns":
        return DeviceXruns(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))

    @property
    def total(self) -> int:
        """Sum of all kinds."""
        return sum(getattr(self, f.name) for f in fields(self))


class Duplex(Protocol):
    """A sound device, or what stands in for one.

    One thread at a time opens, starts, closes and releases; another may wait; any may look at the rest.
    """

    def open(self, settings: DuplexSettings) -> None:
        """Makes ready to start; StreamError if the device cannot do what `settings` asks."""

    def start(self) -> None:
        """Starts the clock at 0."""

    def close(self) -> None:
        """Stops and gives the device back; StreamError if it does not answer. May be opened again."""

    @property
    def latencies(self) -> tuple[int, int]:
        """Samples between a microphone and the input ring, and between the output ring and a loudspeaker."""

    @property
    def blocksize(self) -> int:
        """Longest block so far, in samples; 0 before the first."""

    @property
    def captured(self) -> int:
        """Input samples in the ring since the start."""

    @property
    def played(self) -> int:
        """Output samples taken from the ring since the start."""

    @property
    def xruns(self) -> DeviceXruns:
        """Losses that the driver has reported since the start."""

    @property
    def failure(self) -> str:
        """Why the clock stands still for good; empty as long as it does not."""

    @property
    def overrun(self) -> bool:
        """Whether the rings were not released for so long that the device has let go of them."""

    def wait(self, clock: int, timeout: float) -> None:
        """Returns once the clock has reached `clock`, or after `timeout` seconds."""

    def release(self, captured: int, played: int) -> None:
        """Frees the input ring before `captured`, and the output ring before `played`."""
