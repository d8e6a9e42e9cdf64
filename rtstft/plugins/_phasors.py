"""Complex numbers of magnitude one, and real factors of complex frames."""

import numpy as np

from rtstft.types import ComplexArray, RealArray

FLOOR = 1e-20
"""Magnitude below which a bin has no phase to speak of, and states do not decay further."""


def from_angles(angles: RealArray, out: ComplexArray) -> None:
    """exp(1j * angles) into `out`."""
    np.cos(angles, out=out.real)
    np.sin(angles, out=out.imag)


class Normaliser:
    """Brings complex numbers to magnitude one, in place; those below FLOOR stay below one.

    Args:
        shape: of what is normalised.
        dtype: of what is normalised, complex.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[np.complexfloating]) -> None:
        # Complex by complex: by a real array, numpy would convert that anew, into memory of its own.
        self._factor = np.zeros(shape, dtype)
        self._magnitude = np.empty_like(self._factor.real)

    def __call__(self, values: ComplexArray) -> None:
        magnitude = self._magnitude
        np.abs(values, out=magnitude)
        np.maximum(magnitude, FLOOR, out=magnitude)
        np.reciprocal(magnitude, out=self._factor.real)
        values *= self._factor
