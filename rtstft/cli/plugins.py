"""`rtstft plugins`: what there is, all about one or about a preset, and a skeleton for more."""

import json
import keyword
import re
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from typer.core import TyperGroup

from rtstft.cli.described import facts_of, facts_of_preset, print_all, print_one, print_preset
from rtstft.errors import CallbackError, FileError, PluginWarning, RtstftError
from rtstft.loading import is_preset, plugin
from rtstft.places import ambiguous, registered

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="As JSON, with all there is to know.")]


class _NamesToo(TyperGroup):
    """Takes what is none of its commands for the name of a plugin to show."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command, and its arguments."""
        return super().resolve_command(ctx, args if args[0] in self.commands else ["show", *args])


verb = typer.Typer(
    cls=_NamesToo,
    help="List the plugins, show one (rtstft plugins gain) or what a preset holds (rtstft plugins "
    "voice.toml), or write the skeleton of a new one.",
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
        print_all(found)


@verb.command("show")
def show(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(help="Of a plugin; file.py:Name, or package.module:Name; or a preset file.")
    ],
    as_json: AsJson = False,
) -> None:
    """Show all about one plugin, or what a preset holds; the word show may be left out."""
    preset = is_preset(name)
    found = facts_of_preset(name) if preset else facts_of(plugin(name), name)
    if as_json or context.obj:
        print(json.dumps(found))
    elif preset:
        print_preset(found)
    else:
        print_one(found)


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
            entry = facts_of(plugin(name), name)
        except (RtstftError, TypeError) as error:  # a TypeError of an aux that is no tuple of names
            entry = {"name": name, "error": str(error)}
    return {**entry, "warning": doubt} if doubt else entry


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
