"""Pitch: higher or lower, with the formants where they were or moved."""

from rtstft.params import Param
from rtstft.plugin import Context, Plugin
from rtstft.plugins._voices import Voices
from rtstft.types import ComplexArray


class Pitch(Plugin):
    """Transposes a sound, keeping its speed, and the formants of a voice if wanted.

    Every peak of the spectrum is moved with the region around it by a whole number of bins, and what
    is missing to the exact frequency is turned on in its phase; channels keep their phases to each
    other. Partials are to be resolved: a window of four periods of the lowest fundamental, and
    a hop of an eighth of it, such as 2048 and 256 at 48 kHz. A partial that begins keeps its own
    phase.

    Formants are kept within 2 dB for voices from 60 to 180 Hz, to 250 Hz where they are 110 Hz wide or
    more. Between partials nobody knows the formants: narrower ones and higher voices leave 3 dB, worse
    above `max_f0_hz`, and below 2.5 periods a window.

    Algorithm: Laroche and Dolson (WASPAA 1999), peaks moved within the spectrum, phases locked to them,
    frequencies by phase advance; formants by lines from partial to partial, Paul (IEEE Trans. ASSP, 1981).
    Cost: some 40 passes over the bins; where formants and partials move apart, a logarithm and a transform
    up to 5 kHz and 15 passes more. Latency: none.
    """

    semitones = Param(0.0, min=-24.0, max=24.0, unit="semitones", doc="by how much to transpose")
    formants = Param("move", choices=("move", "keep"), doc="formants move along with the pitch, or stay")
    formant_semitones = Param(0.0, min=-24.0, max=24.0, doc="by how much to move the formants besides")
    max_f0_hz = Param(300.0, min=50.0, max=2000.0, doc="highest fundamental of a voice with formants to keep")

    def prepare(self, context: Context) -> None:
        """Allocates; GeometryError if the hop is more than half a window."""
        self._voices = Voices(context, 1)

    def update(self) -> None:
        """Takes over the intervals."""
        self._voices.set_highest_f0(self.max_f0_hz)
        self._voices.voices[0].tune(
            self.semitones, self.formant_semitones, formants_follow=self.formants == "move", gain=1.0
        )

    def process(self, frame: ComplexArray) -> None:
        """Replaces the frame by the transposed one."""
        self._voices.process(frame, 0.0)

    def reset(self) -> None:
        """Forgets peaks and phases."""
        self._voices.reset()
