"""Callbacks by name: `path/to/file.py:name` or `package.module:name`."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

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
    try:
        if not place.endswith(".py"):
            return importlib.import_module(place)
        path = Path(place).resolve()
        if not path.is_file():
            raise CallbackError(f"callback {spec!r}: there is no file {place}")
        found = importlib.util.spec_from_file_location(path.stem, path)
        assert found is not None
        assert found.loader is not None
        module = importlib.util.module_from_spec(found)
        # Registered like any import, so that dataclasses and pickle find it; its neighbours too.
        sys.modules[path.stem] = module
        sys.path.insert(0, str(path.parent))
        found.loader.exec_module(module)
    except CallbackError:
        raise
    except Exception as error:
        raise CallbackError(f"callback {spec!r}: {place} raised {type(error).__name__}: {error}") from error
    return module
