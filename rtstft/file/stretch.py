"""stretch_file: a sound file made faster or slower, in constant memory."""

from collections.abc import Callable, Iterator
from os import PathLike
from typing import Unpack

from rtstft.file.output import Output, OutputOptions
from rtstft.file.report import FileProgress, FileReport
from rtstft.file.source import Source
from rtstft.geometry import STFT
from rtstft.stretch import Stretcher, check_rate, geometry_for
from rtstft.types import RealArray


def stretch_file(
    src: str | PathLike[str],
    dst: str | PathLike[str],
    rate: float,
    geometry: STFT | None = None,
    *,
    planner_effort: str = "estimate",
    progress: Callable[[FileProgress], object] | None = None,
    **output: Unpack[OutputOptions],
) -> FileReport:
    """Makes `src` faster or slower without changing its pitch, by a phase-locked vocoder.

    `dst` has round(samples / rate) samples, halves rounded to even; it begins with the sample that
    `src` begins with, and appears complete or not at all.

    Args:
        src: any file that soundfile reads, or "-" for WAV or AU on standard input.
        dst: the file to write, which may be `src`, or "-" for WAV or AU on standard output.
        rate: speed, 1/16 to 16: 1.25 is faster and shorter, 0.8 slower and longer.
        geometry: the transform; default a window of about 43 ms (2048 samples at 48 kHz), frames a
            quarter of it apart or less. Four periods of the lowest tone should fit in.
        planner_effort, progress, overwrite, format, subtype, dither, clip: as for `process_file`.

    Raises:
        FileError: `src` cannot be read, or `dst` not written as asked.
        AudioError: a rate that cannot be, a geometry that is no STFT, NaN or Inf in the input, or clipping
            that `clip="error"` refuses.
        GeometryError: frames would be more than half a window apart, or less than a sample, or share no
            output.
    """
    check_rate(rate)
    with Source(src) as source:
        return stretch_source(
            source, dst, rate, geometry, planner_effort=planner_effort, progress=progress, **output
        )


def stretch_source(
    source: Source,
    dst: str | PathLike[str],
    rate: float,
    geometry: STFT | None,
    *,
    planner_effort: str,
    progress: Callable[[FileProgress], object] | None,
    **output: Unpack[OutputOptions],
) -> FileReport:
    """`stretch_file` of a source that is open already."""
    target = Output(source, dst, **output)
    if geometry is None:
        geometry = geometry_for(rate, source.samplerate)
    stretcher = Stretcher(rate, geometry, source.channels, target.dtype, planner_effort)
    length = None if source.samples is None else round(source.samples / rate)
    return target.write(_stretched(source, stretcher), length=length, latency=0, progress=progress)


def _stretched(source: Source, stretcher: Stretcher) -> Iterator[RealArray]:
    while len(block := source.read(stretcher.dtype)):
        yield stretcher.process(block)
    yield stretcher.flush()
