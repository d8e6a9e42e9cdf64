"""`rtstft process`: a sound file through callbacks into a sound file."""

import sys
from contextlib import nullcontext, redirect_stdout

from rtstft.cli import options
from rtstft.cli.grouped import grouped
from rtstft.cli.reporting import problems_as_json, progress_bar, show_report
from rtstft.file.job import process_source
from rtstft.file.source import Source
from rtstft.loading import load_all


@grouped
def process(
    source: options.InFile,
    target: options.OutFile,
    plugin: options.Plugins = None,
    aux: options.Aux = None,
    *,
    transform: options.GeometryOptions,
    job: options.JobOptions,
) -> None:
    """Process a sound file, frame by frame; output and input are aligned and of equal length."""
    # What a callback prints must not end up in the sound.
    aside = redirect_stdout(sys.stderr) if target == "-" else nullcontext()
    with problems_as_json(target, as_json=job.as_json), aside:
        callbacks = load_all(plugin or [])
        with Source(source) as opened, progress_bar(hidden=job.quiet or job.as_json) as progress:
            report = process_source(
                opened,
                target,
                callbacks,
                transform.geometry(opened.samplerate),
                planner_effort=job.planner_effort,
                aux=options.parse_aux(aux),
                progress=progress,
                **job.output,
            )
    show_report(report, target, quiet=job.quiet, as_json=job.as_json)
