"""Writing: a temporary file beside the target, renamed at the end; never half a file."""

import contextlib
import os
import tempfile
from os import PathLike
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from rtstft.errors import FileError

# Containers whose sizes are 32-bit, less room for headers and tags.
SIZE_LIMIT = 2**32 - 2**20
_LIMITED = {"WAV", "WAVEX", "AIFF", "AU", "SVX", "VOC", "PAF", "AVR", "NIST", "IRCAM"}
_EXTENSIONS = {
    "WAV": {"WAV", "WAVEX", "RF64"},
    "AIF": {"AIFF"},
    "AIFC": {"AIFF"},
    "SND": {"AU"},
    "OGA": {"OGG"},
    "OPUS": {"OGG"},
}


def resolve_format(dst: str | PathLike[str], given: str | None, source_format: str) -> str:
    """Container to write: as given, or by the target's extension, or the source's."""
    import soundfile

    # RAW has no header, and SD2 keeps its own in a second file.
    known = set(soundfile.available_formats()) - {"RAW", "SD2"}
    if given is not None:
        if given.upper() not in known:
            raise FileError(f"format={given!r} is unknown, expected one of {', '.join(sorted(known))}")
        return given.upper()
    extension = Path(dst).suffix[1:].upper()
    candidates = _EXTENSIONS.get(extension, {extension} & known)
    if source_format in candidates or not candidates:
        if source_format not in known:
            raise FileError(f"{source_format} cannot be written: choose format= WAV or FLAC")
        return source_format
    return extension if extension in candidates else next(iter(candidates))


def resolve_subtype(container: str, given: str | None, source_subtype: str) -> str:
    """Sample format to write; FileError, naming those that would do, if the container has no such."""
    import soundfile

    subtype = source_subtype if given is None else given.upper()
    possible = soundfile.available_subtypes(container)
    if subtype not in possible:
        raise FileError(
            f"{container} cannot hold {subtype}: choose subtype= one of {', '.join(sorted(possible))}"
        )
    return subtype


class Target:
    """The file being written. Use as a context manager: what `commit` has not renamed is removed.

    Attributes:
        not_kept: names of the tags that the written file does not have.
        notes: what the user should know about the file.
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
        self._tags = tags
        self._samples = 0
        self._bytes = 0
        self._settings = {"samplerate": samplerate, "channels": channels, "subtype": subtype}
        self._container = container
        check_writable(self.path, overwrite)
        if samples is not None:
            self._make_room(samples * channels * _bytes_per_sample(subtype))
        handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", suffix=".part", dir=self.path.parent)
        os.close(handle)
        self._part = Path(name)
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
        added = samples.size * _bytes_per_sample(self._settings["subtype"])
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
        if length < self._samples:
            raise FileError(f"{self.path}: only {length} of {self._samples} samples could be written")
        if length > self._samples:
            self.notes.append(
                f"{self._settings['subtype']} holds whole groups of samples: {self.path.name} is "
                f"{length - self._samples} samples longer, all at its end"
            )
        # libsndfile adds its own name to the software tag.
        self.not_kept += [
            name for name, text in self._tags.items() if not found.get(name, "").startswith(text)
        ]
        self._part.chmod(self.path.stat().st_mode & 0o777 if self.path.exists() else 0o666 & ~_umask())
        self._part.replace(self.path)

    def __enter__(self) -> "Target":
        return self

    def __exit__(self, *_: object) -> None:
        if not self._file.closed:
            with contextlib.suppress(FileError):
                self._close()
        self._part.unlink(missing_ok=True)

    def _open(self) -> Any:
        import soundfile

        try:
            file = soundfile.SoundFile(self._part, "w", format=self._container, **self._settings)
        except (soundfile.LibsndfileError, ValueError) as error:
            reason = getattr(error, "error_string", str(error))
            raise FileError(
                f"{self.path}: {self._container} cannot hold {self._settings['channels']} channels of "
                f"{self._settings['subtype']} at {self._settings['samplerate']} Hz: {reason}"
            ) from error
        for name, text in self._tags.items():
            with contextlib.suppress(soundfile.LibsndfileError):  # found missing by commit
                setattr(file, name, text)
        return file

    def _append(self, samples: NDArray[Any]) -> None:
        import soundfile

        try:
            self._file.write(samples)
        except (soundfile.LibsndfileError, AssertionError, OSError) as error:
            # soundfile asserts that all was written; a full disk is what makes that fail.
            reason = getattr(error, "error_string", "") or "is the disk full?"
            raise FileError(f"{self.path}: writing failed after {self._samples} samples: {reason}") from error

    def _close(self) -> None:
        import soundfile

        try:
            self._file.close()
        except soundfile.LibsndfileError as error:
            raise FileError(f"{self.path}: writing failed: {error.error_string}") from error

    def _reading(self) -> Any:
        import soundfile

        try:
            return soundfile.SoundFile(self._part)
        except soundfile.LibsndfileError as error:
            raise FileError(
                f"{self.path}: writing failed, is the disk full? ({error.error_string})"
            ) from error

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
            wide = "float64" if self._settings["subtype"] in ("FLOAT", "DOUBLE") else "int32"
            old, self._part = self._part, self._part.with_suffix(".rf64.part")
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
    if not path.exists():
        return
    if not path.is_file():
        raise FileError(f"{path} is not a regular file; to write into a pipe, use - for standard output")
    if not overwrite:
        raise FileError(f"{path} exists: choose another name, or allow it with overwrite=True (--overwrite)")


def _bytes_per_sample(subtype: Any) -> int:
    sizes = {"PCM_S8": 1, "PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
    return sizes.get(str(subtype), 1)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
