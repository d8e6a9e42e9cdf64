"""Files to be read: what is wrong with one that cannot be, in words that a user can act on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from rtstft.errors import FileError
from rtstft.types import RealArray


def check_readable(path: str | PathLike[str], expected: str) -> None:
    """FileError if there is nothing to read at `path`, where `expected` should be; leaves pipes untouched."""
    path = Path(path)
    try:
        found = path.exists()
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from error
    if not found:
        raise FileError(f"{path} does not exist")
    if path.is_dir():
        raise FileError(f"{path} is a folder, expected {expected}")
    if not os.access(path, os.R_OK):
        raise FileError(f"{path} may not be read: see its permissions")
    if path.is_file() and path.stat().st_size == 0:
        raise FileError(f"{path} is empty (0 bytes), expected {expected}")


@contextmanager
def opening_sound(path: str | PathLike[str]) -> Iterator[str]:
    """While soundfile opens `path`, or standard input for "-": what is wrong becomes a FileError.

    Yields:
        What to call it in messages.
    """
    import soundfile

    name = "standard input" if path == "-" else str(path)
    if path != "-":
        check_readable(path, "a sound file")
    try:
        yield name
    except (soundfile.LibsndfileError, TypeError) as error:
        # soundfile asks for a samplerate (TypeError) where a file has no header.
        reason = getattr(error, "error_string", "it has no header")
        raise FileError(f"{name} cannot be read as a sound file: {reason}") from error


def read_sound(path: str | PathLike[str]) -> tuple[RealArray, int]:
    """A whole sound file: float64, shape (samples, channels), full scale 1; and its samplerate in Hz.

    Raises:
        FileError: it cannot be read.
    """
    import soundfile

    with opening_sound(path):
        samples, samplerate = soundfile.read(path, always_2d=True)
    return samples, samplerate
