"""Parameters that are lists in a text, as "100:+3, 1000:-6"."""

import math
from collections.abc import Callable, Iterator

from rtstft.errors import ParameterError
from rtstft.params import Param


class TextParam(Param[str]):
    """A parameter whose text `parser` understands, or raises ParameterError."""

    def __init__(self, parser: Callable[[str], object], doc: str, default: str = "") -> None:
        self._parser = parser
        super().__init__(default, doc=doc)

    def check(self, value: object) -> str:
        text = super().check(value)
        try:
            self._parser(text)
        except ParameterError as error:
            raise ParameterError(f"{self._where}: {error}") from None
        return text


def entries(text: str) -> Iterator[str]:
    """What stands between the commas."""
    return (entry.strip() for entry in text.split(",") if entry.strip())


def numbers_of(entry: str, parts: list[str], expected: str) -> list[float]:
    """`parts` of `entry` as finite numbers; ParameterError says what was `expected`."""
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = [math.nan]
    if not all(map(math.isfinite, numbers)):
        raise ParameterError(f"{entry!r}, expected {expected}")
    return numbers
