"""`rtstft process`: a sound file through callbacks into a sound file."""

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from typing import Annotated

import typer

from rtstft.cli import options
from rtstft.fftw import Effort
from rtstft.file.job import process_source
from rtstft.file.pcm import Clip
from rtstft.file.report import FileProgress, FileReport
from rtstft.file.source import Source
from rtstft.loading import load_all


def process(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="Sound file, or - for WAV or AU on standard input.")
    ],
    target: Annotated[str, typer.Argument(metavar="OUT", help="File to write, or - for standard output.")],
    plugin: options.Plugins = None,
    aux: options.Aux = None,
    n_fft: options.NFft = 1024,
    hop_length: options.HopLength = None,
    win_length: options.WinLength = None,
    window: options.WindowName = None,
    latency_ms: options.LatencyMs = None,
    synthesis: options.SynthesisName = None,
    planner_effort: Annotated[
        Effort, typer.Option(help="How long FFTW may look for a fast plan.")
    ] = "estimate",
    subtype: Annotated[str | None, typer.Option(help="Sample format, such as PCM_24; default as IN.")] = None,
    format: Annotated[
        str | None, typer.Option(help="Container, such as FLAC; default by OUT's name, or as IN.")
    ] = None,
    dither: Annotated[bool, typer.Option("--dither", help="Triangular dither before rounding.")] = False,
    clip: Annotated[
        Clip, typer.Option(help="Samples beyond full scale: limit and count, refuse, or lower all.")
    ] = "count",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing OUT.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as one line of JSON.")] = False,
) -> None:
    """Process a sound file, frame by frame; output and input are aligned and of equal length."""
    # What a callback prints must not end up in the sound.
    with redirect_stdout(sys.stderr) if target == "-" else nullcontext():
        callbacks = load_all(plugin or [])
        chosen = options.GeometryOptions(n_fft, hop_length, win_length, window, latency_ms, synthesis)
        bar = _progress_bar(shown=not (quiet or as_json) and sys.stderr.isatty())
        with Source(source) as opened, bar as progress:
            report = process_source(
                opened,
                target,
                callbacks,
                chosen.geometry(opened.samplerate),
                overwrite=overwrite,
                format=format,
                subtype=subtype,
                dither="tpdf" if dither else None,
                clip=clip,
                planner_effort=planner_effort,
                progress=progress,
                aux=options.parse_aux(aux),
            )
    out = sys.stderr if target == "-" else sys.stdout
    if as_json:
        print(json.dumps({**dataclasses.asdict(report), "speed": report.speed}), file=out)
    elif not quiet:
        print("\n".join(_summary(report, target)), file=out)


def _summary(report: FileReport, target: str) -> Iterator[str]:
    yield (
        f"{target}: {report.seconds:.2f} s, {report.channels} ch, {report.samplerate} Hz, "
        f"{report.format} {report.subtype}, peak {report.peak:.3f}, {report.speed:.0f}x real time"
    )
    if report.clipped and report.gain == 1:
        yield f"note: {report.clipped} samples beyond full scale were limited to it (see --clip)"
    if report.gain != 1:
        yield f"note: lowered to {report.gain:.4f} of its level for {report.clipped} beyond full scale"
    if report.not_kept:
        yield f"note: not kept: {', '.join(report.not_kept)}"
    for note in report.notes:
        yield f"note: {note}"


@contextmanager
def _progress_bar(*, shown: bool) -> Iterator[Callable[[FileProgress], None] | None]:
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, rate="")

        def progress(state: FileProgress) -> None:
            bar.update(task, completed=state.samples, total=state.total, rate=f"{state.speed:.0f}x real time")

        yield progress
