"""Rig: what a plugin is tried in, and what it is given there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rtstft.errors import AudioError, GeometryError, PluginError
from rtstft.geometry import STFT
from rtstft.plugin import Plugin
from rtstft.processor import Processor
from rtstft.types import RealArray

RATE = 48_000.0
FRAMES = 24


@dataclass(frozen=True)
class Rig:
    """A geometry, a number of channels, a precision, and noise for the auxiliary inputs."""

    geometry: STFT
    channels: int
    dtype: str
    aux: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.geometry}, {self.channels} channels, {self.dtype}"

    def processor(self, plugin: Plugin) -> Processor:
        """One that has `plugin` prepared for the rig."""
        return Processor(
            plugin,
            self.geometry,
            samplerate=RATE,
            channels=self.channels,
            dtype=self.dtype,
            aux=dict.fromkeys(self.aux, 1),
        )

    def refusal(self, plugin: Plugin) -> str:
        """Why `prepare` refuses the rig; empty if it does not."""
        try:
            self.processor(plugin)
        except PluginError as error:
            if isinstance(error.__cause__, (GeometryError, AudioError)):
                return str(error.__cause__)
            raise
        return ""

    def run(self, plugin: Plugin, x: RealArray, sizes: Sequence[int] = ()) -> RealArray:
        """The plugin's output for `x`, cut into blocks of these sizes, and one of the rest."""
        return through(self.processor(plugin), x, sizes)

    def signal(self, x: RealArray) -> RealArray:
        """One channel for all, and noise for the auxiliary inputs."""
        noise = np.random.default_rng(7).uniform(-0.5, 0.5, (len(x), len(self.aux)))
        return np.column_stack([*[x] * self.channels, noise]).astype(self.dtype)

    def noise(self) -> RealArray:
        """White noise, another in each channel."""
        length = FRAMES * self.geometry.hop_length + self.geometry.win_length
        shape = (length, self.channels + len(self.aux))
        return np.random.default_rng(3).uniform(-0.5, 0.5, shape).astype(self.dtype)


def rigs(geometries: Sequence[STFT], aux: tuple[str, ...]) -> Iterator[Rig]:
    """All that a plugin with these auxiliary inputs is tried in."""
    # Every number of channels, and every geometry in both precisions with one and two of them.
    for geometry in geometries:
        for channels in (1, 2):
            for dtype in ("float32", "float64"):
                yield Rig(geometry, channels, dtype, aux)
    for channels in range(3, 9):
        yield Rig(geometries[channels % len(geometries)], channels, "float32", aux)


def through(processor: Processor, x: RealArray, sizes: Sequence[int] = ()) -> RealArray:
    """Output for `x`, in blocks of these sizes and one of the rest."""
    parts, start = [], 0
    for size in sizes:
        parts.append(processor.process(x[start : start + size]))
        start += size
    parts.append(processor.process(x[start:]))
    return np.concatenate(parts)
