"""`rtstft process`: a sound file through callbacks into a sound file."""

import sys
from contextlib import nullcontext, redirect_stdout

from rtstft.cli import options
from rtstft.cli.reporting import progress_bar, show_report
from rtstft.file.job import process_source
from rtstft.file.source import Source
from rtstft.loading import load_all


def process(
    source: options.InFile,
    target: options.OutFile,
    plugin: options.Plugins = None,
    aux: options.Aux = None,
    n_fft: options.NFft = 1024,
    hop_length: options.HopLength = None,
    win_length: options.WinLength = None,
    window: options.WindowName = None,
    latency_ms: options.LatencyMs = None,
    synthesis: options.SynthesisName = None,
    planner_effort: options.PlannerEffort = "estimate",
    subtype: options.Subtype = None,
    format: options.Format = None,
    dither: options.DitherFlag = False,
    clip: options.ClipChoice = "count",
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Process a sound file, frame by frame; output and input are aligned and of equal length."""
    # What a callback prints must not end up in the sound.
    with redirect_stdout(sys.stderr) if target == "-" else nullcontext():
        callbacks = load_all(plugin or [])
        chosen = options.GeometryOptions(n_fft, hop_length, win_length, window, latency_ms, synthesis)
        with Source(source) as opened, progress_bar(hidden=quiet or as_json) as progress:
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
    show_report(report, target, quiet=quiet, as_json=as_json)
