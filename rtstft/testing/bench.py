"""Bench: a plugin that plays in a rig."""

from collections.abc import Callable, Sequence

import numpy as np

from rtstft.plugin import Plugin
from rtstft.testing.rig import Rig
from rtstft.types import RealArray

Fresh = Callable[..., Plugin]
"""Makes a plugin as it is to be tested, with these parameters besides."""


class Bench:
    """A plugin in a rig, and what becomes of noise there.

    Args:
        rig: the rig.
        fresh: makes the plugin, and others like it.

    Attributes:
        plugin: prepared for the rig.
        processor: of the plugin.
        noise: the input.
        usual: the output for it.

    Raises:
        PluginError: the plugin cannot be prepared, or fails.
    """

    def __init__(self, rig: Rig, fresh: Fresh) -> None:
        self.rig = rig
        self.fresh = fresh
        self.plugin = fresh()
        self.processor = rig.processor(self.plugin)
        self.noise = rig.noise(self.processor.lookahead)
        self.usual = self.processor.process(self.noise)

    def play(self, sizes: Sequence[int] = (), between: Callable[[], object] = lambda: None) -> RealArray:
        """The output, after a reset; in blocks of these sizes and one of the rest, `between` in between."""
        self.processor.reset()
        first, *others = np.split(self.noise, np.cumsum(sizes, dtype=int))
        parts = [self.processor.process(first)]
        for block in others:
            between()
            parts.append(self.processor.process(block))
        return np.concatenate(parts)

    def play_halves(self, between: Callable[[], object]) -> RealArray:
        """The output, after a reset, with a call in the middle."""
        return self.play([len(self.noise) // 2], between)

    def of(self, plugin: Plugin) -> RealArray:
        """Another plugin's output."""
        return self.rig.processor(plugin).process(self.noise)


def assert_same(found: RealArray, expected: RealArray, what: str, remedy: str) -> None:
    """AssertionError if they differ in a bit: what, where, and what to do."""
    if not np.array_equal(found, expected):
        first = int(np.flatnonzero((found != expected).any(axis=1))[0])
        worst = float(np.abs(found - expected).max())
        raise AssertionError(f"{what}: from sample {first} on, by up to {worst:.3g}: {remedy}")
