"""process_file: a sound file through callbacks into a sound file, in constant memory."""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import IO, Any

import numpy as np

from rtstft.errors import AudioError, FileError
from rtstft.file.aux import AuxSources
from rtstft.file.formats import resolve_format, resolve_subtype
from rtstft.file.pcm import Clip, Dither, Encoder, engine_dtype
from rtstft.file.pipe import PipeTarget
from rtstft.file.report import FileProgress, FileReport
from rtstft.file.source import BLOCK, Source
from rtstft.file.target import Target, check_writable
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
    overwrite: bool = False,
    format: str | None = None,
    subtype: str | None = None,
    dither: Dither = None,
    clip: Clip = "count",
    planner_effort: str = "estimate",
    progress: Callable[[FileProgress], object] | None = None,
    aux: Mapping[str, str | PathLike[str]] | None = None,
) -> FileReport:
    """Passes every frame of `src` through `callbacks` and writes `dst`, aligned and of equal length.

    `dst` appears complete or not at all; until then the output lies in a hidden file beside it.

    Args:
        src: any file that soundfile reads, or "-" for WAV or AU on standard input.
        dst: the file to write, which may be `src`, or "-" for WAV or AU on standard output.
        callbacks: as for `Processor`; `()` changes nothing.
        geometry: the transform.
        overwrite: replace an existing `dst`.
        format: container, in soundfile's words; default by the name of `dst`, or as `src`.
        subtype: sample format, in soundfile's words; default as `src`.
        dither: "tpdf" adds triangular dither before rounding to an integer subtype.
        clip: what becomes of samples beyond the full scale of an integer subtype: "count" limits
            and reports them, "error" stops, "normalize" lowers the whole output to fit.
        planner_effort: as for `Processor`.
        progress: called with a FileProgress after every block.
        aux: sound files for the auxiliary inputs, `{"sidechain": "voice.wav"}`: they begin with
            `src`, and are silent where they are shorter.

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
            overwrite=overwrite,
            format=format,
            subtype=subtype,
            dither=dither,
            clip=clip,
            planner_effort=planner_effort,
            progress=progress,
            aux=aux,
        )


def process_source(
    source: Source,
    dst: str | PathLike[str],
    callbacks: Callback | Iterable[Callback],
    geometry: STFT,
    *,
    overwrite: bool,
    format: str | None,
    subtype: str | None,
    dither: Dither,
    clip: Clip,
    planner_effort: str,
    progress: Callable[[FileProgress], object] | None,
    aux: Mapping[str, str | PathLike[str]] | None,
) -> FileReport:
    """`process_file` of a source that is open already."""
    started = time.perf_counter()
    if clip not in ("count", "error", "normalize"):
        raise AudioError(f"clip={clip!r}, expected 'count', 'error' or 'normalize'")
    if dither not in (None, "tpdf"):
        raise AudioError(f"dither={dither!r}, expected None or 'tpdf'")
    container = resolve_format(dst, format, source.format)
    # A file that replaces its source never becomes lossy unasked.
    wanted = source.subtype if subtype is None and source.is_at(dst) else subtype
    given, subtype = wanted, resolve_subtype(container, wanted, source.subtype)
    if dst != "-":
        check_writable(Path(dst), overwrite)
    dtype = engine_dtype(source.subtype, subtype)
    encoder = Encoder(subtype, dither=dither, refuse_clipping=clip == "error")
    samples = 0
    gain = 1.0
    notes: list[str] = []
    if given is None and subtype != source.subtype:
        notes.append(f"{container} cannot hold {source.subtype}: written as {subtype}")
    with ExitStack() as stack:
        aux_sources = stack.enter_context(AuxSources(aux or {}, source))
        processor = Processor(
            callbacks,
            geometry,
            source.samplerate,
            source.channels,
            dtype=dtype,
            planner_effort=planner_effort,
            aux=aux_sources.channels,
        )
        target = _open_target(dst, source, container, subtype, overwrite)
        stack.enter_context(target)
        output = _processed(source, aux_sources, processor, dtype)
        if clip == "normalize":
            folder = None if dst == "-" else Path(dst).parent
            scratch = stack.enter_context(tempfile.TemporaryFile(dir=folder))
            gain, output = _normalized(output, encoder, source.channels, dtype, scratch)
        else:
            output = _observed(output, encoder)
        for block in output:
            samples += len(block)
            target.write(encoder.encode(block))
            if progress is not None:
                elapsed = time.perf_counter() - started
                progress(FileProgress(samples, source.samples, source.samplerate, elapsed))
        target.commit()
    not_kept = target.not_kept + source.chunks
    if source.channel_mask not in (None, target.channel_mask):
        not_kept.append("channel layout")
    return FileReport(
        samples=samples,
        channels=source.channels,
        samplerate=source.samplerate,
        format=target.container,
        subtype=subtype,
        seconds=samples / source.samplerate,
        elapsed_s=time.perf_counter() - started,
        latency=processor.latency,
        peak=encoder.peak,
        clipped=encoder.clipped,
        gain=gain,
        not_kept=tuple(not_kept),
        notes=tuple(source.notes + aux_sources.notes + notes + target.notes),
    )


def _open_target(
    dst: str | PathLike[str], source: Source, container: str, subtype: str, overwrite: bool
) -> Target | PipeTarget:
    if dst == "-":
        return PipeTarget(
            samplerate=source.samplerate,
            channels=source.channels,
            container=container,
            subtype=subtype,
            samples=source.samples,
            tags=source.tags,
        )
    return Target(
        dst,
        samplerate=source.samplerate,
        channels=source.channels,
        container=container,
        subtype=subtype,
        tags=source.tags,
        samples=source.samples,
        overwrite=overwrite,
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


def _observed(output: Iterable[RealArray], encoder: Encoder) -> Iterator[RealArray]:
    for block in output:
        encoder.observe(block)
        yield block


def _normalized(
    output: Iterable[RealArray], encoder: Encoder, channels: int, dtype: np.dtype[Any], scratch: IO[bytes]
) -> tuple[float, Iterator[RealArray]]:
    """Output scaled to fit, and the gain: the peak is known only when all of it lies in `scratch`."""
    for block in _observed(output, encoder):
        try:
            scratch.write(np.ascontiguousarray(block).data)
        except OSError as error:
            raise FileError(f"no room for the output before it is normalised: {error.strerror}") from error
    gain = encoder.headroom_gain
    scratch.seek(0)
    return gain, _scaled(scratch, gain, channels, dtype)


def _scaled(scratch: IO[bytes], gain: float, channels: int, dtype: np.dtype[Any]) -> Iterator[RealArray]:
    while data := scratch.read(BLOCK * channels * dtype.itemsize):
        yield np.frombuffer(data, dtype).reshape(-1, channels) * dtype.type(gain)
