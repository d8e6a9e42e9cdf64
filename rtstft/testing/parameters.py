"""Parameters of a plugin: at their limits, set before it plays and while it does."""

from typing import Any

from rtstft.errors import PluginError, RtstftError
from rtstft.plugin import Plugin
from rtstft.testing.bench import Bench


def limits(plugin: Plugin, name: str) -> list[Any]:
    """A parameter's limits, or a step away where it has none, but for what it is set to."""
    param, present = plugin.params[name], getattr(plugin, name)
    values: list[Any]
    if name in plugin.parameter_values.curves:
        values = []  # its course decides
    elif param.kind is bool:
        values = [False, True]
    elif param.kind is str:
        values = list(param.choices)
    else:
        values = [
            present - 1 if param.min is None else param.min,
            present + 1 if param.max is None else param.max,
        ]
    return [value for value in values if value != present]


def check_limits(bench: Bench) -> None:
    """Each works at its limits, from the start and in the middle of a signal."""
    for name, param in bench.plugin.params.items():
        for value in limits(bench.plugin, name):
            try:
                bench.of(bench.fresh(**{name: value}))
                if not param.fixed:
                    _check_set(bench, name, value)
            except PluginError as error:
                if isinstance(error.__cause__, RtstftError):
                    continue  # refused, with a reason
                raise AssertionError(f"with {name}={value!r}: {error}") from error


def _check_set(bench: Bench, name: str, value: Any) -> None:
    usual = getattr(bench.plugin, name)
    try:
        bench.play_halves(lambda: bench.plugin.set(**{name: value}))
    finally:
        bench.plugin.set(**{name: usual})
