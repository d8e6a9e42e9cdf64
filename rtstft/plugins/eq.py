"""Eq: an equaliser of parametric bands and of a drawn curve."""

import numpy as np

from rtstft.plugin import Context
from rtstft.plugins._bands import parse_bands, parse_curve
from rtstft.plugins._impulse import Taps
from rtstft.plugins._remarks import beyond
from rtstft.plugins._shaper import Magnitude, Shaper, minimum_phase
from rtstft.plugins._text import TextParam
from rtstft.types import RealArray


class Eq(Shaper):
    """Raises and lowers parts of the spectrum: by parametric bands, by a drawn curve, or by both.

    Bands are text, kind:Hz:dB:Q, as in "low_shelf:100:+3, peak:1000:-6:1.4, high_shelf:8000:2"; Q may be
    left out (0.71 for shelves, 1 for peaks). A curve is breakpoints Hz:dB, as in "50:-12, 100:0, 5000:+3",
    joined by straight lines in dB over the logarithm of frequency, and level beyond its ends.
    Minimum phase, as an analogue equaliser.

    In an "ola" geometry with padding, what fits in n_fft - win_length + 1 taps is exact. With a
    synthesis window, taps are corrected for the windows' mean weight, and the rest of the error is
    computed, before the first frame and for each setting that has rested for 50 ms, of automation as well:
    over 0.1 dB is a ResponseWarning, and `error_db` tells how much. Where the response is below -40 dB of
    its peak, errors are relative to that level.
    Narrow bands at low frequencies ring for longer than a frame: they are what does not fit. A peak or high
    shelf at or above half the samplerate changes nothing, and is a ResponseWarning.

    Algorithm: magnitudes of Bristow-Johnson's audio EQ cookbook; minimum phase by the cepstrum
    (Oppenheim and Schafer, Discrete-time signal processing, 1989); multiplication by the spectrum of that.
    Cost: one complex multiplication a bin; a change of the response takes four transforms of four frames'
    points, and 16384 at 48 kHz at least, and two more once it rests. Latency: none.
    """

    bands = TextParam(parse_bands, "low_shelf, peak or high_shelf:Hz:dB[:Q], separated by commas")
    curve = TextParam(parse_curve, "breakpoints Hz:dB, separated by commas")

    def prepare(self, context: Context) -> None:
        """Takes over the samplerate."""
        super().prepare(context)
        self._samplerate = context.samplerate

    def remarks(self) -> list[str]:
        """Of bands that nothing reaches up to."""
        return [
            beyond(f"the {band.kind} at {band.frequency_hz:g} Hz", self.nyquist_hz, "it changes nothing")
            for band in parse_bands(self.bands)
            if band.kind != "low_shelf" and band.frequency_hz >= self.nyquist_hz
        ]

    def taps(self) -> Taps:
        """Of all bands and the curve."""
        return minimum_phase(self.magnitude(self.frequencies))

    def magnitude(self, frequencies: RealArray) -> Magnitude:
        """The magnitude asked for, at `frequencies` in Hz; once prepared."""
        magnitude = np.ones(len(frequencies))
        for band in parse_bands(self.bands):
            magnitude *= band.magnitude(frequencies, self._samplerate)
        points = np.array(parse_curve(self.curve)).reshape(-1, 2)
        if len(points):
            where = np.log(np.maximum(frequencies, points[0, 0]))
            magnitude *= 10 ** (np.interp(where, np.log(points[:, 0]), points[:, 1]) / 20)
        return magnitude
