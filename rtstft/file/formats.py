"""Which container and which sample format a file is to have."""

from os import PathLike
from pathlib import Path

from rtstft.errors import FileError
from rtstft.file.pcm import INTEGER_BITS

# RAW has no header, and SD2 keeps its own in a second file.
_UNWRITABLE = {"RAW", "SD2"}
_EXTENSIONS = {
    "WAV": {"WAV", "WAVEX", "RF64"},
    "AIF": {"AIFF"},
    "AIFC": {"AIFF"},
    "SND": {"AU"},
    "OGA": {"OGG"},
    "OPUS": {"OGG"},
}
_LOSSY = {"OGG", "MP3"}
_LOSSLESS = {"FLOAT", "DOUBLE", *INTEGER_BITS}
_MPEG = {"MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III"}
_BYTES = {"PCM_S8": 1, "PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}


def resolve_format(dst: str | PathLike[str], given: str | None, source_format: str) -> str:
    """Container to write: as given, or by the target's extension, or the source's."""
    import soundfile

    known = set(soundfile.available_formats()) - _UNWRITABLE
    if given is not None:
        container = given.upper()
        if dst == "-" and container not in ("WAV", "AU"):
            raise FileError(f"format={given!r} cannot be written to a pipe: choose WAV or AU")
        if container not in known:
            raise FileError(f"format={given!r} is unknown, expected one of {', '.join(sorted(known))}")
        return container
    extension = Path(dst).suffix[1:].upper()
    if extension in _UNWRITABLE or source_format in _UNWRITABLE:
        raise FileError(f"{dst}: {extension or source_format} cannot be written: choose format= WAV or FLAC")
    candidates = _EXTENSIONS.get(extension, {extension} & known)
    if not candidates or source_format in candidates:
        return source_format
    return extension if extension in candidates else next(iter(candidates))


def resolve_subtype(container: str, given: str | None, source_subtype: str) -> str:
    """Sample format to write: as given, or the source's, or the usual one where lossy meets lossless.

    FileError, naming those that would do, if the container cannot hold it.
    """
    import soundfile

    possible = set(soundfile.available_subtypes(container))
    if container != "MP3":
        possible -= _MPEG  # libsndfile names them for WAV, but cannot write them there
    subtype = source_subtype if given is None else given.upper()
    if given is None and subtype not in possible and (container in _LOSSY or subtype not in _LOSSLESS):
        # Between a lossy format and any other there is no like for like.
        return str(soundfile.default_subtype(container))
    if subtype not in possible:
        raise FileError(
            f"{container} cannot hold {subtype}: choose subtype= one of {', '.join(sorted(possible))}"
        )
    return subtype


def bytes_per_sample(subtype: str) -> int:
    """Bytes of one sample of one channel; 1 for subtypes that compress."""
    return _BYTES.get(subtype, 1)
