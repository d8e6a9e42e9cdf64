"""Parameters that name files, and how presets name them: from a folder, with which they can move."""

from collections.abc import Callable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from rtstft.errors import ParameterError
from rtstft.params import Param


class PathParam(Param[str]):
    """A parameter that names a file or folder by its path; an empty text, which is the default, names none.

        path = rtstft.PathParam(fixed=True, doc="file of the impulse response")

    A relative path starts where the program runs when it is set. It is kept as an absolute one, a str,
    which leads to the same file later on and in other processes. In preset files, it starts at the
    preset's folder; `save_preset` writes what lies in or below that folder as seen from there.

    Args:
        doc, fixed: as of `Param`.
    """

    def __init__(self, *, doc: str = "", fixed: bool = False) -> None:
        super().__init__("", doc=doc, fixed=fixed)

    def check(self, value: object) -> str:
        """`value`, a str or PathLike, as an absolute path; ParameterError if it is none."""
        path = super().check(fspath(value) if isinstance(value, PathLike) else value)
        if "\0" in path:
            raise ParameterError(f"{self._where}={value!r}, expected {self.expected}")
        return str(Path(path).absolute()) if path else ""

    @property
    def expected(self) -> str:
        """What it takes, in words."""
        return "the path of a file"

    def describe(self) -> dict[str, Any]:
        """As of `Param`, with the type "path"."""
        return {**super().describe(), "type": "path"}


def with_paths(
    table: Mapping[str, Any], params: Mapping[str, Param[Any]], moved: Callable[[str], str]
) -> dict[str, Any]:
    """A table of parameters, with values or breakpoints, whose paths are as `moved` has them."""
    return {
        name: _with_paths(found, moved) if isinstance(params.get(name), PathParam) else found
        for name, found in table.items()
    }


def seen_from(folder: str | PathLike[str] | None, path: str) -> str:
    """An absolute path as it is written: from `folder`, if it lies in or below that."""
    if folder is None:
        return path
    base, file = Path(folder).resolve(), Path(path).resolve()
    return (file.relative_to(base) if base in file.parents else file).as_posix()


def found_from(folder: str | PathLike[str], path: str) -> str:
    """Where a path leads that `seen_from` gave."""
    return str(Path(folder, path))


def _with_paths(found: Any, moved: Callable[[str], str]) -> Any:
    if isinstance(found, (list, tuple)):
        return [_with_paths(part, moved) for part in found]
    return moved(found) if isinstance(found, str) and found else found
