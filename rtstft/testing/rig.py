"""Rig: what a plugin is tried in, and what it is given there."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rtstft.errors import AudioError, GeometryError, PluginError, SetupError
from rtstft.geometry import STFT
from rtstft.plugin import Plugin
from rtstft.processor import Processor
from rtstft.types import RealArray

RATES = (48_000.0, 192_000.0, 8_000.0, 44_100.0)
FRAMES = 25  # and those of a window: 29, which no cycle fits, with four hops in it


@dataclass(frozen=True)
class Rig:
    """A geometry, a samplerate, a number of channels, a precision, and channels of auxiliary inputs."""

    geometry: STFT
    samplerate: float
    channels: int
    dtype: str
    aux: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        aux = "".join(f", {name!r} of {channels}" for name, channels in self.aux)
        return f"{self.geometry}, {self.samplerate:g} Hz, {self.channels} channels{aux}, {self.dtype}"

    def processor(self, callbacks: Plugin | Iterable[Plugin]) -> Processor:
        """One that has plugins prepared for the rig."""
        return Processor(
            callbacks, self.geometry, self.samplerate, self.channels, dtype=self.dtype, aux=dict(self.aux)
        )

    def signal(self, x: RealArray) -> RealArray:
        """One channel for all, and noise for the auxiliary inputs."""
        noise = np.random.default_rng(7).uniform(-0.5, 0.5, (len(x), self._inputs))
        noise[:, : self.channels] = x[:, np.newaxis]
        return noise.astype(self.dtype)

    def noise(self, lookahead: int = 0) -> RealArray:
        """White noise, another in each channel, longer by the `lookahead` of a plugin, in samples."""
        length = FRAMES * self.geometry.hop_length + self.geometry.win_length + lookahead
        shape = (length, self._inputs)
        return np.random.default_rng(3).uniform(-0.5, 0.5, shape).astype(self.dtype)

    @property
    def _inputs(self) -> int:
        return self.channels + sum(channels for _, channels in self.aux)


def rigs(geometries: Sequence[STFT], names: Sequence[str]) -> Iterator[Rig]:
    """All that a plugin with auxiliary inputs of these names is tried in."""
    # Every number of channels, and every geometry in both precisions with one and two of them. Samplerates
    # and numbers of auxiliary channels take turns, so that each meets each precision and number of channels.
    for place, geometry in enumerate(geometries):
        for turn, (channels, dtype) in enumerate(
            [(1, "float32"), (1, "float64"), (2, "float32"), (2, "float64")], place
        ):
            yield Rig(geometry, RATES[turn % len(RATES)], channels, dtype, _aux(names, turn))
    for channels in range(3, 9):
        geometry, rate = geometries[channels % len(geometries)], RATES[channels % len(RATES)]
        yield Rig(geometry, rate, channels, "float32", _aux(names, channels))


def _aux(names: Sequence[str], turn: int) -> tuple[tuple[str, int], ...]:
    """Inputs of one to three channels; every other time in another order, with one that was not asked for."""
    others = ["unasked"] if names and turn % 2 else []
    counts = [(name, 1 + (turn + place) % 3) for place, name in enumerate([*names, *others])]
    return tuple(reversed(counts)) if others else tuple(counts)


def refused(error: PluginError) -> bool:
    """Whether that is a plugin's way to say that it cannot be prepared for a rig."""
    return isinstance(error, SetupError) and isinstance(error.__cause__, (GeometryError, AudioError))
