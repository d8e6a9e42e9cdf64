"""What a plugin is before it is prepared: documented, and copied by pickle."""

import pickle
from collections.abc import Callable
from typing import Any

from rtstft.plugin import Plugin


def check_declared(make: Callable[..., Plugin], params: dict[str, Any]) -> None:
    """It has a docstring, and can be pickled."""
    plugin = make(**params)
    assert isinstance(plugin, Plugin), f"{plugin!r} is no rtstft.Plugin"
    name = type(plugin).__name__
    assert type(plugin).__doc__, f"{name} has no docstring"
    try:
        pickle.loads(pickle.dumps(plugin))
    except Exception as error:
        raise AssertionError(f"{name} cannot be pickled, hence not be isolated: {error}") from error
