"""ReadAhead: blocks of a file, read before they are needed."""

import queue
import threading
from collections.abc import Iterator

from rtstft.live.ring import Samples

_BLOCKS = 8


class ReadAhead:
    """Takes blocks from an iterator in a thread of its own, so that a slow disk holds nobody up.

    Iterating raises what `blocks` raised, at its place.

    Args:
        blocks: what to read; eight are kept in store.
    """

    def __init__(self, blocks: Iterator[Samples]) -> None:
        self._blocks = blocks
        self._store: queue.Queue[Samples | BaseException | None] = queue.Queue(_BLOCKS)
        self._closed = False
        self._thread = threading.Thread(target=self._read, name="rtstft reader", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Samples]:
        while (item := self._store.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def close(self) -> None:
        """Ends the thread; `blocks` is free then."""
        self._closed = True
        while self._thread.is_alive():
            try:
                self._store.get_nowait()
            except queue.Empty:
                self._thread.join(0.01)

    def _read(self) -> None:
        try:
            for block in self._blocks:
                self._store.put(block)
                if self._closed:
                    return
            self._store.put(None)
        except BaseException as error:
            self._store.put(error)
