"""Perfect reconstruction, imposed by arithmetic: duals, tight pairs and overlap-add windows.

An unmodified signal comes back exactly if and only if the product of analysis and synthesis
window, folded to one hop, is 1 everywhere: `fold(a * s, hop) == 1` (Allen 1977; Griffin and
Lim 1984; for hops that do not divide the length, the same with the product zero-padded).
"""

import numpy as np

from rtstft.errors import GeometryError
from rtstft.windows import Window, WindowSpec, low_delay, make

# A fold whose minimum is below this part of its maximum is treated as not invertible.
SINGULAR = 1e-6
# Published near-perfect pairs stay below -60 dB; more is a pair that does not belong together.
_WORST_RESIDUAL = 1e-3


def solve(shape: Window, synthesis: WindowSpec, hop: int, n_fft: int) -> tuple[Window, Window, Window]:
    """Analysis window, synthesis window, and the fold whose evenness says how well they invert.

    `synthesis` is as `rtstft.STFT` takes it. Raises GeometryError where nothing reconstructs.
    """
    power = fold(shape**2, hop)
    match synthesis:
        case "dual":
            return shape, dual(shape, hop), power
        case "same":
            window = tight(shape, hop)
            return window, window.copy(), power
        case "ola":
            return constant_overlap_add(shape, hop), np.ones(n_fft), fold(shape, hop)
        case ("low_delay", int() | float() as support):
            return shape, complement(shape, low_delay(len(shape), support)[1], hop), power
        case str() | (str(), *_):
            raise GeometryError(
                f"synthesis={synthesis!r}, expected 'dual', 'same', 'ola', ('low_delay', support) or an array"
            )
    given = make(synthesis, len(shape))
    error = residual(shape, given, hop)
    if error > _WORST_RESIDUAL:
        raise GeometryError(
            f"these windows do not reconstruct at hop_length={hop}: their product overlap-adds to 1 only "
            f"within {error:.3g} (expected {_WORST_RESIDUAL:g}); synthesis='dual' makes one that does"
        )
    return shape, given, power


def fold(product: Window, hop: int) -> Window:
    """Sum of `product`, shape `(length,)`, over all shifts by `hop`: shape `(hop,)`."""
    padded = np.pad(product, (0, -len(product) % hop))
    return np.asarray(padded.reshape(-1, hop).sum(axis=0))


def conditioning(folded: Window) -> float:
    """Largest over smallest magnitude of a fold; infinite where the fold has a zero."""
    magnitude = np.abs(folded)
    smallest = magnitude.min()
    return float(magnitude.max() / smallest) if smallest > 0 else float("inf")


def residual(analysis: Window, synthesis: Window, hop: int) -> float:
    """Largest deviation of the folded product from 1."""
    shared = min(len(analysis), len(synthesis))
    return float(np.abs(fold(analysis[:shared] * synthesis[:shared], hop) - 1).max())


def spread(folded: Window, length: int) -> Window:
    """A fold of one hop, repeated to `length` samples."""
    return np.resize(folded, length)


def dual(analysis: Window, hop: int) -> Window:
    """Canonical (least-squares) dual window, `a / fold(a^2)` (Griffin and Lim 1984, eq. 6)."""
    return complement(analysis, analysis, hop)


def tight(window: Window, hop: int) -> Window:
    """Window that is its own dual, `v / sqrt(fold(v^2))` (Princen and Bradley 1986)."""
    return window / np.sqrt(spread(_invertible(window**2, hop), len(window)))


def complement(analysis: Window, shape: Window, hop: int) -> Window:
    """Synthesis window of a given shape, scaled within the hop so that it inverts `analysis`."""
    return shape / spread(_invertible(analysis * shape, hop), len(shape))


def constant_overlap_add(window: Window, hop: int) -> Window:
    """Window normalised so that its own shifts add to 1 (Allen 1977)."""
    return window / spread(_invertible(window, hop), len(window))


def _invertible(product: Window, hop: int) -> Window:
    folded = fold(product, hop)
    if conditioning(folded) * SINGULAR <= 1:
        return folded
    raise GeometryError(
        f"no synthesis window can rebuild this: at hop_length={hop} the shifted windows add up to "
        f"{np.abs(folded).min():.3g} somewhere and {np.abs(folded).max():.3g} elsewhere; "
        f"{_remedy(product, hop)}"
    )


def _remedy(product: Window, hop: int) -> str:
    while hop > 1:
        hop //= 2
        if conditioning(fold(product, hop)) <= 2:
            return f"hop_length={hop} works"
    return "choose another window"
