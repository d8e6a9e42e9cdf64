"""What a plugin is before it is prepared: documented, copied by pickle, made with its parameters."""

import pickle
from collections.abc import Callable
from typing import Any

from rtstft.errors import RtstftError
from rtstft.plugin import Plugin
from rtstft.testing.parameters import limits

_COUNTED = "frames", "hops", "bins", "samples"


def check_declared(make: Callable[..., Plugin], params: dict[str, Any]) -> None:
    """It has a docstring, can be pickled, and its parameters have units and are keywords of the class."""
    plugin = make(**params)
    assert isinstance(plugin, Plugin), f"{plugin!r} is no rtstft.Plugin"
    name = type(plugin).__name__
    assert type(plugin).__doc__, f"{name} has no docstring"
    try:
        pickle.loads(pickle.dumps(plugin))
    except Exception as error:
        raise AssertionError(f"{name} cannot be pickled, hence not be isolated: {error}") from error
    for param in plugin.params.values():
        words = {param.unit, param.name.rpartition("_")[2]} if param.kind in (int, float) else set()
        for unit in words.intersection(_COUNTED):
            raise AssertionError(
                f"{name}.{param.name} counts {unit}, which differ from geometry to geometry: declare it in "
                f"seconds (_s) or Hz (_hz), and compute {unit} in prepare or update"
            )
        if isinstance(make, type):
            for value in limits(plugin, param.name)[:1]:
                _check_keyword(make, params, param.name, value)


def _check_keyword(kind: Callable[..., Plugin], params: dict[str, Any], name: str, value: Any) -> None:
    found: object
    try:
        found = getattr(kind(**{**params, name: value}), name)
    except RtstftError:
        return  # refused, with a reason
    except TypeError as error:
        found = error
    assert found == value, (
        f"{kind.__name__}({name}={value!r}) has {name} {found!r}: in __init__, take **params, call "
        f"super().__init__(**params), and set none of them yourself"
    )
