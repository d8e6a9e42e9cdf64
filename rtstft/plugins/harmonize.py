"""Harmonize: up to four transposed voices beside the sound."""

from rtstft.params import Param
from rtstft.plugin import Context, Plugin
from rtstft.plugins._voices import Voices
from rtstft.types import ComplexArray

_OFF_DB = -60.0
_VOICES = 4


class Harmonize(Plugin):
    """Adds voices at fixed intervals to a sound; each has a level, and is off at -60 dB.

    What holds for Pitch holds for every voice. Peaks and formants are looked for once for all of
    them.

    Algorithm: that of Pitch, Laroche and Dolson (WASPAA 1999).
    Cost: that of Pitch, and some 20 passes over the bins for each further voice, 10 if formants move along.
    Latency: none.
    """

    voice1_semitones = Param(4.0, min=-24.0, max=24.0, doc="interval of the first voice")
    voice1_db = Param(-6.0, min=_OFF_DB, max=12.0, smooth_s=0.02, doc="its level; off at -60")
    voice2_semitones = Param(7.0, min=-24.0, max=24.0, doc="interval of the second voice")
    voice2_db = Param(-6.0, min=_OFF_DB, max=12.0, smooth_s=0.02, doc="its level; off at -60")
    voice3_semitones = Param(12.0, min=-24.0, max=24.0, doc="interval of the third voice")
    voice3_db = Param(_OFF_DB, min=_OFF_DB, max=12.0, smooth_s=0.02, doc="its level; off at -60")
    voice4_semitones = Param(-12.0, min=-24.0, max=24.0, doc="interval of the fourth voice")
    voice4_db = Param(_OFF_DB, min=_OFF_DB, max=12.0, smooth_s=0.02, doc="its level; off at -60")
    dry_db = Param(0.0, min=_OFF_DB, max=12.0, smooth_s=0.02, doc="level of the sound itself; off at -60")
    formants = Param("keep", choices=("move", "keep"), doc="formants move along with the pitch, or stay")
    formant_semitones = Param(0.0, min=-24.0, max=24.0, doc="by how much to move their formants besides")
    max_f0_hz = Param(300.0, min=50.0, max=2000.0, doc="highest fundamental of a voice with formants to keep")

    def prepare(self, context: Context) -> None:
        """Allocates; GeometryError if the hop is more than half a window."""
        self._voices = Voices(context, _VOICES)

    def update(self) -> None:
        """Takes over intervals and levels."""
        self._voices.set_highest_f0(self.max_f0_hz)
        self._dry = _gain(self.dry_db)
        for number, voice in enumerate(self._voices.voices, 1):
            voice.tune(
                getattr(self, f"voice{number}_semitones"),
                self.formant_semitones,
                formants_follow=self.formants == "move",
                gain=_gain(getattr(self, f"voice{number}_db")),
            )

    def process(self, frame: ComplexArray) -> None:
        """Adds the voices to the frame."""
        self._voices.process(frame, self._dry)

    def reset(self) -> None:
        """Forgets peaks and phases."""
        self._voices.reset()


def _gain(level_db: float) -> float:
    return 0.0 if level_db <= _OFF_DB else float(10 ** (level_db / 20))
