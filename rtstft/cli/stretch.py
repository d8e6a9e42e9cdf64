"""`rtstft stretch`: a sound file made faster or slower, its pitch unchanged."""

from typing import Annotated

import typer

from rtstft.cli import options
from rtstft.cli.grouped import grouped
from rtstft.cli.reporting import problems_as_json, progress_bar, show_report
from rtstft.file.source import Source
from rtstft.file.stretch import stretch_source
from rtstft.geometry import STFT
from rtstft.stretch import check_rate, geometry_for


@grouped
def stretch(
    source: options.InFile,
    target: options.OutFile,
    rate: Annotated[float, typer.Option(help="Speed, 1/16 to 16: 1.25 is faster and shorter.")],
    n_fft: Annotated[
        int | None, typer.Option("--n-fft", help="Window length in samples; default about 43 ms.")
    ] = None,
    hop_length: Annotated[
        int | None,
        typer.Option("--hop-length", help="Samples between frames of OUT; default a quarter or less."),
    ] = None,
    *,
    job: options.JobOptions,
) -> None:
    """Make a sound file faster or slower, its pitch unchanged; OUT has round(samples / rate) samples."""
    with problems_as_json(target, as_json=job.as_json):
        check_rate(rate)
        with Source(source) as opened, progress_bar(hidden=job.quiet or job.as_json) as progress:
            usual = geometry_for(rate, opened.samplerate, n_fft)
            report = stretch_source(
                opened,
                target,
                rate,
                STFT(usual.n_fft, usual.hop_length if hop_length is None else hop_length),
                planner_effort=job.planner_effort,
                progress=progress,
                **job.output,
            )
    show_report(report, target, quiet=job.quiet, as_json=job.as_json)
