"""`rtstft devices`: the system's sound devices."""

import json
from typing import Annotated

import typer

from rtstft.errors import StreamError
from rtstft.live import portaudio


def devices(
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """List sound devices, with the defaults marked."""
    found = portaudio.devices()
    if as_json:
        print(json.dumps(found))
        return
    if not found:
        raise StreamError(portaudio.NO_DEVICE)
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "", "device", "API", "in", "out", "Hz", "latency ms", caption="> default input, < default output"
    )
    for entry in found:
        mark = (">" if entry["default_input"] else " ") + ("<" if entry["default_output"] else " ")
        channels = (str(entry[f"{kind}_channels"] or "-") for kind in ("input", "output"))
        latency = " / ".join(f"{entry[f'{kind}_latency_ms']:.1f}" for kind in ("input", "output"))
        name = f"{entry['index']} {entry['name']}"
        table.add_row(mark, name, entry["api"], *channels, f"{entry['samplerate']:g}", latency)
    Console().print(table)
