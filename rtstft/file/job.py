"""process_file: a sound file through callbacks into a sound file, in constant memory."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from os import PathLike
from typing import Any, Unpack

import numpy as np

from rtstft.errors import PluginWarning
from rtstft.file.aux import AuxSources
from rtstft.file.output import Output, OutputOptions
from rtstft.file.report import FileProgress, FileReport
from rtstft.file.source import Source
from rtstft.geometry import STFT
from rtstft.plugin import Callback
from rtstft.processor import Processor
from rtstft.types import RealArray


def process_file(
    src: str | PathLike[str],
    dst: str | PathLike[str],
    callbacks: Callback | Iterable[Callback],
    geometry: STFT,
    *,
    aux: Mapping[str, str | PathLike[str]] | None = None,
    planner_effort: str = "estimate",
    progress: Callable[[FileProgress], object] | None = None,
    **output: Unpack[OutputOptions],
) -> FileReport:
    """Passes every frame of `src` through `callbacks` and writes `dst`, aligned and of equal length.

    `dst` appears complete or not at all; until then the output lies in a hidden file beside it.

    Args:
        src: any file that soundfile reads, or "-" for WAV or AU on standard input.
        dst: the file to write, which may be `src`, or "-" for WAV or AU on standard output.
        callbacks: as for `Processor`; `()` changes nothing.
        geometry: the transform.
        aux: sound files for the auxiliary inputs, `{"sidechain": "voice.wav"}`: they begin with
            `src`, and are silent where they are shorter. One that no callback listens to is a
            PluginWarning.
        planner_effort: as for `Processor`.
        progress: called with a FileProgress after every block.
        overwrite: replace an existing `dst`; default False.
        format: container, in soundfile's words; default by the name of `dst`, or as `src`.
        subtype: sample format, in soundfile's words; default as `src`.
        dither: "tpdf" adds triangular dither before rounding to an integer subtype; default None.
        clip: what becomes of samples beyond the full scale of an integer subtype: "count", the
            default, limits and reports them, "error" stops, "normalize" lowers the whole output to fit.

    Raises:
        FileError: `src` cannot be read, or `dst` not written as asked.
        AudioError: NaN or Inf in the input, or clipping that `clip="error"` refuses.
        PluginError: a callback failed.
    """
    with Source(src) as source:
        return process_source(
            source,
            dst,
            callbacks,
            geometry,
            aux=aux,
            planner_effort=planner_effort,
            progress=progress,
            **output,
        )


def process_source(
    source: Source,
    dst: str | PathLike[str],
    callbacks: Callback | Iterable[Callback],
    geometry: STFT,
    *,
    aux: Mapping[str, str | PathLike[str]] | None,
    planner_effort: str,
    progress: Callable[[FileProgress], object] | None,
    **output: Unpack[OutputOptions],
) -> FileReport:
    """`process_file` of a source that is open already."""
    target = Output(source, dst, **output)
    with AuxSources(aux or {}, source) as aux_sources:
        processor = Processor(
            callbacks,
            geometry,
            source.samplerate,
            source.channels,
            dtype=target.dtype,
            planner_effort=planner_effort,
            aux=aux_sources.channels,
        )
        for unheard in processor.unheard:
            warnings.warn(unheard, PluginWarning, stacklevel=3)  # of who calls process_file
        return target.write(
            _processed(source, aux_sources, processor, target.dtype),
            length=source.samples,
            latency=processor.latency,
            progress=progress,
            notes=aux_sources.notes,
        )


def _processed(
    source: Source, aux_sources: AuxSources, processor: Processor, dtype: np.dtype[Any]
) -> Iterator[RealArray]:
    """The processor's output without its latency: the first `latency` samples are left out."""
    surplus = processor.latency
    while len(block := source.read(dtype)):
        output = processor.process(aux_sources.beside(block, dtype), out=block)
        if surplus:
            output, surplus = output[surplus:], max(0, surplus - len(block))
        yield output
    yield processor.flush()[surplus:]
