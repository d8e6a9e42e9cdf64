"""The delay of a streaming transform, in whole samples, and windows that keep it short.

A frame can be transformed once its last sample with a non-zero weight is in, and the first output
sample it contributes to lies `reach` samples before that end: from the synthesis window's
first non-zero sample to the analysis window's last. The input block that completes the frame is
as long as the output block that needs it; of all positions of a frame's end within a block, the
worst leaves `gcd(hop, blocksize)` samples from there to the block's end, counting the frame's last.
The delay that always suffices, and no shorter one, is therefore reach - gcd(hop, blocksize);
where blocks may have any length, reach - 1.
"""

import math


def latency(reach: int, hop: int, blocksize: int | None) -> int:
    """Least constant delay in samples for blocks of `blocksize`, or of any length (None)."""
    if blocksize is None:
        return reach - 1
    return reach - math.gcd(hop, blocksize)


def longest_low_delay(
    target: int, length: int, hop: int | None, blocksize: int | None
) -> tuple[int, int] | None:
    """Support and hop of the longest low-delay synthesis window within `target` samples of delay.

    The hop is half the support, or `hop`, which must then divide half the support; None if no
    window does it.
    """
    for half in range(length // 2, 1, -1):
        step = hop or half
        if half % step == 0 and latency(_reach(half), step, blocksize) <= target:
            return 2 * half, step
    return None


def shortest_low_delay(hop: int | None, blocksize: int | None) -> int:
    """Least delay in samples of any low-delay pair with this hop."""
    half = max(2, hop or 2)
    return latency(_reach(half), hop or half, blocksize)


def _reach(half: int) -> int:
    # A low-delay synthesis window is zero at the first sample of its support.
    return 2 * half - 1
