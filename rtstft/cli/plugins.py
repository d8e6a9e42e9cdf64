"""`rtstft plugins`: what there is, all about one, and a skeleton for more."""

import inspect
import itertools
import json
import keyword
import re
import warnings
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
from typer.core import TyperGroup

from rtstft.errors import CallbackError, FileError, PluginWarning
from rtstft.loading import plugin
from rtstft.places import ambiguous, place_in_file, registered

if TYPE_CHECKING:
    from rich.table import Table

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="As JSON, with all there is to know.")]


class _NamesToo(TyperGroup):
    """Takes what is none of its commands for the name of a plugin to show."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command, and its arguments."""
        return super().resolve_command(ctx, args if args[0] in self.commands else ["show", *args])


verb = typer.Typer(
    cls=_NamesToo,
    help="List the plugins, show one (rtstft plugins gain), or write the skeleton of a new one.",
    add_completion=False,
)


@verb.callback(invoke_without_command=True)
def plugins(context: typer.Context, as_json: AsJson = False) -> None:
    """List the plugins with their parameters."""
    if context.invoked_subcommand is not None:
        context.obj = as_json
        return
    doubts = ambiguous()
    found = [_listed(name, doubts.get(name)) for name in registered()]
    if as_json:
        print(json.dumps(found))
    else:
        _print_all(found)


@verb.command("show")
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Of a plugin; or file.py:Name, or package.module:Name.")],
    as_json: AsJson = False,
) -> None:
    """Show all about one plugin; the word show may be left out."""
    found = _described(name)
    if as_json or context.obj:
        print(json.dumps(found))
    else:
        _print_one(found)


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


def _listed(name: str, doubt: str | None) -> dict[str, Any]:
    """What is listed under a name; with `doubt`, which is said here and not on standard error as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)
        try:
            entry = _described(name)
        except CallbackError as error:
            entry = {"name": name, "error": str(error)}
    return {**entry, "warning": doubt} if doubt else entry


def _described(name: str) -> dict[str, Any]:
    made = plugin(name)
    kind = type(made)
    return {
        "name": name,
        "class": place_in_file(kind) or f"{kind.__module__}:{kind.__qualname__}",
        "summary": " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split()),
        "doc": inspect.getdoc(kind) or "",
        "aux": list(made.aux),
        "parameters": [param.describe() for param in made.params.values()],
    }


def _print_all(found: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console()
    for entry in found:
        summary = entry.get("summary", entry.get("error", ""))
        console.print(Text.assemble((entry["name"], "bold"), f"  {summary}"))
        if "warning" in entry:
            console.print(Text(f"    warning: {entry['warning']}"))
        own = [param for param in entry.get("parameters", ()) if param["name"] not in ("mix", "bypass")]
        rows = [(param["name"], _shown(param["default"]), _range(param), param["doc"]) for param in own]
        console.print(Padding(_table(_aux_rows(entry.get("aux", ())), rows), (0, 0, 1, 4)))
    console.print("Every plugin has mix, 0 to 1, and bypass, true or false.")


def _print_one(entry: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    console.print(Text.assemble((entry["name"], "bold"), f"  {entry['class']}\n"))
    for line in _reflowed(entry["doc"]):
        console.print(Text(line))
    rows = [
        (param["name"], _shown(param["default"]), _range(param), _manner(param), param["doc"])
        for param in entry["parameters"]
    ]
    console.print("")
    heading = [("parameter", "default", "values")]
    console.print(_table(heading, rows, _aux_rows(entry["aux"])))


def _aux_rows(names: Iterable[str]) -> list[tuple[str, str, str]]:
    return [(f"--aux {name}=", "", "auxiliary input") for name in names]


def _table(*parts: Sequence[tuple[str, ...]]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for row in itertools.chain(*parts):
        table.add_row(*map(Text, row))
    return table


def _reflowed(doc: str) -> list[str]:
    """Lines of a docstring, each as long as its paragraph; what is indented, lists and headings stay."""
    lines = [""]
    for line in doc.splitlines():
        goes_on = line and lines[-1] and not lines[-1].startswith(" ") and not lines[-1].endswith(":")
        if goes_on and not re.match(r"\s|[-*>#|]|[A-Z]\w*( \w+)?:(\s|$)", line):
            lines[-1] += f" {line}"
        else:
            lines.append(line)
    return lines[1:]


def _manner(param: dict[str, Any]) -> str:
    """How it takes another value."""
    return "fixed" if param["fixed"] else f"smoothed {param['smooth_s']:g} s" if param["smooth_s"] else ""


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if value != "" else '""'


def _range(param: dict[str, Any]) -> str:
    words = {"choice": ", ".join(param["choices"]), "bool": "true, false", "str": "text", "path": "path"}
    if param["type"] in words:
        return words[param["type"]]
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
