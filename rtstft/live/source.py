"""Samples that take a microphone's place: a sound file's, or an array's."""

from collections.abc import Iterator, Mapping
from os import PathLike, fspath
from typing import TypeAlias

import numpy as np

from rtstft.arrays import check_samples, chunks
from rtstft.errors import AudioError, FileError
from rtstft.file.source import Source
from rtstft.live.feed import Feed
from rtstft.live.readahead import ReadAhead
from rtstft.live.ring import Samples

SourceSpec: TypeAlias = str | PathLike[str] | Samples
_CHUNK = 65536


class SampleSource:
    """Reads a file or an array from start to end, in blocks of any length, then gives zeros.

    Args:
        spec: the file or array.
        samplerate: that it must have.
        channels: that it must have; None for any number.

    Attributes:
        channels: that it has.
        given: samples given so far, zeros after the end not counted.
        ended: whether the end has been reached.
    """

    def __init__(self, spec: SourceSpec, samplerate: float, channels: int | None = None) -> None:
        self._file: Source | None = None
        self._ahead: ReadAhead | None = None
        if isinstance(spec, np.ndarray):
            array = check_samples(spec).astype(np.float32)
            found = array.shape[1]
            self._blocks: Iterator[Samples] = chunks(array, _CHUNK)
        else:
            self._file = Source(spec)
            found = self._file.channels
            if self._file.samplerate != samplerate:
                rate = self._file.samplerate
                self.close()
                raise FileError(
                    f"{fspath(spec)} has {rate} Hz, the stream {samplerate:g}: resample the file, or open "
                    f"the stream with samplerate={rate} (--samplerate {rate})"
                )
            self._ahead = ReadAhead(_blocks(self._file))
            self._blocks = iter(self._ahead)
        if channels not in (None, found):
            self.close()
            raise AudioError(
                f"source has {found} channels, the stream's input, auxiliary channels included, {channels}: "
                f"see channels= (--channels)"
            )
        self.channels = found
        self._rest: Samples = np.empty((0, found), np.float32)
        self.given = 0
        self.ended = False

    def fill(self, out: Samples) -> None:
        """The next samples into `out`, shape (n, channels)."""
        done = 0
        while done < len(out) and not self.ended:
            if not len(self._rest):
                block = next(self._blocks, None)
                if block is None:
                    self.ended = True
                    break
                self._rest = block
            part = self._rest[: len(out) - done]
            out[done : done + len(part)] = part
            done += len(part)
            self.given += len(part)
            self._rest = self._rest[len(part) :]
        out[done:] = 0

    def take_back(self, samples: Samples) -> None:
        """The last `samples` given, which nobody used, are to be given once more."""
        if len(samples):
            self._rest = np.concatenate([samples, self._rest])
            self.given -= len(samples)
            self.ended = False

    def close(self) -> None:
        """Closes the file."""
        if self._ahead is not None:
            self._ahead.close()
        if self._file is not None:
            self._file.close()


class AuxSources:
    """The auxiliary inputs of a stream that do not come from its device, in the order of their columns.

    Attributes:
        channels: of each, by name.
    """

    def __init__(self, specs: Mapping[str, SourceSpec | Feed], samplerate: float) -> None:
        self._sources: dict[str, SampleSource | Feed] = {}
        try:
            for name, spec in specs.items():
                if not isinstance(spec, Feed):
                    self._sources[name] = SampleSource(spec, samplerate)
                    continue
                if spec.samplerate != samplerate:
                    raise AudioError(
                        f"aux[{name!r}] is fed at {spec.samplerate:g} Hz, expected {samplerate:g}"
                    )
                self._sources[name] = spec
        except BaseException:
            self.close()
            raise
        self.channels = {name: source.channels for name, source in self._sources.items()}

    def fill(self, columns: Samples) -> None:
        """Their next samples into `columns`, shape (n, channels of all)."""
        first = 0
        for source in self._sources.values():
            source.fill(columns[:, first : first + source.channels])
            first += source.channels

    def start(self) -> None:
        """The stream begins, or goes on after a pause: what others filled meanwhile is out of date."""
        for source in self._sources.values():
            if isinstance(source, Feed):
                source.start()

    def close(self) -> None:
        """Closes their files."""
        for source in self._sources.values():
            source.close()


def _blocks(source: Source) -> Iterator[Samples]:
    while len(block := source.read(np.dtype(np.float32))):
        yield block
