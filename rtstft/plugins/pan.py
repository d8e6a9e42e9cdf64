"""Pan: moves a part of the spectrum to the left or to the right."""

import math

import numpy as np

from rtstft.params import Param
from rtstft.plugin import Context, Plugin
from rtstft.plugins import _range
from rtstft.plugins._remarks import Remarks
from rtstft.plugins._stereo import check_stereo
from rtstft.types import ComplexArray


class Pan(Plugin):
    """Moves what lies between two frequencies to the left or right, by the gains of the two channels.

    In the middle both are 1. Fully to one side, the other channel is silent in that range; this one has
    3 dB more by the constant-power law (the sum of the powers stays), 6 dB more by the linear one (the
    sum of the amplitudes stays). Needs two channels, left and right. Edges are a third of an octave wide, or
    four bins of the unpadded transform; a range with nothing in it is a ResponseWarning.

    Algorithm: gains sqrt(2) cos and sqrt(2) sin of an angle from 0 to 90 degrees, or 1 - pan and
    1 + pan (Moore, Elements of computer music, 1990, stereo placement).
    Cost: two real multiplications a bin. Latency: none.
    """

    pan = Param(0.0, min=-1.0, max=1.0, smooth_s=0.02, doc="-1 is left, 1 is right")
    law = Param("constant_power", choices=("constant_power", "linear"), doc="what stays the same")
    low_hz = Param(0.0, min=0.0, max=200_000.0, doc="lower end of what is moved")
    high_hz = Param(200_000.0, min=0.0, max=200_000.0, doc="upper end of what is moved")

    def prepare(self, context: Context) -> None:
        """Allocates the gains."""
        check_stereo(context)
        self._context = context
        self._remarks = Remarks(self)
        # Of real and imaginary parts: numpy multiplies two arrays of one type without buffers.
        self._gains = np.ones((2, context.stft.bins, 2), context.dtype)
        self._flat = self._gains.reshape(2, -1)

    def update(self) -> None:
        """Makes the gains of all bins."""
        if self.law == "linear":
            left, right = 1 - self.pan, 1 + self.pan
        else:
            angle = (self.pan + 1) * math.pi / 4
            left, right = math.sqrt(2) * math.cos(angle), math.sqrt(2) * math.sin(angle)
        self._remarks.make(_range.remarks(self._context, self.low_hz, self.high_hz))
        weights = _range.between(self._context, self.low_hz, self.high_hz)
        self._gains[0] = 1 + weights[:, np.newaxis] * (left - 1)
        self._gains[1] = 1 + weights[:, np.newaxis] * (right - 1)

    def process(self, frame: ComplexArray) -> None:
        """Scales both channels in place."""
        parts = frame.view(self._gains.dtype)
        parts *= self._flat
