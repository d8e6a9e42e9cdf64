"""soundfile, for reading and writing from start to end."""

from pathlib import Path
from typing import Any

from rtstft.errors import FileError


def sequential(*arguments: Any, **options: Any) -> Any:
    """`soundfile.SoundFile(...)` without its seek after every read and write, which MP3 does inexactly."""
    import soundfile

    class Sequential(soundfile.SoundFile):  # type: ignore[misc]  # it has no types
        def seekable(self) -> bool:
            return False

    return Sequential(*arguments, **options)


class Disk:
    """A new file as libsndfile sees it; remembers a write that failed, which libsndfile may not tell."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self._error: OSError | None = None
        self.seek = self._file.seek
        self.tell = self._file.tell
        self.read = self._file.read
        self.readinto = self._file.readinto
        self.close = self._file.close

    def write(self, data: bytes) -> int:
        """Bytes written: all, or 0 if that failed."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._error = self._error or error
            return 0
        return len(data)

    def check(self, target: Path) -> None:
        """FileError if a write has failed."""
        if self._error is not None:
            raise FileError(f"{target}: writing failed: {self._error.strerror}") from self._error
