"""What can be said of a callback before it is called: its name, and what it wants to be given."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def name_of(callback: object) -> str:
    """Name of a function, or of an object's class."""
    return str(getattr(callback, "__name__", type(callback).__name__))


def hears(callback: Any, aux: str) -> bool:
    """Whether a callback listens to the auxiliary input `aux`: it says so, or takes all and says nothing."""
    declared = inputs_of(callback)
    return aux in declared if declared else arguments_of(getattr(callback, "process", callback)) == 3


def inputs_of(callback: object) -> tuple[str, ...]:
    """Names of the auxiliary inputs that a callback says it needs; TypeError if that is no tuple of names."""
    names = getattr(callback, "aux", ())
    if isinstance(names, str) or not isinstance(names, Iterable):
        such = names if isinstance(names, str) else "sidechain"
        raise TypeError(f"aux is {names!r}, expected a tuple of names: ({such!r},)")
    return tuple(names)


def names_inputs(aux: object) -> bool:
    """Whether `aux` has auxiliary inputs by their names, as `{"sidechain": 1}` has."""
    return isinstance(aux, Mapping) and all(isinstance(name, str) for name in aux)


def arguments_of(process: Callable[..., Any]) -> int:
    """How many arguments `process` wants: the frame; its info; the auxiliary inputs.

    A second or third positional parameter is meant if it has no default, or is called info or aux.
    """
    try:
        parameters = inspect.signature(process).parameters.values()
    except (TypeError, ValueError):  # some builtins have no signature: they take the frame alone
        return 1
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    count = 1
    for parameter, name in zip([p for p in parameters if p.kind in positional][1:3], ("info", "aux")):
        if parameter.default is not parameter.empty and parameter.name != name:
            break
        if name == "info" and parameter.name == "aux":
            raise TypeError("takes (frame, aux), expected (frame, info, aux)")
        count += 1
    return count
