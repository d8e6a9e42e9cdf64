"""`rtstft plugins`: what there is, and a skeleton for more."""

import inspect
import json
import keyword
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from rtstft.errors import CallbackError, FileError
from rtstft.loading import plugin
from rtstft.places import registered

verb = typer.Typer(help="List the plugins, or write the skeleton of a new one.", add_completion=False)


@verb.callback(invoke_without_command=True)
def plugins(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with all there is to know.")] = False,
) -> None:
    """List the plugins with their parameters."""
    if context.invoked_subcommand is not None:
        return
    found = [_described(name) for name in registered()]
    if as_json:
        print(json.dumps(found))
    else:
        _print_all(found)


@verb.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Of the class, such as MyGate.")],
    folder: Annotated[Path, typer.Option(help="Where to write.")] = Path(),
) -> None:
    """Write a plugin that works, with comments, and its test."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise CallbackError(f"NAME is {name!r}, expected letters, digits and _, such as MyGate")
    kind = name[0].upper() + re.sub(r"_(.)", lambda match: match[1].upper(), name[1:])
    module = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower()
    texts = {folder / f"{module}.py": _PLUGIN, folder / f"test_{module}.py": _TEST}
    for path in texts:
        if path.exists():
            raise FileError(f"{path} exists: choose another name, or another --folder")
    if keyword.iskeyword(kind) or keyword.iskeyword(module) or find_spec(module):
        raise CallbackError(f"NAME is {name!r}, but Python has {module} already: choose another name")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            with path.open("x", encoding="utf-8") as file:
                file.write(text.replace("KIND", kind).replace("MODULE", module))
    except OSError as error:
        raise FileError(f"{folder} cannot be written to: {error.strerror}") from error
    path, test = texts
    print(f"wrote {path} and {test}. Try it: rtstft live --plugin {path}:{kind}:amount=0.5 --watch")


def _described(name: str) -> dict[str, Any]:
    try:
        made = plugin(name)
    except CallbackError as error:
        return {"name": name, "error": str(error)}
    kind = type(made)
    return {
        "name": name,
        "class": f"{kind.__module__}:{kind.__qualname__}",
        "summary": " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split()),
        "doc": inspect.getdoc(kind) or "",
        "aux": list(made.aux),
        "parameters": [param.describe() for param in made.params.values()],
    }


def _print_all(found: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for entry in found:
        summary = entry.get("summary", entry.get("error", ""))
        console.print(Text.assemble((entry["name"], "bold"), f"  {summary}"))
        table = Table.grid(padding=(0, 2))
        for name in entry.get("aux", ()):
            table.add_row(f"--aux {name}=", "", "auxiliary input", "")
        for param in entry.get("parameters", ()):
            if param["name"] not in ("mix", "bypass"):
                table.add_row(
                    param["name"], *map(Text, (_shown(param["default"]), _range(param), param["doc"]))
                )
        console.print(Padding(table, (0, 0, 1, 4)))
    console.print("Every plugin has mix, 0 to 1, and bypass, true or false.")


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if value != "" else '""'


def _range(param: dict[str, Any]) -> str:
    if param["type"] in ("choice", "bool", "str"):
        return {"choice": ", ".join(param["choices"]), "bool": "true, false", "str": "text"}[param["type"]]
    low, high = (None if param[end] is None else f"{param[end]:g}" for end in ("min", "max"))
    limits = f"{low} to {high}" if low and high else f"from {low}" if low else f"up to {high}" if high else ""
    return f"{limits} {param['unit']}".strip()


_PLUGIN = '''"""KIND: a spectral effect for rtstft."""

import numpy as np

import rtstft


class KIND(rtstft.Plugin):
    """Mutes what is quieter than a threshold below the frame's loudest bin.

    Algorithm: what it does and where that comes from (paper, section).
    """

    # Each becomes a keyword, a checked attribute and a command-line option: KIND:amount=0.5
    # Units in the name where there are some (_db, _hz, _s), never bins or frames.
    amount = rtstft.Param(1.0, min=0.0, max=1.0, smooth_s=0.02, doc="how much of it")
    threshold_db = rtstft.Param(-40.0, min=-120.0, max=0.0, doc="relative to the loudest bin")

    def prepare(self, context):
        """Once, before the first frame: everything that takes memory or time."""
        shape = context.channels, context.stft.bins
        self.magnitude = np.zeros(shape, context.dtype)
        self.quiet = np.zeros(shape, bool)
        # In Hz, one for each bin, for effects that depend on frequency:
        # self.frequencies = context.stft.frequencies(context.samplerate)
        # For smoothing over time, one step a frame: share = 1 - np.exp(-context.hop_s / seconds)

    def update(self):
        """After prepare, and before a frame at which a parameter has changed."""
        self.floor = 10 ** (self.threshold_db / 20)
        self.kept = 1 - self.amount

    def process(self, frame):
        """Every frame: complex, shape (channels, bins); changed in place, or another one returned."""
        np.abs(frame, out=self.magnitude)
        limit = self.floor * self.magnitude.max(axis=1, keepdims=True)
        np.less(self.magnitude, limit, out=self.quiet)
        np.multiply(frame, self.kept, out=frame, where=self.quiet)

    def reset(self):
        """A new signal begins: forget the last one. This effect remembers nothing."""
'''

_TEST = '''"""Run with: pytest test_MODULE.py"""

from MODULE import KIND
from rtstft.testing import check_plugin


def test_contract():
    check_plugin(KIND)
'''
