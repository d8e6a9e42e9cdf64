"""Writing: a temporary file beside the target, renamed at the end; never half a file."""

import contextlib
import os
from os import PathLike
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from rtstft.errors import FileError
from rtstft.file.formats import bytes_per_sample
from rtstft.file.sequential import Disk, sequential
from rtstft.file.source import channel_mask

# Containers whose sizes are 32-bit, less room for headers and tags.
SIZE_LIMIT = 2**32 - 2**20
_LIMITED = {"WAV", "WAVEX", "AIFF", "AU", "SVX", "VOC", "PAF", "AVR", "NIST", "IRCAM"}


class Target:
    """The file being written. Use as a context manager: what `commit` has not renamed is removed.

    Attributes:
        not_kept: names of the tags that the written file does not have.
        notes: what the user should know about the file.
        channel_mask: as Source's, of the file written; known after `commit`.
    """

    def __init__(
        self,
        dst: str | PathLike[str],
        *,
        samplerate: int,
        channels: int,
        container: str,
        subtype: str,
        tags: dict[str, str],
        samples: int | None,
        overwrite: bool,
    ) -> None:
        self.path = Path(os.path.realpath(dst))
        self.not_kept: list[str] = []
        self.notes: list[str] = []
        self.channel_mask: str | None = None
        self._tags = tags
        self._samples = 0
        self._bytes = 0
        self._subtype = subtype
        self._settings = {"samplerate": samplerate, "channels": channels, "subtype": subtype}
        self._container = container
        check_writable(self.path, overwrite)
        if samples is not None:
            self._make_room(samples * channels * bytes_per_sample(subtype))
        self._overwrite = overwrite
        self._part = _new_part(self.path.parent)
        try:
            self._file = self._open()
        except BaseException:
            self._part.unlink()
            raise

    @property
    def container(self) -> str:
        """Container being written: RF64 once a WAV file has outgrown its 32-bit sizes."""
        return self._container

    def write(self, samples: NDArray[Any]) -> None:
        """Appends int16, int32 or floats, shape (n, channels)."""
        added = samples.size * bytes_per_sample(self._subtype)
        if self._make_room(self._bytes + added):
            self._continue_as_rf64()
        self._append(samples)
        self._bytes += added
        self._samples += len(samples)

    def commit(self) -> None:
        """Completes the file, looks whether all is in it, and puts it in the target's place."""
        self._close()
        with self._reading() as written:
            found = written.copy_metadata()
            length = written.frames
            self.channel_mask = channel_mask(written.extra_info)
        check_writable(self.path, self._overwrite)  # it may have appeared meanwhile
        if length < self._samples:
            raise FileError(f"{self.path}: only {length} of {self._samples} samples could be written")
        if length > self._samples:
            self.notes.append(
                f"{self._subtype} holds whole groups of samples: {self.path.name} is "
                f"{length - self._samples} samples longer, all at its end"
            )
        # libsndfile adds its own name to the software tag.
        self.not_kept += [
            name for name, text in self._tags.items() if not found.get(name, "").startswith(text)
        ]
        if self.path.exists():
            self._part.chmod(self.path.stat().st_mode & 0o777)
        try:
            self._part.replace(self.path)
        except OSError as error:
            raise FileError(f"{self.path} cannot be replaced: {error.strerror}") from error

    def __enter__(self) -> "Target":
        return self

    def __exit__(self, *_: object) -> None:
        if not self._file.closed:
            with contextlib.suppress(FileError):
                self._close()
        self._part.unlink(missing_ok=True)

    def _open(self) -> Any:
        import soundfile

        self._disk = Disk(self._part)
        try:
            file = sequential(self._disk, "w", format=self._container, **self._settings)
        except (soundfile.LibsndfileError, ValueError) as error:
            self._disk.close()
            self._disk.check(self.path)
            reason = getattr(error, "error_string", str(error))
            raise FileError(
                f"{self.path}: {self._container} cannot hold {self._settings['channels']} channels of "
                f"{self._subtype} at {self._settings['samplerate']} Hz: {reason}"
            ) from error
        for name, text in self._tags.items():
            with contextlib.suppress(soundfile.LibsndfileError):  # found missing by commit
                setattr(file, name, text)
        return file

    def _append(self, samples: NDArray[Any]) -> None:
        import soundfile

        try:
            self._file.write(samples)
        except (soundfile.LibsndfileError, AssertionError) as error:  # it asserts that all was written
            self._disk.check(self.path)
            reason = getattr(error, "error_string", "not all was taken")
            raise FileError(f"{self.path}: writing failed after {self._samples} samples: {reason}") from error

    def _close(self) -> None:
        import soundfile

        try:
            self._file.close()
        except soundfile.LibsndfileError as error:
            raise FileError(f"{self.path}: writing failed: {error.error_string}") from error
        finally:
            self._disk.close()
        self._disk.check(self.path)

    def _reading(self) -> Any:
        import soundfile

        try:
            return soundfile.SoundFile(self._part)
        except soundfile.LibsndfileError as error:
            if not self._samples:
                raise FileError(
                    f"{self.path}: {self._container} {self._subtype} cannot be without samples: "
                    f"choose format= WAV"
                ) from error
            raise FileError(f"{self.path}: what was written cannot be read: {error.error_string}") from error

    def _make_room(self, size: int) -> bool:
        """Goes on to RF64 if WAV cannot hold `size` bytes; True if it did."""
        if size <= SIZE_LIMIT or self._container not in _LIMITED:
            return False
        if self._container not in ("WAV", "WAVEX"):
            raise FileError(
                f"{self.path}: {self._container} cannot hold more than 4 GB, this needs {size / 1e9:.1f}: "
                f"choose format= RF64, W64, CAF or FLAC"
            )
        self._container = "RF64"
        self.notes.append("WAV ends at 4 GB: written as RF64")
        return True

    def _continue_as_rf64(self) -> None:
        self._close()
        with self._reading() as small:
            wide = "float64" if self._subtype in ("FLOAT", "DOUBLE") else "int32"
            old, self._part = self._part, _new_part(self.path.parent)
            try:
                self._file = self._open()
                while len(block := small.read(65536, dtype=wide, always_2d=True)):
                    self._append(block)
            finally:
                old.unlink()


def check_writable(path: Path, overwrite: bool) -> None:
    """FileError unless a file can be put at `path` without losing one."""
    if not path.parent.is_dir():
        raise FileError(f"{path}: there is no folder {path.parent}")
    try:
        if not path.exists():
            return
    except (OSError, ValueError) as error:  # a name too long, or with a NUL in it
        raise FileError(f"{str(path)!r} cannot be a file: {error}") from error
    if not path.is_file():
        raise FileError(f"{path} is not a regular file; to write into a pipe, use - for standard output")
    if not overwrite:
        raise FileError(f"{path} exists: choose another name, or allow it with overwrite=True (--overwrite)")


def _new_part(folder: Path) -> Path:
    """A new, empty, hidden file in `folder`."""
    # Not by tempfile, whose files only their owner may read: this one becomes the target.
    part = folder / f".rtstft-{os.urandom(8).hex()}.part"
    try:
        part.touch(exist_ok=False)
    except OSError as error:
        raise FileError(f"{folder}: no file can be made there: {error.strerror}") from error
    return part
