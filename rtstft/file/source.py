"""Reading: sound files and standard input, block by block, with errors a user can act on."""

import os
import re
import stat
import sys
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from rtstft.arrays import chunks
from rtstft.errors import FileError
from rtstft.file.pcm import engine_dtype
from rtstft.file.sequential import sequential
from rtstft.geometry import STFT
from rtstft.readable import opening_sound
from rtstft.types import ComplexArray, RealArray

BLOCK = 16384  # samples: long enough to make every call's overhead small, short enough for the L2 cache
# What libsndfile logs of a file's sizes, and of chunks that soundfile has no name for.
_TRUNCATED = re.compile(
    r"^\s*(?:RIFF|riff|Riff size|FORM|SSND|data|Data Size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE
)
_CHUNK = re.compile(
    r"^(?:\*\*\* )?(bext|cue |smpl|inst|iXML|axml|chna|cart|acid|strc|plst|id3 |ID3 )\s*:", re.MULTILINE
)
_INFO = re.compile(r"^    (I[A-Z0-9]{3}) :", re.MULTILINE)
_KNOWN_INFO = {"INAM", "ICOP", "ISFT", "IART", "ICMT", "ICRD", "IPRD", "IGNR", "ITRK", "IPRT"}
_CHANNEL_MASK = re.compile(r"Channel Mask\s*: (\w+)")
_PIPED_CONTAINERS = ("WAV", "WAVEX", "AU")


class Source:
    """A sound file, or standard input for "-", opened for reading.

    Attributes:
        samplerate, channels, format, subtype: as soundfile names them.
        samples: length, or None where a pipe does not tell.
        tags: the text tags that soundfile knows, by name.
        notes: what the user should know about the file.
        channel_mask: which loudspeakers the channels are for, in hexadecimal; None if it is not said.
        chunks: metadata of the file that soundfile has no name for, and that is therefore lost.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        if path == "-" and sys.stdin is None:
            raise FileError("standard input is closed: name a file to read")
        self._path = path
        with opening_sound(path) as self.name:
            self._file = sequential(sys.stdin.fileno(), closefd=False) if path == "-" else sequential(path)
        self.samplerate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.format: str = self._file.format
        self.subtype: str = self._file.subtype
        piped = not stat.S_ISREG(
            os.fstat(sys.stdin.fileno()).st_mode if path == "-" else Path(path).stat().st_mode
        )
        if piped and self.format not in _PIPED_CONTAINERS:
            self._file.close()
            raise FileError(f"{self.name}: {self.format} cannot be read from a pipe, WAV and AU can")
        self.samples: int | None = None if piped else self._file.frames
        self.tags: dict[str, str] = self._file.copy_metadata()
        self.notes: list[str] = []
        info = self._file.extra_info
        self.chunks = sorted({chunk.strip() for chunk in _CHUNK.findall(info)})
        self.chunks += sorted(set(_INFO.findall(info)) - _KNOWN_INFO)
        self.channel_mask = channel_mask(info)
        sizes = [(int(promised), int(found)) for promised, found in _TRUNCATED.findall(info)]
        missing = [size for size in sizes if size[0] > size[1] and not _means_unknown(size[0])]
        if missing and not piped:
            promised, found = missing[-1]
            self.notes.append(f"{self.name} is cut off: {found} bytes, its header promises {promised}")
        self._done = 0

    def read(self, dtype: np.dtype[Any]) -> RealArray:
        """The next samples, shape (n, channels), full scale 1; n is 0 at the end, and only there."""
        import soundfile

        try:
            block: RealArray = self._file.read(BLOCK, dtype=dtype.name, always_2d=True)
        except soundfile.LibsndfileError as error:
            raise FileError(
                f"{self.name} is damaged after sample {self._done}: {error.error_string}"
            ) from error
        self._done += len(block)
        if not len(block) and self.samples is not None and self._done < self.samples:
            self.notes.append(
                f"{self.name} is cut off: {self._done} samples, its header promises {self.samples}"
            )
            self.samples = self._done
        return block

    def is_at(self, path: str | PathLike[str]) -> bool:
        """Whether `path` leads to this very file."""
        try:
            return "-" not in (path, self._path) and Path(path).samefile(self._path)
        except OSError:
            return False

    def close(self) -> None:
        """Closes the file; standard input stays open."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def frames(src: str | PathLike[str], geometry: STFT, *, pad: bool = True) -> Iterator[ComplexArray]:
    """Frames of a sound file, one after the other, for analysis alone; constant memory.

    Args:
        src: any file that soundfile reads, or "-" for standard input.
        geometry: the transform.
        pad: as `STFT.stft`.

    Yields:
        The frames of `geometry.stft` of the whole file: each a new array, shape (channels, bins),
        complex64, or complex128 for subtypes that hold more than 16 bits.

    Raises:
        FileError: the file cannot be read.
    """
    with Source(src) as source:
        dtype = engine_dtype(source.subtype)
        analysis = geometry.new_analysis(source.channels, dtype, pad=pad)
        length = 0
        ended = False
        while not ended:
            block = source.read(dtype)
            length += len(block)
            if not len(block):
                ended = True
                missing = geometry.frame_count(length, pad=pad) * geometry.hop_length - length if pad else 0
                block = np.zeros((missing, source.channels), dtype)
            for chunk in chunks(block, analysis.capacity):
                for forward in analysis.forward[: analysis.write(chunk)]:
                    forward()
                    yield analysis.frame.copy()


def channel_mask(info: str) -> str | None:
    """The loudspeaker mask in libsndfile's log of a WAV file."""
    found = _CHANNEL_MASK.search(info)
    return found and found.group(1)


def _means_unknown(size: int) -> bool:
    """Whether a header's size is what programs write into a pipe, not knowing better."""
    return size >= 0xFFFFFF00 or 0x7FFFF000 <= size <= 0x7FFFFFFF
