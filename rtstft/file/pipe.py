"""Writing WAV or AU to standard output, where nothing can be corrected afterwards."""

import struct
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtstft.errors import FileError
from rtstft.file.pcm import INTEGER_BITS

_UNKNOWN = 0xFFFFFFFF  # "until the end", as sox and ffmpeg read it
_AU_CODES = {"PCM_S8": 2, "PCM_16": 3, "PCM_24": 4, "PCM_32": 5, "FLOAT": 6, "DOUBLE": 7}
_WAV_TAGS = {"PCM_U8": 1, "PCM_16": 1, "PCM_24": 1, "PCM_32": 1, "FLOAT": 3, "DOUBLE": 3}
_WIDTHS = {"FLOAT": 4, "DOUBLE": 8}


class PipeTarget:
    """Standard output; the counterpart of Target."""

    def __init__(
        self,
        *,
        samplerate: int,
        channels: int,
        container: str,
        subtype: str,
        samples: int | None,
        tags: dict[str, str],
    ) -> None:
        self.container = "AU" if container == "AU" else "WAV"
        self.not_kept = list(tags)
        self.notes: list[str] = []
        self.channel_mask: str | None = None
        codes = _AU_CODES if self.container == "AU" else _WAV_TAGS
        if subtype not in codes:
            raise FileError(
                f"{self.container} on standard output cannot hold {subtype}: "
                f"choose subtype= one of {', '.join(sorted(codes))}"
            )
        self._subtype = subtype
        self._order = ">" if self.container == "AU" else "<"
        width = _WIDTHS.get(subtype) or INTEGER_BITS[subtype] // 8
        if sys.__stdout__ is None:
            raise FileError("standard output is closed: name a file to write")
        self._stream = sys.__stdout__.buffer
        size = _UNKNOWN if samples is None else min(_UNKNOWN, samples * channels * width)
        if self.container == "AU":
            header = struct.pack(">4sIIIII4x", b".snd", 28, size, codes[subtype], samplerate, channels)
        else:
            # Other than for PCM, the format chunk has an extension, here of no bytes.
            extended = codes[subtype] != 1
            format_chunk = struct.pack(
                "<HHIIHH2x" if extended else "<HHIIHH",
                codes[subtype],
                channels,
                samplerate,
                samplerate * channels * width,
                channels * width,
                8 * width,
            )
            riff_size = min(_UNKNOWN, 4 + 8 + len(format_chunk) + 8 + size)
            header = struct.pack("<4sI4s", b"RIFF", riff_size, b"WAVE")
            header += struct.pack("<4sI", b"fmt ", len(format_chunk)) + format_chunk
            header += struct.pack("<4sI", b"data", size)
        self._stream.write(header)

    def write(self, samples: NDArray[Any]) -> None:
        """Writes int16, int32 or floats, shape (n, channels), in the subtype's own bytes."""
        if self._subtype in _WIDTHS:
            data = samples.astype(f"{self._order}f{_WIDTHS[self._subtype]}").tobytes()
        else:
            data = _integers(
                samples, INTEGER_BITS[self._subtype] // 8, self._order, self._subtype == "PCM_U8"
            )
        self._stream.write(data)

    def commit(self) -> None:
        """Passes on what is buffered."""
        self._stream.flush()

    def __enter__(self) -> "PipeTarget":
        return self

    def __exit__(self, *_: object) -> None:
        pass


def _integers(samples: NDArray[Any], width: int, order: str, unsigned: bool) -> bytes:
    """The upper `width` bytes of each integer."""
    if unsigned:
        return ((samples >> 8) + 128).astype(np.uint8).tobytes()
    raw = samples.astype(f"{order}i{samples.itemsize}")
    octets = np.ascontiguousarray(raw).view(np.uint8).reshape(-1, samples.itemsize)
    return (octets[:, :width] if order == ">" else octets[:, -width:]).tobytes()
