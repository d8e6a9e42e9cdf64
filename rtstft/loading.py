"""Callbacks from text: places and preset files, with parameters behind them.

denoise                          a registered plugin
denoise:strength=0.8,floor_db=-18
my_fx.py:Gate                    a class or function in a file,
package.module:Gate              or in a module
my_fx.py:Gate:threshold_db=-40
voice.toml                       a preset
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from weakref import ref

from rtstft.chain import Chain
from rtstft.errors import CallbackError, ParameterError
from rtstft.places import file_of, find, place_in_file, place_of, with_file
from rtstft.plugin import Callback, Plugin, made

_loaded: "dict[int, tuple[ref[Any], str]]" = {}  # by identity, for not all callbacks have a hash


def plugin(name: str, /, **params: Any) -> Plugin:
    """Makes a plugin by name: `rtstft.plugin("denoise", strength=0.8)`.

    A file that has changed since it was read is read again, but not what it imports. Modules that lie
    beside plugins' files need names that differ in the whole program, as all modules do.

    Args:
        name: of a registered plugin, as `rtstft plugins` lists them; or 'file.py:Name', or
            'package.module:Name'.
        params: its parameters.

    Raises:
        CallbackError: there is no such plugin, or it cannot be imported or made.
        ParameterError: it has no such parameter, or does not take that value.
    """
    if not isinstance(name, str):
        raise CallbackError(f"plugin {name!r}, expected the name of one, or 'file.py:Name'")
    kind = find(name)
    if not (isinstance(kind, type) and issubclass(kind, Plugin)):
        raise CallbackError(f"plugin {name!r} is {kind!r}, expected a class derived from rtstft.Plugin")
    plugin: Plugin = made(kind, name, **params)
    return plugin


def load(spec: str) -> Callback | Chain:
    """The function, an instance of the class, or the preset that `spec` names, with its parameters.

    A file that has changed is read again.

    Raises:
        CallbackError: it cannot be found, imported or made.
        ParameterError: a parameter that it does not have or take.
        FileError: a preset that cannot be read.
    """
    loaded = _load(spec)
    file = source_of(spec)
    if file is not None:
        _remember(loaded, spec, file)
    return loaded


def _load(spec: str) -> Callback | Chain:
    if is_preset(spec):
        from rtstft.presets import load_preset  # here, as few programs have presets

        return load_preset(spec)
    place, parameters = split(spec)
    if is_preset(place):
        raise CallbackError(f"callback {spec!r}: expected no parameters behind a preset file, set them in it")
    found = find(place)
    if isinstance(found, type):
        params = _parsed(found, parameters, spec) if parameters else {}
        found = made(found, spec, **params)
    elif parameters:
        raise CallbackError(f"callback {spec!r}: a function has no parameters, expected an rtstft.Plugin")
    if not callable(found) and not hasattr(found, "process"):
        raise CallbackError(f"callback {spec!r} is {found!r}, expected a function or a plugin")
    loaded: Callback = found
    return loaded


def load_all(callbacks: Any) -> Chain:
    """One callback or several as a Chain, with those that specs stand for; a Chain stays the one it is."""
    if isinstance(callbacks, Chain):
        return callbacks
    loaded: list[Any] = [load(item) if isinstance(item, str) else item for item in specs_of(callbacks)]
    return Chain(loaded)


def specs_of(callbacks: Any) -> Sequence[Any]:
    """What `load_all` makes its chain of, item by item; a Chain stays the one it is."""
    if isinstance(callbacks, Chain):
        return callbacks
    single = isinstance(callbacks, str) or callable(callbacks) or hasattr(callbacks, "process")
    return [callbacks] if single or not isinstance(callbacks, Iterable) else list(callbacks)


def spec_of(callback: Any) -> str:
    """What `load` makes a callback like this one of.

    Raises:
        CallbackError: it cannot be found by its place.
        ParameterError: it is more than its parameters, or has one whose text would be taken for several.
    """
    kind = callback if hasattr(callback, "__qualname__") else type(callback)
    if kind is Chain:
        raise ParameterError(f"{callback!r} is no single callback, expected its members, or a preset file")
    place = place_of(kind)
    if not isinstance(callback, Plugin):
        return place
    if callback.unwritten or callback.parameter_values.curves:
        more = ", ".join([*callback.unwritten, *callback.parameter_values.curves])
        raise ParameterError(
            f"{kind.__name__} was given {more}: only parameters that stay can be written behind it"
        )
    changed = {
        name: value for name, value in callback.parameter_values if value != callback.params[name].default
    }
    if not changed:
        return place
    text = ",".join(f"{name}={value}" for name, value in changed.items())
    spec = f"{place}:{text}"
    if split(spec) != (place, text) or _parsed(kind, text, spec) != changed:
        raise ParameterError(f"{spec!r} would be taken for other parameters, expected a preset file")
    return spec


def is_preset(spec: str) -> bool:
    """Whether `spec` names a preset file."""
    return Path(spec).suffix.lower() in (".json", ".toml") and not split(spec)[1]


def source_of(spec: str) -> Path | None:
    """The file that `spec` comes from: of Python, or a preset; None for what is installed."""
    return Path(spec).resolve() if is_preset(spec) else file_of(split(spec)[0])


def origin_of(callback: Any) -> tuple[str, set[Path]]:
    """What `load` makes a callback like this one of, and the files that it comes from; "" if from none."""
    _, spec = _loaded.get(id(callback), (None, ""))
    place = place_in_file(callback)
    return spec or place, {file for found in (spec, place) if found and (file := source_of(found))}


def _remember(callback: Any, spec: str, file: Path) -> None:
    """Has `origin_of` know, as long as `callback` exists, that it was loaded from `file`."""
    # Without parameters: whoever loads it anew has those of the old one, which may be others by now.
    origin = str(file) if is_preset(spec) else with_file(split(spec)[0], lambda _: str(file))
    key, forget = id(callback), _loaded.pop  # which is still there when Python ends
    with suppress(TypeError):  # few have no weak references: they are known by their class alone
        _loaded[key] = ref(callback, lambda _: forget(key, None)), origin


def split(spec: str) -> tuple[str, str]:
    """The place and the parameters of a spec; its parameters are empty if it has none."""
    begin = re.search(r":\s*\w+\s*=", spec)
    return (spec[: begin.start()], spec[begin.start() + 1 :]) if begin else (spec, "")


def _parsed(kind: type, text: str, spec: str) -> dict[str, Any]:
    if not issubclass(kind, Plugin):
        raise CallbackError(f"callback {spec!r}: {kind.__name__} is no rtstft.Plugin: it has no parameters")
    words: dict[str, str] = {}
    name = ""
    for word in text.split(","):
        before, equals, value = word.partition("=")
        before = before.strip()
        if name and kind.params[name].kind is str and not (equals and before in kind.params):
            words[name] += f",{word}"  # a comma within a parameter that is text
            continue
        name = before
        if name not in kind.params:
            raise ParameterError(
                f"{kind.__name__} has no parameter {name!r}; it has {', '.join(kind.params)}"
            )
        if not equals or name in words:
            raise ParameterError(f"{spec!r}, expected {name}=VALUE, and each parameter once")
        words[name] = value
    return {name: kind.params[name].parse(value) for name, value in words.items()}
