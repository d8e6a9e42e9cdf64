"""Preset files: plugins and chains with their parameters, as JSON or TOML.

Files, those of plugins and those that parameters name, are named by a path from the preset's folder, so
that all can move together; one that does not lie in or below that folder, by its absolute path.
"""

import json
import os
import tempfile
import tomllib
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

from rtstft.chain import Chain
from rtstft.errors import FileError, ParameterError, RtstftError
from rtstft.plugin import Plugin


def save_preset(path: str | PathLike[str], plugin: Plugin | Chain, *, overwrite: bool = False) -> None:
    """Writes a plugin or chain with its parameters, as JSON or TOML by the file's name.

    Files in or below the preset's folder are named by their paths from there: Python files of plugins, and
    those that parameters name (`PathParam`).

    Raises:
        FileError: the name ends otherwise, it exists and `overwrite` is False, or it cannot be written.
        CallbackError, ParameterError: what a preset cannot hold, see `Plugin.to_dict`.
    """
    path = Path(path)
    kind = _kind(path)
    if not isinstance(plugin, (Plugin, Chain)):
        raise ParameterError(f"{plugin!r} is no Plugin or Chain: only these have parameters to write down")
    preset = plugin.to_dict(path.parent)
    lines = _toml(preset) if kind == "TOML" else [json.dumps(preset, indent=2, ensure_ascii=False)]
    text = "".join(f"{line}\n" for line in lines)
    try:
        encoded = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ParameterError(f"{path}: {text[error.start]!r} in a text cannot be written as UTF-8") from error
    if path.exists() and not overwrite:
        raise FileError(f"{path} exists: choose another name, or overwrite=True")
    # A file of its own first: whatever happens, there is the old preset or the new one.
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(encoded)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror}") from error


def load_preset(path: str | PathLike[str]) -> Plugin | Chain:
    """The plugin or chain of a preset file.

    Relative paths in it start at the preset's folder, wherever the program runs.

    Raises:
        FileError: it cannot be read as JSON or TOML.
        CallbackError, ParameterError: it describes no plugin, or parameters that it does not take.
    """
    path = Path(path)
    kind = _kind(path)
    try:
        text = path.read_text("utf-8")
        preset = json.loads(text) if kind == "JSON" else tomllib.loads(text)
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path} is no {kind}: {error}") from error
    if not isinstance(preset, dict):
        raise ParameterError(f"{path} holds {preset!r}, expected a table with plugin= or chain=")
    try:
        made: type[Chain] | type[Plugin] = Chain if "chain" in preset else Plugin
        return made.from_dict(preset, path.parent.resolve())
    except RtstftError as error:
        error.add_note(f"in the preset {path}")
        raise


def _kind(path: Path) -> str:
    kind = path.suffix.lower()
    if kind not in (".json", ".toml"):
        raise FileError(f"{path}: expected a preset's name, which ends in .json or .toml")
    return kind[1:].upper()


def _toml(preset: dict[str, Any], chain: str = "chain") -> Iterator[str]:
    if "plugin" in preset:
        yield f"plugin = {_value(preset['plugin'])}"
        for table in ("parameters", "automation"):
            for name, value in preset.get(table, {}).items():
                yield f"{table}.{name if name.isascii() else _value(name)} = {_value(value)}"
    elif not preset["chain"]:
        yield "chain = []"
    else:
        for member in preset["chain"]:
            yield f"[[{chain}]]"
            yield from _toml(member, f"{chain}.chain")


def _value(value: object) -> str:
    # TOML writes these as JSON does, but for a character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
