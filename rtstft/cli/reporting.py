"""What a verb shows: a file job's progress and report, as text or JSON; an error as JSON."""

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rtstft.errors import RtstftError
from rtstft.file.report import FileProgress, FileReport
from rtstft.live.events import Problem


@contextmanager
def problems_as_json(target: str = "", *, as_json: bool) -> Iterator[None]:
    """Prints an error that ends the verb as a line of JSON too, where the sound does not go."""
    try:
        yield
    except RtstftError as error:
        if as_json:
            facts = dataclasses.asdict(Problem.of(error))
            print(json.dumps({"error": facts}), file=_out(target), flush=True)
        raise


def show_report(report: FileReport, target: str, *, quiet: bool, as_json: bool) -> None:
    """Prints the report, where the sound does not go."""
    out = _out(target)
    if as_json:
        print(json.dumps({**dataclasses.asdict(report), "speed": report.speed}), file=out)
    elif not quiet:
        print("\n".join(_summary(report, target)), file=out)


def _out(target: str) -> TextIO:
    return sys.stderr if target == "-" else sys.stdout


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
def progress_bar(*, hidden: bool) -> Iterator[Callable[[FileProgress], None] | None]:
    """What a job is to call with its progress: a bar on a terminal, None elsewhere or if it is hidden."""
    if hidden or not sys.stderr.isatty():
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
