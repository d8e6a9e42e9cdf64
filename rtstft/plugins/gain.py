"""Gain: louder or softer."""

from rtstft.params import Param
from rtstft.plugin import Plugin
from rtstft.types import ComplexArray


class Gain(Plugin):
    """Multiplies every bin by one factor, gliding in dB to a new one.

    Algorithm: a real factor for all bins, exact in every geometry by the transform's linearity;
    too simple to have a source.
    Cost: one multiplication a bin. Latency: none.
    """

    gain_db = Param(0.0, min=-120.0, max=60.0, smooth_s=0.02, doc="what to add to the level")

    def update(self) -> None:
        """Takes over the gain."""
        self._factor = 10 ** (self.gain_db / 20)

    def process(self, frame: ComplexArray) -> None:
        """Scales the frame in place."""
        frame *= self._factor
