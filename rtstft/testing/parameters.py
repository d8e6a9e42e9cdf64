"""Parameters of a plugin: at their limits, set before it plays and while it does."""

from typing import Any

import numpy as np

from rtstft.errors import PluginError, RtstftError
from rtstft.plugin import Plugin
from rtstft.testing.bench import Bench, assert_same
from rtstft.testing.checks import check_signals
from rtstft.testing.located import located
from rtstft.types import RealArray


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


def check_left_alone(bench: Bench) -> None:
    """After it has played, they are what they were set to."""
    for name, value in bench.fresh().parameter_values:
        found = getattr(bench.plugin, name)
        assert found == value or name in bench.plugin.parameter_values.curves, (
            f"{name}={value!r} has become {found!r} since it was prepared: parameters are the user's to set, "
            f"keep what is computed in an attribute of another name"
        )


def check_limits(bench: Bench) -> None:
    """Each works at its limits, and sounds the same whenever it was set."""
    for name, param in bench.plugin.params.items():
        for value in limits(bench.plugin, name):
            try:
                processor = bench.rig.processor(bench.fresh(**{name: value}))
                expected = processor.process(bench.noise)
                if bench.rig.dtype == "float32":  # float64 is later at its own limits, and takes as long
                    with located(f"with {name}={value!r}"):
                        check_signals(bench.rig, processor)
                if not param.fixed:
                    _check_set(bench, name, value, expected)
            except PluginError as error:
                if isinstance(error.__cause__, RtstftError):
                    continue  # refused, with a reason
                raise AssertionError(f"with {name}={value!r}: {error}") from error


def _check_set(bench: Bench, name: str, value: Any, expected: RealArray) -> None:
    """`value` sounds as `expected`, that of a plugin made with it; afterwards it is set back."""
    plugin = bench.plugin
    usual, lookahead = getattr(plugin, name), plugin.lookahead
    try:
        bench.play_halves(lambda: plugin.set(**{name: value}))
        assert_same(
            bench.play(),
            expected,
            f"{name}={value!r}, set once it is prepared, sounds unlike a plugin that was made with it",
            f"read {name} in update or process, or declare it with fixed=True",
        )
        assert plugin.lookahead == lookahead, (
            f"{name}={value!r} changes lookahead from {lookahead} to {plugin.lookahead}, but the latency of "
            f"a stream stays: declare {name} with fixed=True, and set lookahead in prepare"
        )
    finally:
        plugin.set(**{name: usual})
    assert_same(
        bench.play(),
        bench.usual,
        f"{name}={usual!r}, set back from {value!r}, sounds unlike before",
        "let update make anew whatever depends on parameters",
    )
    if not plugin.params[name].smooth_s and not np.array_equal(expected, bench.usual):
        bench.processor.reset()
        plugin.set(**{name: value})
        found = bench.processor.process(bench.noise)
        plugin.set(**{name: usual})
        assert not np.array_equal(found, bench.usual), (
            f"{name}={value!r}, set without a reset, is not heard: read {name} in update or process, which "
            f"run when it changes, or declare it with fixed=True"
        )
