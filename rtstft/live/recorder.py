"""Recorder: what goes by a live stream, into a sound file, without holding the stream up."""

import queue
import threading
from pathlib import Path

import numpy as np

from rtstft.errors import FileError, RtstftError
from rtstft.file.formats import resolve_format
from rtstft.file.target import Target
from rtstft.live.ring import Samples


class Recorder:
    """Writes blocks in a thread of its own; the file appears, complete, on `close`.

    Samples are 32-bit floats, as they were, whatever their level.

    Args:
        path: the file, WAV or another format that holds floats, by its name.

    Raises:
        FileError: it cannot be written, or exists and `overwrite` is not set.
    """

    def __init__(self, path: Path, samplerate: float, channels: int, *, overwrite: bool) -> None:
        container = resolve_format(path, None, "WAV")
        if container == "WAV" and path.suffix.lower() not in (".wav", ".wave"):
            raise FileError(f"{path}: unknown kind of sound file, expected a name ending in .wav")
        self.path = path
        self._target = Target(
            path,
            samplerate=round(samplerate),
            channels=channels,
            container=container,
            subtype="FLOAT",
            tags={},
            samples=None,
            overwrite=overwrite,
        )
        self._blocks: queue.SimpleQueue[Samples | None] = queue.SimpleQueue()
        self._error: RtstftError | None = None
        self._thread = threading.Thread(target=self._write, name=f"rtstft recorder {path.name}", daemon=True)
        self._thread.start()

    def put(self, samples: Samples) -> None:
        """The next samples, shape (n, channels), not to be changed afterwards."""
        if len(samples):
            self._blocks.put(samples)

    def close(self) -> None:
        """Completes the file; FileError if something could not be written."""
        self._blocks.put(None)
        self._thread.join()
        with self._target:
            if self._error is not None:
                raise self._error
            self._target.commit()

    def discard(self) -> None:
        """Leaves no file."""
        self._blocks.put(None)
        self._thread.join()
        with self._target:
            pass

    def _write(self) -> None:
        while (block := self._blocks.get()) is not None:
            if self._error is None:
                try:
                    self._target.write(np.ascontiguousarray(block))
                except RtstftError as error:
                    self._error = error
