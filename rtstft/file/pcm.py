"""Sample formats: how many bits a subtype holds, and rounding to exactly those."""

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rtstft.errors import AudioError
from rtstft.types import RealArray

Clip: TypeAlias = Literal["count", "error", "normalize"]
Dither: TypeAlias = Literal["tpdf"] | None

# libsndfile's names; the logarithmic ones expand to 16 bits, and take 16.
INTEGER_BITS = {
    "PCM_S8": 8,
    "PCM_U8": 8,
    "PCM_16": 16,
    "PCM_24": 24,
    "PCM_32": 32,
    "ALAW": 16,
    "ULAW": 16,
    "ALAC_16": 16,
    "ALAC_20": 20,
    "ALAC_24": 24,
    "ALAC_32": 32,
    "DPCM_8": 8,
    "DPCM_16": 16,
    "DWVW_12": 12,
    "DWVW_16": 16,
    "DWVW_24": 24,
}


def engine_dtype(*subtypes: str) -> np.dtype[Any]:
    """float64 where a subtype holds more than float32 processing keeps, float32 otherwise."""
    wide = any(s in ("FLOAT", "DOUBLE") or INTEGER_BITS.get(s, 0) > 16 for s in subtypes)
    return np.dtype(np.float64 if wide else np.float32)


class Encoder:
    """Turns engine output into what is written, and keeps count of what does not fit.

    libsndfile truncates floats that it is to store as integers, so integers are made here,
    rounded to nearest, and handed over with the subtype's bits at the top of int16 or int32.

    Attributes:
        peak: largest magnitude seen by `observe`, full scale being 1.
        clipped: samples seen that round to beyond an integer subtype's range.
    """

    def __init__(self, subtype: str, *, dither: Dither = None, refuse_clipping: bool = False) -> None:
        self.peak = 0.0
        self.clipped = 0
        self._observed = 0
        self._refuse = refuse_clipping
        self._bits = INTEGER_BITS.get(subtype)
        # A fixed seed: the same input gives the same file.
        self._random = np.random.default_rng(0) if dither and self._bits else None

    @property
    def headroom_gain(self) -> float:
        """Factor that brings the peak to full scale if anything was clipped; 1 otherwise."""
        if self._bits is None or not self.clipped:
            return 1.0
        full_scale = 2.0 ** (self._bits - 1)
        dithered = 0 if self._random is None else 1
        return (full_scale - 1 - dithered) / (full_scale * self.peak)

    def observe(self, samples: RealArray) -> None:
        """Takes peak and clipping of `samples`, shape (n, channels); AudioError if clipping is refused."""
        if samples.size == 0:
            return
        highest, lowest = float(samples.max()), float(samples.min())
        self.peak = max(self.peak, highest, -lowest)
        if self._bits is not None:
            step = 2.0 ** (1 - self._bits)
            spread = 0.0 if self._random is None else step  # what dither may add
            above, below = 1 - step / 2 - spread, -1 - step / 2 + spread
            if highest >= above or lowest < below:
                beyond = (samples >= above) | (samples < below)
                if self._refuse:
                    first = self._observed + int(np.argmax(beyond.any(axis=1)))
                    raise AudioError(
                        f"sample {first} is beyond full scale ({max(highest, -lowest):.4g} in its block): "
                        f"lower the level, or use clip='normalize' or a FLOAT subtype"
                    )
                self.clipped += int(np.count_nonzero(beyond))
        self._observed += len(samples)

    def encode(self, samples: RealArray) -> NDArray[Any]:
        """`samples`, which are overwritten, as int16 or int32; floats pass unchanged."""
        if self._bits is None:
            return samples
        full_scale = 2.0 ** (self._bits - 1)
        samples *= full_scale
        if self._random is not None:
            # Triangular, two steps wide: makes the rounding error independent of the signal
            # (Lipshitz, Wannamaker and Vanderkooy, JAES 40(5), 1992).
            samples += self._random.random(samples.shape) - self._random.random(samples.shape)
        np.rint(samples, samples)
        np.clip(samples, -full_scale, full_scale - 1, out=samples)
        container = np.int16 if self._bits <= 16 else np.int32
        integers: NDArray[Any] = samples.astype(container)
        spare = 8 * integers.itemsize - self._bits
        if spare:
            integers <<= spare
        return integers
