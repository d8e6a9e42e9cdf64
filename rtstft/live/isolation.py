"""IsolatedStream: a LocalStream in a process of its own, steered from this one.

The other process has an interpreter lock of its own, and device, rings and engine are all in it:
nothing that runs here can hold them up. What passes between the two is small and rare.
"""

import atexit
import pickle
import threading
import time
from typing import Any

from rtstft.callbacks import name_of
from rtstft.errors import PluginError, RtstftError, StreamError
from rtstft.live.duplex import Duplex
from rtstft.live.events import Event
from rtstft.live.lent import Lent
from rtstft.live.remote import serve
from rtstft.live.settings import StreamSettings
from rtstft.live.stats import Latency, Stats
from rtstft.loading import specs_of

_START_S = 30.0  # an interpreter has to start and import, a device to open
_ANSWER_S = 1.0
_PATIENCE_S = 10.0  # with a process that lives: an import there may hold its interpreter lock for seconds
_POLL_S = 0.05
_LOOK_S = 0.005


class _LateError(StreamError):
    """There is no answer yet, which says nothing about the stream."""


class IsolatedStream:
    """The same calls as LocalStream's, made in a new process.

    Raises:
        PluginError: a callback cannot be sent there.
    """

    def __init__(self, settings: StreamSettings, duplex: Duplex) -> None:
        import multiprocessing

        try:
            sent = pickle.dumps((settings, duplex))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            row = specs_of(settings.callbacks)
            raise PluginError(
                ", ".join(item if isinstance(item, str) else name_of(item) for item in row),
                None,
                f"cannot be sent to another process ({error}): expected functions and classes from the top "
                f"of a module, or names such as 'file.py:name'",
            ) from error
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, sent), name="rtstft engine", daemon=True)
        self._lock = threading.Lock()
        self._asked = 0
        self._silent_since: float | None = None  # of a process that owes an answer
        self._final: dict[str, Any] | None = None  # what stays known after close
        self._steering = threading.Lock()  # of whoever closes
        self._process.start()
        self._lent = Lent(settings.callbacks)
        atexit.register(self.close)  # before multiprocessing's own exit, which would end it unasked
        theirs.close()
        try:
            self._latency: Latency = self._receive(_START_S)
        except EOFError as error:
            self._end()
            raise StreamError(
                f"the engine's process ended as it started (exit code {self._process.exitcode}): a script "
                f"that makes an isolated stream does so under if __name__ == '__main__'"
            ) from error
        except BaseException:
            self._end()
            raise

    @property
    def active(self) -> bool:
        """As LocalStream's; False once the process has ended, or has not answered for 10 s."""
        try:
            return bool(self._get("active", timeout=_ANSWER_S))
        except _LateError:
            since = self._silent_since
            return since is None or time.monotonic() - since < _PATIENCE_S
        except StreamError:
            return False

    @property
    def blocksize(self) -> int:
        """As LocalStream's."""
        return int(self._get("blocksize"))

    @property
    def latency(self) -> Latency:
        """As LocalStream's."""
        latency: Latency = self._get("latency")
        return latency

    @property
    def stats(self) -> Stats:
        """As LocalStream's."""
        stats: Stats = self._get("stats")
        return stats

    @property
    def events(self) -> tuple[Event, ...]:
        """As LocalStream's."""
        events: tuple[Event, ...] = self._get("events")
        return events

    @property
    def error(self) -> RtstftError | None:
        """As LocalStream's; a StreamError if the process has ended."""
        try:
            error: RtstftError | None = self._get("error")
        except _LateError:
            return None
        except StreamError as gone:
            return gone
        return error

    @property
    def bypass(self) -> bool:
        """As LocalStream's."""
        return bool(self._get("bypass"))

    @bypass.setter
    def bypass(self, on: bool) -> None:
        self._ask("put", "bypass", bool(on))

    def set(self, which: str | int | None, values: dict[str, object]) -> None:
        """As LocalStream's."""
        self._ask("call", "set", which, values)

    def automate(self, which: str | int | None, name: str, course: object) -> None:
        """As LocalStream's."""
        self._ask("call", "automate", which, name, course)

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """As LocalStream's."""
        parameters: list[dict[str, Any]] = self._get("parameters")
        return parameters

    def edit(self, change: str, *arguments: Any) -> None:
        """As LocalStream's."""
        # Importing may hold that process's interpreter lock for long, and so hold up an answer.
        errand = self._ask("begin", "edit", change, *arguments, timeout=_START_S)
        end = time.monotonic() + _START_S
        while not self._ask("is done", errand, timeout=_START_S):
            if time.monotonic() > end:
                raise StreamError(f"{change} has not come to an end for {_START_S:g} s, and may do so later")
            time.sleep(_LOOK_S)

    def start(self) -> None:
        """As LocalStream's."""
        self._ask("call", "start", timeout=_START_S)

    def stop(self) -> None:
        """As LocalStream's."""
        self._ask("call", "stop", timeout=_START_S)

    def wait(self, timeout: float | None = None) -> bool:
        """As LocalStream's."""
        end = None if timeout is None else time.monotonic() + timeout
        while self.active:
            if end is not None and time.monotonic() >= end:
                return False
            time.sleep(_POLL_S)
        return True

    def close(self) -> None:
        """As LocalStream's; ends a process that does not answer within ten seconds."""
        with self._steering:
            if self._final is not None:
                return
            known = {
                "blocksize": 0,
                "stats": Stats(),
                "events": (),
                "latency": self._latency,
                "bypass": False,
                "parameters": [],
            }
            failure = None
            try:
                self._ask("ping")
                # It may have a recording to complete, which takes the time it takes.
                known, failure = self._ask("close", timeout=None)
            except StreamError as gone:
                known["error"] = gone
            self._final = {**known, "active": False}
            self._end()
            if failure is not None:
                raise failure

    def _get(self, name: str, timeout: float = _PATIENCE_S) -> Any:
        return self._ask("get", name, timeout=timeout) if self._final is None else self._final[name]

    def _ask(self, *request: Any, timeout: float | None = _PATIENCE_S) -> Any:
        if self._final is not None:
            raise StreamError("the stream is closed: make a new one")
        try:
            # Pickled within: what cannot be read there can then be answered by its number.
            sent = pickle.dumps(request)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise StreamError(
                f"this cannot be sent to the engine's process ({error}): expected functions and classes from "
                f"the top of a module, or names such as 'file.py:name'"
            ) from None
        if not self._lock.acquire(timeout=-1 if timeout is None else timeout):
            raise _LateError("the engine's process has not answered another thread yet")
        try:
            self._asked += 1
            self._connection.send((self._asked, sent))
            self._silent_since = self._silent_since or time.monotonic()
            return self._receive(timeout)
        except (EOFError, OSError) as error:
            self._process.join(_ANSWER_S)
            raise StreamError(
                f"the engine's process has ended unasked (exit code {self._process.exitcode})"
            ) from error
        finally:
            self._lock.release()

    def _receive(self, timeout: float | None) -> Any:
        number = -1
        while number != self._asked:  # an answer that came too late is nobody's
            if not self._connection.poll(timeout):
                raise _LateError(f"the engine's process has not answered for {timeout:g} s")
            number, failed, answer = self._connection.recv()
            self._silent_since = None
        if failed:
            raise answer
        return answer

    def _end(self) -> None:
        atexit.unregister(self.close)
        self._lent.give_back()
        self._connection.close()
        self._process.join(1.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
