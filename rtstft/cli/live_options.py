"""Options that the verbs of live audio share."""

from typing import Annotated, TypeAlias

import typer

_PANEL = "Device"
Input: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--input", "-i", help="Index or part of the name; default the system's.", rich_help_panel=_PANEL
    ),
]
Output: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", help="Index or part of the name; default the system's.", rich_help_panel=_PANEL
    ),
]
Samplerate: TypeAlias = Annotated[float, typer.Option(help="In Hz.", rich_help_panel=_PANEL)]
Channels: TypeAlias = Annotated[int, typer.Option(help="Of input and output.", rich_help_panel=_PANEL)]
Blocksize: TypeAlias = Annotated[
    int | None,
    typer.Option(help="Samples per block; default the driver's, of any length.", rich_help_panel=_PANEL),
]
HeadroomMs: TypeAlias = Annotated[
    float,
    typer.Option(
        "--headroom-ms",
        help="What processing may be late by; 0: in the device's callback.",
        rich_help_panel=_PANEL,
    ),
]


def device(text: str | None) -> int | str | None:
    """A device as Stream takes it: an index where `text` is one."""
    return int(text) if text is not None and text.isdecimal() else text
