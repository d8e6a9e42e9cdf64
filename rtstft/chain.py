"""Chain: callbacks in a row, changed like a list, also while frames pass through them."""

import operator
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, MutableSequence
from contextlib import contextmanager
from os import PathLike
from typing import Any, Protocol, Self, overload
from weakref import WeakSet

from rtstft.callbacks import name_of
from rtstft.errors import ParameterError
from rtstft.plugin import Callback, Plugin


class Follower(Protocol):
    """Whoever runs the callbacks of a chain."""

    def changed(self) -> None:
        """The chain is another one now; raises what makes that impossible, and then it is not."""


class Chain(MutableSequence[Callback]):
    """Callbacks and plugins that see a frame in this order; a list, which may change while it plays.

    Append, insert, remove, reorder or replace from any thread: a Processor or Stream that was
    made with the chain follows within a few frames, and what comes, goes or moves is crossfaded. Of an
    isolated stream, a copy plays: until that is closed, the chain here refuses to be changed. The latency
    stays: a plugin whose lookahead would add to it is refused, and one that goes leaves its delay, which
    one that comes in its place may use. A plugin that fails in its first frames is taken out again, with
    a PluginWarning, and what stood in its place goes on.

    Args:
        callbacks: what to begin with.

    Raises:
        ParameterError: something that is no callback; or the same plugin twice: an object has one
            state, so two are needed.
    """

    def __init__(self, callbacks: Iterable[Callback] = ()) -> None:
        if isinstance(callbacks, str) or not isinstance(callbacks, Iterable):
            raise ParameterError(f"Chain({callbacks!r}), expected a list of functions and plugins")
        self._items = list(callbacks)
        self._lock = threading.RLock()
        self._busy = False
        self._withdrawn: deque[tuple[Callback, list[Callback]]] = deque()
        self._followers: WeakSet[Follower] = WeakSet()
        _check(self._items)

    def __reduce__(self) -> tuple[type, tuple[list[Callback]]]:
        return Chain, (list(self._items),)

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Callback: ...
    @overload
    def __getitem__(self, index: slice) -> list[Callback]: ...
    def __getitem__(self, index: int | slice) -> Callback | list[Callback]:
        return self._items[index]

    @overload
    def __setitem__(self, index: int, value: Callback) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[Callback]) -> None: ...
    def __setitem__(self, index: int | slice, value: Callback | Iterable[Callback]) -> None:
        with self._editing() as items:
            items[index] = value  # type: ignore[index, assignment]  # as the overloads say

    def __delitem__(self, index: int | slice) -> None:
        with self._editing() as items:
            del items[index]

    def insert(self, index: int, value: Callback) -> None:
        """Puts a callback in front of the one at `index`."""
        with self._editing() as items:
            items.insert(index, value)

    def append(self, value: Callback) -> None:
        """Puts a callback behind the last."""
        with self._editing() as items:
            items.append(value)

    def pop(self, index: int = -1) -> Callback:
        """Removes the callback at `index`, and returns it."""
        with self._editing() as items:
            return items.pop(index)

    def remove(self, value: Callback) -> None:
        """Removes a callback; ValueError if it is not in the chain."""
        with self._editing() as items:
            items.remove(value)

    def extend(self, values: Iterable[Callback]) -> None:
        """Appends several, in one change."""
        self[len(self) :] = values

    def clear(self) -> None:
        """Removes all, in one change."""
        del self[:]

    def reorder(self, order: Iterable[int]) -> None:
        """Puts the callbacks into another order, named by their present indexes, each once.

        A plugin has one state, and cannot play in the old order and in the new one at a time. So what the
        old order does is measured as a gain of each bin, over two frames and the lookahead of those that
        change places; it is held, and faded over to the new order. Where no steady gain describes it, as with
        a whisper, the new order begins with a frame, which the windows crossfade. Each frame passes each
        plugin once, lookahead or not; only where two with lookahead change places, the held gains stand
        in for those that they hold back.

        Raises:
            ParameterError: not each index once.
        """
        indexes = indexes_of(order)
        with self._editing() as items:
            if sorted(indexes) != list(range(len(items))):
                raise ParameterError(f"order {indexes}: expected each index from 0 to {len(items) - 1} once")
            items[:] = [items[index] for index in indexes]

    def reverse(self) -> None:
        """Puts them into the opposite order."""
        self.reorder(range(len(self) - 1, -1, -1))

    def exchange(self, old: Callback, new: Callback) -> bool:
        """Puts `new` in the place of `old`, wherever that is by now; False if it is not there."""
        with self._editing() as items:
            place = next((i for i, item in enumerate(items) if item is old), None)
            if place is not None:
                items[place] = new
        return place is not None

    def follow(self, follower: Follower) -> None:
        """Lets `follower` know of changes, as long as it exists."""
        self._followers.add(follower)

    def unfollow(self, follower: Follower) -> None:
        """Lets `follower` know no more."""
        self._followers.discard(follower)

    def to_dict(self, folder: str | PathLike[str] | None = None) -> dict[str, Any]:
        """What makes a chain like this one; its members are described by `Plugin.to_dict(folder)`.

        Raises:
            ParameterError: one of them is a plain function, or as `Plugin.to_dict`.
        """
        return {"chain": [_described(member, folder) for member in self]}

    @classmethod
    def from_dict(cls, preset: Mapping[str, Any], folder: str | PathLike[str] = ".") -> Self:
        """The chain that `to_dict` described; `folder` and errors as of `Plugin.from_dict`."""
        members = preset.get("chain") if isinstance(preset, Mapping) else None
        if not isinstance(members, list) or set(preset) != {"chain"}:
            raise ParameterError(f"preset {preset!r}, expected chain=, a list of plugins")
        made: list[Any] = [
            cls.from_dict(member, folder)
            if isinstance(member, Mapping) and "chain" in member
            else Plugin.from_dict(member, folder)
            for member in members
        ]
        return cls(made)

    def __repr__(self) -> str:
        return f"Chain({self._items!r})"

    def withdraw(self, callback: Callback, instead: list[Callback]) -> None:
        """Puts `instead` in the place of a callback that its followers do not run; never waits."""
        self._withdrawn.append((callback, instead))
        self._settle()

    def _settle(self) -> None:
        while self._withdrawn and self._lock.acquire(blocking=False):
            try:
                if not self._withdrawn:  # another thread was faster
                    continue
                callback, instead = self._withdrawn.popleft()
                place = next((i for i, item in enumerate(self._items) if item is callback), None)
                if place is not None:
                    self._items = [*self._items[:place], *instead, *self._items[place + 1 :]]
            finally:
                self._lock.release()

    @contextmanager
    def _editing(self) -> Iterator[list[Callback]]:
        """A copy of the list to be changed; then it is the list."""
        with self._lock:
            if self._busy:
                raise ParameterError("the chain is being changed already: what it prepares cannot change it")
            self._busy = True
            try:
                items = list(self._items)
                yield items
                self._become(items)
            finally:
                self._busy = False
        self._settle()

    def _become(self, items: list[Callback]) -> None:
        if self in within(items):
            raise ParameterError("a chain stands in itself, expected another chain")
        _check(items)
        before, self._items = self._items, items
        told: list[Follower] = []
        try:
            for follower in list(self._followers):
                follower.changed()
                told.append(follower)
        except BaseException:
            self._items = before
            for follower in told:
                follower.changed()
            raise


