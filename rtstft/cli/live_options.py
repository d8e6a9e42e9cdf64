"""Options that the verbs of live audio share."""

from dataclasses import dataclass
from typing import Annotated, TypeAlias

import typer

_PANEL = "Device"
HeadroomMs: TypeAlias = Annotated[
    float,
    typer.Option(
        "--headroom-ms",
        help="What processing may be late by; 0: in the device's callback.",
        rich_help_panel=_PANEL,
    ),
]


@dataclass(frozen=True)
class DeviceOptions:
    """What describes the devices."""

    input: Annotated[
        str | None,
        typer.Option(
            "--input", "-i", help="Index or part of the name; default the system's.", rich_help_panel=_PANEL
        ),
    ] = None
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", help="Index or part of the name; default the system's.", rich_help_panel=_PANEL
        ),
    ] = None
    samplerate: Annotated[float, typer.Option(help="In Hz.", rich_help_panel=_PANEL)] = 48_000
    channels: Annotated[int, typer.Option(help="Of input and output.", rich_help_panel=_PANEL)] = 1
    blocksize: Annotated[
        int | None,
        typer.Option(help="Samples per block; default the driver's, of any length.", rich_help_panel=_PANEL),
    ] = None

    @property
    def pair(self) -> tuple[int | str | None, int | str | None]:
        """Input and output as Stream takes them."""
        return _device(self.input), _device(self.output)


def _device(text: str | None) -> int | str | None:
    """An index where `text` is one."""
    return int(text) if text is not None and text.isdecimal() else text
