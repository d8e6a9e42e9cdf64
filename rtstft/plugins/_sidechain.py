"""A sidechain of any number of channels beside a signal of any other."""

from collections.abc import Mapping

import numpy as np

from rtstft.plugin import Context
from rtstft.types import ComplexArray

NAME = "sidechain"


class Sidechain:
    """Frames of the sidechain that fit the signal's.

    As many channels as the signal has go one to one, and a single one goes to all of the signal's; of any
    other number, the mean does.

    Args:
        context: of the plugin.

    Attributes:
        channels: of `frame`'s result: those of the signal, or 1, to be broadcast.
    """

    def __init__(self, context: Context) -> None:
        self._direct = context.aux[NAME] in (1, context.channels)
        self.channels = context.aux[NAME] if self._direct else 1
        self._mean = np.zeros((1, context.stft.bins), context.complex_dtype)

    def frame(self, aux: Mapping[str, ComplexArray]) -> ComplexArray:
        """Its frame, shape (channels, bins), read-only."""
        given = aux[NAME]
        if self._direct:
            return given
        np.add.reduce(given, axis=0, keepdims=True, out=self._mean)
        self._mean *= 1 / len(given)
        return self._mean
