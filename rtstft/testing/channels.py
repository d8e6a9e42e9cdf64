"""Channels: a plugin that takes any number of them processes them all."""

from collections.abc import Mapping

import numpy as np

from rtstft.testing.bench import Bench

_CHANGED = 1e-3  # of the largest sample: what is more than rounding


def unlike_the_last(bench: Bench) -> int:
    """Number, from 1, of the last channel that comes out unlike the one at the end; 0 if all are alike."""
    bench.processor.reset()
    y = bench.processor.process(bench.rig.signal(bench.noise[:, 0]))
    unlike = np.abs(y - y[:, -1:]).max(axis=0) > _CHANGED * np.abs(y).max()
    return max((place for place, other in enumerate(unlike, 1) if other), default=0)


def check_channels(firsts: Mapping[int, int]) -> None:
    """No fixed number of channels is processed unlike all that follow.

    A plugin may differ from channel to channel: by chance, by pairs, or around a circle. But then more of
    them differ where there is one more. For one that takes certain numbers alone, as of loudspeakers in
    a room, a channel may be another.

    Args:
        firsts: for each number of channels, what `unlike_the_last` has found.
    """
    for channels, first in firsts.items():
        assert not first or first != firsts.get(channels + 1), (
            f"with the same signal in all of {channels} channels, or {channels + 1}, those behind number "
            f"{first} come out alike, and unlike it: process all of frame, shape (channels, bins), or refuse "
            f"the number of channels in prepare with an AudioError"
        )
