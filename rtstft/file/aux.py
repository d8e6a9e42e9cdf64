"""Auxiliary inputs of a file job: further sound files that run along with the source."""

from collections.abc import Mapping
from contextlib import ExitStack
from os import PathLike
from types import TracebackType
from typing import Any, Self

import numpy as np

from rtstft.callbacks import names_inputs
from rtstft.errors import FileError
from rtstft.file.source import Source
from rtstft.types import RealArray


class AuxSources:
    """Sound files by the names of the inputs that they are for; a context manager.

    Attributes:
        channels: of each, by name.
        notes: what the user should know about them; grows while they are read.

    Raises:
        FileError: one cannot be read, has another samplerate than the source, or is standard input,
            which is read already.
    """

    def __init__(self, paths: Mapping[str, str | PathLike[str]], source: Source) -> None:
        self._stack = ExitStack()
        self._sources: dict[str, Source] = {}
        self.notes: list[str] = []
        self._ended: set[str] = set()
        if not names_inputs(paths):
            raise FileError(f"aux={paths!r}, expected names and files, {{'sidechain': 'voice.wav'}}")
        names = [source.name]
        with ExitStack() as undo:
            undo.push(self._stack)
            for name, path in paths.items():
                if not isinstance(path, (str, PathLike)):
                    raise FileError(
                        f"aux[{name!r}] is a {type(path).__name__}, expected the path of a sound file"
                    )
                if path == "-" and "standard input" in names:
                    raise FileError(f"auxiliary input {name!r}: standard input is read already, name a file")
                opened = self._stack.enter_context(Source(path))
                names.append(opened.name)
                if opened.samplerate != source.samplerate:
                    raise FileError(
                        f"auxiliary input {name!r}: {opened.name} has {opened.samplerate} Hz, expected the "
                        f"{source.samplerate} Hz of {source.name}: resample it first"
                    )
                self.notes += opened.notes
                opened.notes = self.notes
                self._sources[name] = opened
            undo.pop_all()
        self.channels = {name: opened.channels for name, opened in self._sources.items()}

    def beside(self, block: RealArray, dtype: np.dtype[Any]) -> RealArray:
        """`block`, shape (n, channels), with the next n samples of each file as further columns.

        A file that has ended goes on as silence.
        """
        if not self._sources:
            return block
        columns = [block]
        for name, source in self._sources.items():
            part = source.read(dtype)
            if len(part) < len(block):
                if name not in self._ended:
                    self.notes.append(f"auxiliary input {name!r} ended early: silence from there on")
                self._ended.add(name)
                silence = np.zeros((len(block) - len(part), source.channels), dtype)
                part = np.concatenate([part, silence])
            columns.append(part[: len(block)])
        return np.concatenate(columns, axis=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
