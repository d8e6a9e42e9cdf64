"""What becomes of the samples of a file job: how they are written, observed and reported."""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from os import PathLike
from pathlib import Path
from typing import IO, Any, TypedDict

import numpy as np

from rtstft.errors import AudioError, FileError
from rtstft.file.formats import resolve_format, resolve_subtype
from rtstft.file.pcm import Clip, Dither, Encoder, engine_dtype
from rtstft.file.pipe import PipeTarget
from rtstft.file.report import FileProgress, FileReport
from rtstft.file.source import BLOCK, Source
from rtstft.file.target import Target, check_writable
from rtstft.types import RealArray


class OutputOptions(TypedDict, total=False):
    """How a file job writes, as its keywords; `process_file` explains them."""

    overwrite: bool
    format: str | None
    subtype: str | None
    dither: Dither
    clip: Clip


class Output:
    """The file that a job makes of `source`: checked when this is made, written by `write`.

    Args:
        source: whose format, tags and samplerate it has, where nothing else is asked for.
        dst: as `process_file`'s.
        overwrite, format, subtype, dither, clip: the OutputOptions.

    Attributes:
        dtype: precision in which the samples are to be computed.
    """

    def __init__(
        self,
        source: Source,
        dst: str | PathLike[str],
        *,
        overwrite: bool = False,
        format: str | None = None,
        subtype: str | None = None,
        dither: Dither = None,
        clip: Clip = "count",
    ) -> None:
        self._started = time.perf_counter()
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
        self.dtype = engine_dtype(source.subtype, subtype)
        self._source = source
        self._dst = dst
        self._overwrite = overwrite
        self._container = container
        self._subtype = subtype
        self._normalize = clip == "normalize"
        self._encoder = Encoder(subtype, dither=dither, refuse_clipping=clip == "error")
        self._notes: list[str] = []
        if given is None and subtype != source.subtype:
            self._notes.append(f"{container} cannot hold {source.subtype}: written as {subtype}")

    def write(
        self,
        blocks: Iterable[RealArray],
        *,
        length: int | None,
        latency: int,
        progress: Callable[[FileProgress], object] | None,
        notes: Sequence[str] = (),
    ) -> FileReport:
        """Writes all blocks, shape (n, channels).

        Args:
            blocks: the samples.
            length: how many there will be, if that is known.
            latency: for the report.
            progress: called after every block.
            notes: for the report; read when the blocks have ended.
        """
        source, encoder = self._source, self._encoder
        samples = 0
        gain = 1.0
        with ExitStack() as stack:
            target = self._open_target(length)
            stack.enter_context(target)
            if self._normalize:
                folder = None if self._dst == "-" else Path(self._dst).parent
                scratch = stack.enter_context(tempfile.TemporaryFile(dir=folder))
                gain, output = _normalized(blocks, encoder, source.channels, self.dtype, scratch)
            else:
                output = _observed(blocks, encoder)
            for block in output:
                samples += len(block)
                target.write(encoder.encode(block))
                if progress is not None:
                    elapsed = time.perf_counter() - self._started
                    progress(FileProgress(samples, length, source.samplerate, elapsed))
            target.commit()
        not_kept = target.not_kept + source.chunks
        if source.channel_mask not in (None, target.channel_mask):
            not_kept.append("channel layout")
        return FileReport(
            samples=samples,
            channels=source.channels,
            samplerate=source.samplerate,
            format=target.container,
            subtype=self._subtype,
            seconds=samples / source.samplerate,
            elapsed_s=time.perf_counter() - self._started,
            latency=latency,
            peak=encoder.peak,
            clipped=encoder.clipped,
            gain=gain,
            not_kept=tuple(not_kept),
            notes=(*source.notes, *notes, *self._notes, *target.notes),
        )

    def _open_target(self, length: int | None) -> Target | PipeTarget:
        source = self._source
        made: Callable[..., Target | PipeTarget] = (
            PipeTarget if self._dst == "-" else partial(Target, self._dst, overwrite=self._overwrite)
        )
        return made(
            samplerate=source.samplerate,
            channels=source.channels,
            container=self._container,
            subtype=self._subtype,
            tags=source.tags,
            samples=length,
        )


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
