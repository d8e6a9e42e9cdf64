"""Where callbacks are found: names of registered plugins, `file.py:name`, `package.module:name`."""

import importlib
import sys
import warnings
from collections.abc import Callable
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import find_spec, spec_from_file_location
from operator import attrgetter
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from rtstft.errors import RAISED, CallbackError, PluginWarning

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "rtstft.plugins"
_OURS = "_rtstft_callback_"  # modules made of files


def registered() -> "dict[str, EntryPoint]":
    """Registered plugins by name; of several of the same name, the one that is taken."""
    return {name: entries[0] for name, entries in _offers().items()}


def ambiguous() -> dict[str, str]:
    """For each name that several distributions have registered: which have, and which one is taken."""
    return {name: _rivals(name, entries) for name, entries in _offers().items() if len(entries) > 1}


def find(place: str) -> Any:
    """What `place` names; CallbackError if there is no such thing, or it cannot be imported."""
    where, colon, name = place.rpartition(":")
    if not colon and place.endswith(".py"):
        offered = _offered(_module(place, place), place)
        raise CallbackError(f"callback {place!r}: expected {place}:NAME; it has {offered}")
    if not colon:
        return _registered(place)
    if not where or not name:
        raise CallbackError(
            f"callback {place!r}: expected the name of a plugin (rtstft plugins lists them), file.py:name or "
            f"package.module:name"
        )
    if ":" in where and not where.endswith(".py"):
        raise CallbackError(
            f"callback {place!r}: expected NAME:PARAMETER=VALUE, the name being a plugin's, file.py:name or "
            f"package.module:name"
        )
    module = _module(where, place)
    try:
        return attrgetter(name)(module)
    except AttributeError:
        raise CallbackError(
            f"callback {place!r}: {where} has no {name!r}; it has {_offered(module, where)}"
        ) from None


def place_of(kind: Any) -> str:
    """How to find a class or function: by its registered name, its file or its module.

    Raises:
        CallbackError: it stands within a function, or is a lambda.
    """
    if "<" in kind.__qualname__:
        raise CallbackError(
            f"{kind.__qualname__} cannot be found again by its place, expected a class or function of its "
            f"own in a file or module"
        )
    value = f"{kind.__module__}:{kind.__qualname__}"
    for name, entry in registered().items():
        if entry.value == value:
            return name
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    if file is None or _is_importable(kind.__module__):
        return value
    return f"{Path(file).resolve()}:{kind.__qualname__}"


def place_in_file(callback: object) -> str:
    """`file.py:name` of what `find` has found in a file, or of its instance; empty for anything else."""
    kind = callback if hasattr(callback, "__qualname__") else type(callback)
    module = str(kind.__module__)  # None of some built-in methods
    return f"{_file_of(module)}:{kind.__qualname__}" if module.startswith(_OURS) else ""


def with_file(place: str, moved: Callable[[str], str]) -> str:
    """`place`, whose Python file, if it names one, is as `moved` has it."""
    file = place.rpartition(":")[0] or place
    return moved(file) + place[len(file) :] if file.endswith(".py") else place


def file_of(place: str) -> Path | None:
    """The file that `place` names; None if it names a registered plugin or a module."""
    where = place.rpartition(":")[0]
    return Path(where).resolve() if where.endswith(".py") else None


def _is_importable(module: str) -> bool:
    """Whether another program finds the module under this name, as far as can be told."""
    try:
        return module != "__main__" and not module.startswith(_OURS) and find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _offers() -> "dict[str, list[EntryPoint]]":
    """Registered plugins by name, those first that are taken: rtstft's own, then as the path has them."""
    from importlib.metadata import entry_points  # takes half as long to import as numpy

    offers: dict[str, list[EntryPoint]] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, not _is_ours(entry))):
        entries = offers.setdefault(entry.name, [])
        if entry.value not in [other.value for other in entries]:
            entries.append(entry)
    return offers


def _is_ours(entry: "EntryPoint") -> bool:
    return entry.value.startswith("rtstft.")


def _rivals(name: str, entries: "list[EntryPoint]") -> str:
    by = [
        f"{entry.dist.name if entry.dist else 'an unknown distribution'} ({entry.value})" for entry in entries
    ]
    others = " or ".join(entry.value for entry in entries[1:])
    return f"plugin {name!r} is of {' and of '.join(by)}: the first is taken; name the other by {others}"


def _registered(name: str) -> Any:
    offers = _offers()
    if name not in offers:
        known = ", ".join(offers) or "none, as rtstft itself is not installed: install it with pip"
        raise CallbackError(
            f"there is no plugin {name!r}; there are {known} (what is not registered is named by its place: "
            f"file.py:name or package.module:name)"
        )
    entry = offers[name][0]
    if len(offers[name]) > 1:
        warnings.warn(PluginWarning(_rivals(name, offers[name])), stacklevel=4)  # of who calls plugin or load
    try:
        return entry.load()
    except RAISED as error:
        raise CallbackError(
            f"plugin {name!r}: {entry.value} raised {type(error).__name__}: {error}"
        ) from error


def _offered(module: ModuleType, where: str) -> str:
    """Places of what there is to call in a module, but for what it has imported from elsewhere."""

    def is_own(value: Any) -> bool:
        home = value.__module__ if hasattr(value, "__qualname__") else module.__name__
        return str(home).partition(".")[0] == module.__name__.partition(".")[0]

    names = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and (callable(value) or hasattr(value, "process")) and is_own(value)
    ]
    return ", ".join(f"{where}:{name}" for name in names) or "nothing to call"


def _module(where: str, place: str) -> ModuleType:
    path = Path(where).resolve()
    is_file = where.endswith(".py")
    if is_file and not path.is_file():
        raise CallbackError(f"callback {place!r}: there is no file {where}")
    # At the end, so that a neighbour of the file cannot stand in for an installed module.
    folder = str(path.parent if is_file else Path.cwd())
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        return _module_of(path) if is_file else importlib.import_module(where)
    except RAISED as error:
        if not is_file and where in registered():
            raise CallbackError(f"callback {place!r}: expected {where}:PARAMETER=VALUE") from None
        raise CallbackError(f"callback {place!r}: {where} raised {type(error).__name__}: {error}") from error


def _module_of(path: Path) -> ModuleType:
    """The file as a module, read again if it has changed since; if that fails, the old one is kept."""
    name = _name_of(path)
    before = sys.modules.get(name)
    if before is not None and getattr(before.__loader__, "text", None) != path.read_bytes():
        sys.modules.pop(name, None)
    try:
        return importlib.import_module(name)
    except BaseException:
        if before is not None:
            sys.modules[name] = before
        raise


class _FileModules:
    """Finds modules that are named by a file: in any process, so that pickle finds their classes."""

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """Where the module is; None for any other's."""
        if not fullname.startswith(_OURS):
            return None
        path = _file_of(fullname)
        return spec_from_file_location(fullname, path, loader=_Anew(fullname, path))


class _Anew(SourceFileLoader):
    """Compiles the file: the cache of bytecode takes two versions of a second for one."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002  # the loader of one file
        """What the file says by now."""
        self.text = self.get_data(self.path)  # by which a change is known: a clock may be too coarse
        return self.source_to_code(self.text, self.path)


def _name_of(path: Path) -> str:
    # A name of its own: a file called numpy.py must not become numpy.
    return f"{_OURS}{path.stem.partition('.')[0]}_{str(path).encode().hex()}"


def _file_of(module: str) -> str:
    return bytes.fromhex(module.rpartition("_")[2]).decode()


sys.meta_path.append(_FileModules())