def _described(member: object, folder: str | PathLike[str] | None) -> dict[str, Any]:
    if not isinstance(member, (Plugin, Chain)):
        raise ParameterError(f"{name_of(member)} is no Plugin: only plugins can be written down")
    return member.to_dict(folder)


def indexes_of(order: Iterable[int]) -> list[int]:
    """`order` as a list; ParameterError if it is none of indexes."""
    try:
        return [operator.index(index) for index in order]
    except TypeError:
        raise ParameterError(f"order {order!r}, expected indexes") from None


def within(items: Iterable[object]) -> Iterator[Chain]:
    """The chains among `items`, and those in them."""
    for item in items:
        if isinstance(item, Chain):
            yield item
            yield from within(list(item))


def flattened(items: Iterable[Callback | Chain]) -> list[Callback]:
    """What `items` have run, with what is in the chains among them."""
    flat: list[Callback] = []
    for item in items:
        flat.extend(flattened(item) if isinstance(item, Chain) else [item])
    return flat


def _check(items: list[Callback]) -> None:
    for item in items:
        if not (callable(item) or hasattr(item, "process") or isinstance(item, Chain)):
            made = "; rtstft.plugin('gain', gain_db=3) makes one by name" if isinstance(item, str) else ""
            raise ParameterError(f"{item!r} stands in a chain, expected a function or a plugin{made}")
    refuse_twins([*within(items), *flattened(items)])


def refuse_twins(callbacks: Iterable[object]) -> None:
    """ParameterError if a plugin stands twice among `callbacks`; functions may."""
    seen: set[int] = set()
    for callback in callbacks:
        if hasattr(callback, "process") or isinstance(callback, Chain):
            if id(callback) in seen:
                raise ParameterError(f"{name_of(callback)} stands twice in the row, expected two instances")
            seen.add(id(callback))
