"""Callbacks by name: `path/to/file.py:name` or `package.module:name`."""

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from rtstft.errors import RtstftError
from rtstft.plugin import Callback


class CallbackError(RtstftError):
    """A callback that cannot be found or made."""


def load(spec: str) -> Callback:
    """The function, or an instance of the class, that `spec` names."""
    place, separator, name = spec.rpartition(":")
    if not separator or not place or not name:
        raise CallbackError(f"callback {spec!r}: expected file.py:name or package.module:name")
    module = _load_module(place, spec)
    try:
        callback = getattr(module, name)
    except AttributeError:
        public = ", ".join(n for n, v in vars(module).items() if callable(v) and not n.startswith("_"))
        raise CallbackError(f"callback {spec!r}: {place} has no {name!r}; it has {public}") from None
    if isinstance(callback, type):
        try:
            callback = callback()
        except Exception as error:
            raise CallbackError(
                f"callback {spec!r}: {name}() raised {type(error).__name__}: {error}"
            ) from error
    if not callable(callback) and not hasattr(callback, "process"):
        raise CallbackError(f"callback {spec!r}: {name} is {callback!r}, expected a function or a plugin")
    loaded: Callback = callback
    return loaded


def _load_module(place: str, spec: str) -> ModuleType:
    path = Path(place).resolve()
    is_file = place.endswith(".py")
    if is_file and not path.is_file():
        raise CallbackError(f"callback {spec!r}: there is no file {place}")
    # At the end, so that a neighbour of the file cannot stand in for an installed module.
    sys.path.append(str(path.parent if is_file else Path.cwd()))
    try:
        return _execute(path) if is_file else importlib.import_module(place)
    except Exception as error:
        raise CallbackError(f"callback {spec!r}: {place} raised {type(error).__name__}: {error}") from error


def _execute(path: Path) -> ModuleType:
    # Under a name of its own: a file called numpy.py must not become numpy.
    name = f"_rtstft_callback_{path.stem}_{hash(path):x}"
    if name in sys.modules:
        return sys.modules[name]
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # where dataclasses and pickle look
    try:
        found.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def load_all(callbacks: Callback | str | Iterable[Callback | str]) -> list[Callback]:
    """One callback or several, names among them, as a list of callables and plugins."""
    single = isinstance(callbacks, str) or callable(callbacks) or hasattr(callbacks, "process")
    row: Any = [callbacks] if single or not isinstance(callbacks, Iterable) else callbacks
    return [load(callback) if isinstance(callback, str) else callback for callback in row]
