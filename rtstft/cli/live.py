"""`rtstft live`: microphone to callbacks to loudspeaker, with a panel that tells how it goes."""

import dataclasses
import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rtstft.cli import live_options, options
from rtstft.cli.grouped import grouped
from rtstft.cli.reporting import problems_as_json
from rtstft.errors import CallbackError, StreamError
from rtstft.live import Stream, portaudio
from rtstft.live.engine import OnError, OnOverload
from rtstft.live.stats import Stats
from rtstft.loading import source_of

if TYPE_CHECKING:
    from rich.table import Table

_FADE_IN_S = 0.5
_REFRESH_S = 0.1
_BUILT_IN = re.compile(
    r"built-?in|internal|macbook|imac|hda |realtek|\balc\d|sof-|microphone array"
    r"|^(default|sysdefault|pulse|pipewire)$",
    re.IGNORECASE,
)
_NOT_HEARD = re.compile(r"head(phone|set)|hdmi|displayport|usb|line", re.IGNORECASE)


@grouped
def live(
    *,
    device: live_options.DeviceOptions,
    headroom_ms: live_options.HeadroomMs = 30.0,
    plugin: options.Plugins = None,
    aux: options.Aux = None,
    source: Annotated[
        str | None, typer.Option(help="Play this sound file instead of the microphone.")
    ] = None,
    no_output: Annotated[bool, typer.Option("--no-output", help="Only look: open no loudspeaker.")] = False,
    record_dry: Annotated[Path | None, typer.Option(help="Sound file for what comes in.")] = None,
    record_wet: Annotated[Path | None, typer.Option(help="Sound file for what goes out.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing recordings.")] = False,
    duration: Annotated[float | None, typer.Option(help="End after so many seconds.")] = None,
    on_overload: Annotated[
        OnOverload, typer.Option(help="What is heard while callbacks are too slow.")
    ] = "dry",
    on_error: Annotated[OnError, typer.Option(help="What happens when a callback fails.")] = "dry",
    reconnect: Annotated[bool, typer.Option("--reconnect", help="Wait for a device that is gone.")] = False,
    flight_recorder: Annotated[
        float, typer.Option(help="Seconds of input to write, into this folder, when something goes wrong.")
    ] = 0.0,
    isolate: Annotated[
        bool, typer.Option("--isolate/--no-isolate", help="Process in a process of its own.")
    ] = True,
    watch: Annotated[
        bool, typer.Option("--watch", help="Take plugins anew when their files are saved.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Built-in microphone to built-in loudspeaker: really.")
    ] = False,
    transform: options.GeometryOptions,
    as_json: Annotated[bool, typer.Option("--json", help="One line of statistics a second.")] = False,
) -> None:
    """Process live: microphone to callbacks to loudspeaker, until Ctrl-C."""
    if duration is not None and not duration > 0:
        raise typer.BadParameter(f"--duration {duration:g}, expected seconds, more than 0")
    with problems_as_json(as_json=as_json):
        if not (yes or source or no_output):
            _refuse_feedback(device.pair)
        if watch and not any(map(source_of, plugin or [])):
            raise CallbackError("--watch, but no --plugin comes from a file, such as file.py:Name")
        given = options.parse_aux(aux)
        inputs = {name: int(spec) if spec.isdecimal() else spec for name, spec in given.items()}
        stream = Stream(
            plugin or [],
            transform.geometry(device.samplerate),
            device=device.pair,
            samplerate=device.samplerate,
            channels=device.channels,
            blocksize=device.blocksize,
            headroom_s=headroom_ms / 1000,
            isolate=isolate,
            on_overload=on_overload,
            on_error=on_error,
            source=source,
            output=not no_output,
            record_dry=record_dry,
            record_wet=record_wet,
            overwrite=overwrite,
            fade_in_s=_FADE_IN_S,
            reconnect=reconnect,
            flight_recorder_s=flight_recorder,
            watch=watch,
            aux=inputs,
        )
        end = None if duration is None else time.monotonic() + duration
        # Ctrl-C is the way to end it, and hides no error.
        with stream, suppress(KeyboardInterrupt):
            _print_lines(stream, end) if as_json else _show_panel(stream, end)
    if not as_json:
        stats = stream.stats
        print(
            f"{stats.samples_in / device.samplerate:.1f} s, {stats.frames} frames, {stats.xruns} xruns, "
            f"{stats.dropped} samples dropped, {stats.callback_errors} callback errors"
        )


def _refuse_feedback(devices: tuple[int | str | None, int | str | None]) -> None:
    names = portaudio.names(devices)
    portaudio.rest()
    if all(_BUILT_IN.search(name) and not _NOT_HEARD.search(name) for name in names):
        raise StreamError(
            f"{names[0]} would hear {names[1]}: put on headphones and choose them with --output, or, "
            f"if feedback is not to be feared, add --yes"
        )


def _intervals(stream: Stream, end: float | None, step: float) -> Iterator[None]:
    """Every `step` seconds until `end`, or the stream's."""
    while end is None or time.monotonic() < end:
        left = step if end is None else min(step, max(0.0, end - time.monotonic()))
        if stream.wait(left):
            return
        yield


def _print_lines(stream: Stream, end: float | None) -> None:
    latency = stream.latency
    budget = {**dataclasses.asdict(latency), "total": latency.total, "total_s": latency.total_s}
    told = 0
    for _ in _intervals(stream, end, 1.0):
        events = stream.events
        news = [dataclasses.asdict(event) for event in events[told:]]
        told = len(events)
        line = {**dataclasses.asdict(stream.stats), "latency": budget, "events": news}
        print(json.dumps(line), flush=True)


def _show_panel(stream: Stream, end: float | None) -> None:
    from rich.live import Live

    with Live(_panel(stream), refresh_per_second=1 / _REFRESH_S) as shown:
        for _ in _intervals(stream, end, _REFRESH_S):
            shown.update(_panel(stream))
    if not sys.stdout.isatty():
        print()  # which rich leaves to the terminal


def _panel(stream: Stream) -> "Table":
    from rich.table import Table
    from rich.text import Text

    stats, latency = stream.stats, stream.latency
    table = Table.grid(padding=(0, 2))
    rows: list[tuple[str, Any]] = [
        ("in", _meter(stats.peak_in)),
        ("out", _meter(stats.peak_out)),
        ("load", f"p50 {stats.load_p50:.1%}  p99 {stats.load_p99:.1%}  max {stats.load_max:.0%}"),
        ("xruns", _xruns(stats)),
        ("latency", str(latency)),
    ]
    for name, text in rows:
        table.add_row(name, text)
    for event in stream.events[-3:]:
        table.add_row("", Text(" ".join(str(event).split()), style="dim"))
    table.add_row("", "[dim]Ctrl-C ends it[/dim]")
    return table


def _xruns(stats: Stats) -> str:
    return (
        f"{stats.xruns}  dropped {stats.dropped} samples  errors {stats.callback_errors}  "
        f"overloads {stats.overloads}  restarts {stats.restarts}"
    )


def _meter(peak: float) -> str:
    from math import log10

    level = max(-60.0, 20 * log10(peak)) if peak > 0 else -60.0
    filled = round(40 * min(1.0, (level + 60) / 60))
    colour = "red" if level > -1 else "yellow" if level > -9 else "green"
    return f"[{colour}]{'█' * filled}[/{colour}][dim]{'·' * (40 - filled)}[/dim] {level:6.1f} dBFS"
