"""What there is to know of plugins and presets: as facts for JSON, and as tables."""

import inspect
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rtstft.callbacks import inputs_of
from rtstft.chain import Chain
from rtstft.documented import without_parameters
from rtstft.places import place_in_file, place_of
from rtstft.plugin import Plugin
from rtstft.presets import load_preset

if TYPE_CHECKING:
    from rich.table import Table


def facts_of(plugin: Plugin, name: str) -> dict[str, Any]:
    """All about a plugin, found under `name`, that JSON can hold."""
    kind = type(plugin)
    doc = without_parameters(inspect.getdoc(kind) or "")
    if doc == inspect.getdoc(Plugin):  # inherited by one that says nothing of itself
        doc = ""
    return {
        "name": name,
        "class": place_in_file(kind) or f"{kind.__module__}:{kind.__qualname__}",
        "summary": " ".join(doc.partition("\n\n")[0].split()),
        "doc": doc,
        "aux": list(inputs_of(plugin)),
        "parameters": [param.describe() for param in plugin.params.values()],
    }


def facts_of_preset(path: str) -> dict[str, Any]:
    """The plugins of a preset file in their order, each parameter with its value and breakpoints."""
    plugins = []
    for plugin in _members(load_preset(path)):
        facts = facts_of(plugin, place_of(type(plugin)))
        values, curves = dict(plugin.parameter_values), plugin.parameter_values.curves
        for param in facts["parameters"]:
            name = param["name"]
            param["value"] = values[name]
            param["automation"] = getattr(curves.get(name), "points", [])
        plugins.append(facts)
    return {"name": path, "plugins": plugins}


def print_all(found: list[dict[str, Any]]) -> None:
    """Every plugin with its own parameters, or with what is wrong with it."""
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


def print_one(entry: dict[str, Any]) -> None:
    """A plugin with its whole docstring and all its parameters."""
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


def print_preset(preset: dict[str, Any]) -> None:
    """The plugins of a preset, as `facts_of_preset` gives them, with what it sets."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console()
    names = ", ".join(entry["name"] for entry in preset["plugins"])
    console.print(Text.assemble((preset["name"], "bold"), f"  {names or 'no plugins'}"))
    for entry in preset["plugins"]:
        console.print(Text.assemble("\n", (entry["name"], "bold"), f"  {entry['summary']}"))
        heading = [("parameter", "set to", "default", "values")]
        rows = [
            (param["name"], _set_to(param), _shown(param["default"]), _range(param), param["doc"])
            for param in entry["parameters"]
        ]
        console.print(Padding(_table(heading, rows, _aux_rows(entry["aux"])), (0, 0, 0, 4)))


def _set_to(param: dict[str, Any]) -> str:
    """What a preset sets a parameter to: its value, or the course of it."""
    points = (f"{_shown(value)} at {time_s:g} s" for time_s, value in param["automation"])
    return ", ".join(points) or _shown(param["value"])


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


def _members(found: Any) -> Iterator[Plugin]:
    """The plugins of a preset; chains within it are their members."""
    if isinstance(found, Chain):
        for member in found:
            yield from _members(member)
    else:
        yield found
