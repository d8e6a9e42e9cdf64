"""The other process of an isolated stream: makes a LocalStream and does what it is asked."""

import pickle
import signal
import traceback
import warnings
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rtstft.errors import RAISED, RtstftError, StreamError
from rtstft.live.events import EventLog
from rtstft.live.local import LocalStream
from rtstft.live.priority import SUPERVISOR, raise_priority
from rtstft.loading import load_all

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_LASTING = ("blocksize", "stats", "events", "latency", "bypass", "parameters")


def serve(connection: "Connection[Any, Any]", sent: bytes) -> None:
    """The other process: makes the stream, and does what it is asked until the connection ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the stream through the program that made it
    events = EventLog()
    warnings.showwarning = lambda warning, *_, **__: _note(events, warning)
    try:
        try:
            settings, duplex = pickle.loads(sent)
        except (AttributeError, ImportError) as error:
            raise StreamError(
                f"a callback is not found in the engine's process ({error}): expected functions and classes "
                f"from the top of a module, or names such as 'file.py:name'"
            ) from None
        stream = LocalStream(settings, load_all(settings.callbacks), duplex, events)
    except BaseException as error:
        connection.send((0, True, _portable(error)))
        return
    try:
        raise_priority(SUPERVISOR)
        connection.send((0, False, stream.latency))
        number = _serve_until_close(connection, stream)
    except OSError:  # the program that made the stream has ended
        stream.close()
        return
    failure = None
    try:
        stream.close()
    except Exception as error:
        failure = _portable(error)
    known = {name: getattr(stream, name) for name in _LASTING}
    known["error"] = None if stream.error is None else _portable(stream.error)
    with suppress(OSError):
        connection.send((number, False, (known, failure)))


def _serve_until_close(connection: "Connection[Any, Any]", stream: LocalStream) -> int:
    """Answers requests until one says "close"; returns its number. OSError if nobody is there."""
    errands = _Errands(stream)
    while True:
        try:
            number, request = connection.recv()
        except EOFError as error:
            raise ConnectionError from error
        try:
            verb, *arguments = pickle.loads(request)
            if verb == "close":
                return int(number)
            answer = number, False, _answer(stream, errands, verb, arguments)
        except RAISED as error:
            answer = number, True, _portable(error)
        connection.send(answer)


def _note(events: EventLog, warning: Warning | str) -> None:
    """A warning, which nobody could see or catch here, as an event."""
    events.add(f"warning: {warning}", warning if isinstance(warning, Warning) else None)


class _Errands:
    """Calls that may take long, as they import a file, in threads: other requests are answered meanwhile."""

    def __init__(self, stream: LocalStream) -> None:
        self._stream = stream
        self._threads = ThreadPoolExecutor(thread_name_prefix="rtstft errand")
        self._under_way: dict[int, Future[Any]] = {}
        self._begun = 0

    def begin(self, name: str, *arguments: Any) -> int:
        """Calls a method of the stream; gives the errand's number."""
        self._begun += 1
        self._under_way[self._begun] = self._threads.submit(getattr(self._stream, name), *arguments)
        return self._begun

    def is_done(self, errand: int) -> bool:
        """Whether it is; raises what the method raised."""
        if not self._under_way[errand].done():
            return False
        self._under_way.pop(errand).result()
        return True


def _answer(stream: LocalStream, errands: _Errands, verb: str, arguments: list[Any]) -> Any:
    if verb == "ping":
        return None
    if verb == "begin":
        return errands.begin(*arguments)
    if verb == "is done":
        return errands.is_done(*arguments)
    if verb == "get":
        value = getattr(stream, arguments[0])
        return _portable(value) if isinstance(value, BaseException) else value
    if verb == "put":
        return setattr(stream, *arguments)
    name, *rest = arguments
    return getattr(stream, name)(*rest)


def _portable(error: BaseException) -> "_Carried":
    """`error` as it can be sent, and arrives as an error of this package."""
    cause = error.__cause__ if isinstance(error, RtstftError) else error
    try:
        sent = pickle.loads(pickle.dumps(error))
    except Exception:
        sent = None
    if not isinstance(sent, RtstftError):
        sent = StreamError(f"{type(error).__name__}: {error}")
    return _Carried(sent, "" if cause is None else "".join(traceback.format_exception(cause)))


class _Carried:
    """Is unpickled as `error`, with a cause that shows `trace`: its own cause stays behind."""

    def __init__(self, error: RtstftError, trace: str) -> None:
        self._error = error
        self._trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (self._error, self._trace)


class _RemoteError(Exception):
    """Where an error came from in the other process; for debugging, and never raised itself."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _arrived(error: RtstftError, trace: str) -> RtstftError:
    if trace:
        error.__cause__ = _RemoteError(trace)
    return error
