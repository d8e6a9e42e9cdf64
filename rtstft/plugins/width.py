"""Width: makes a stereo signal wider or narrower."""

import numpy as np

from rtstft.params import Param
from rtstft.plugin import Context, Plugin
from rtstft.plugins import _range
from rtstft.plugins._remarks import Remarks
from rtstft.plugins._stereo import check_stereo
from rtstft.types import ComplexArray


class Width(Plugin):
    """Scales the difference of left and right between two frequencies; their sum stays as it is.

    At 0 that range is mono, at 1 unchanged, at 2 the difference is twice as large. Needs two channels,
    left and right. Edges are a third of an octave wide, or four bins of the unpadded transform; a range
    with nothing in it is a ResponseWarning.

    Algorithm: middle (L + R) / 2 and side (L - R) / 2, the side scaled (Blumlein, British patent 394325,
    1931), bin by bin.
    Cost: four complex operations a bin. Latency: none.
    """

    width = Param(1.0, min=0.0, max=4.0, smooth_s=0.02, doc="0 is mono, 1 leaves it, 2 doubles the sides")
    low_hz = Param(0.0, min=0.0, max=200_000.0, doc="lower end of what is changed")
    high_hz = Param(200_000.0, min=0.0, max=200_000.0, doc="upper end of what is changed")

    def prepare(self, context: Context) -> None:
        """Allocates."""
        check_stereo(context)
        self._context = context
        self._remarks = Remarks(self)
        # Complex by complex: by a real array, numpy would convert that anew, into memory of its own.
        self._factors, self._change = np.zeros((2, context.stft.bins), context.complex_dtype)

    def update(self) -> None:
        """Makes the factors of all bins."""
        self._remarks.make(_range.remarks(self._context, self.low_hz, self.high_hz))
        weights = _range.between(self._context, self.low_hz, self.high_hz)
        self._factors[...] = weights * ((self.width - 1) / 2)

    def process(self, frame: ComplexArray) -> None:
        """Adds to the left what is taken from the right, in place."""
        left, right = frame
        np.subtract(left, right, out=self._change)
        self._change *= self._factors
        left += self._change
        right -= self._change
