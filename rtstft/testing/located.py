"""Located: what does not hold, with where that is."""

from collections.abc import Iterator
from contextlib import contextmanager

from rtstft.errors import PluginError


@contextmanager
def located(where: str) -> Iterator[None]:
    """What fails, fails as an AssertionError that begins with `where`."""
    try:
        yield
    except PluginError as error:
        raise AssertionError(f"{where}: {error}") from error
    except AssertionError as error:
        raise AssertionError(f"{where}: {error}") from None
