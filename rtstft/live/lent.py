"""Lent: callbacks of which copies play in another process."""

from typing import Any

from rtstft.chain import Chain, flattened, within
from rtstft.errors import StreamError
from rtstft.loading import specs_of
from rtstft.plugin import Plugin


class Lent:
    """Keeps callbacks from being changed, in vain, while a stream plays copies of them.

    Args:
        callbacks: whose chains refuse to be edited and plugins to be set, until `give_back`.
    """

    def __init__(self, callbacks: Any) -> None:
        row = specs_of(callbacks)
        self._chains = [*within([row] if isinstance(row, Chain) else row)]
        self._values = [one.parameter_values for one in flattened(row) if isinstance(one, Plugin)]
        for chain in self._chains:
            chain.follow(self)
        for values in self._values:
            values.lent += 1

    def changed(self) -> None:
        """As Follower.changed."""
        raise StreamError(
            "a copy of this chain plays in an isolated stream, in another process: use the stream's append, "
            "insert, replace, remove and reorder"
        )

    def give_back(self) -> None:
        """They may be changed again."""
        for chain in self._chains:
            chain.unfollow(self)
        for values in self._values:
            values.lent -= 1
        self._chains, self._values = [], []
