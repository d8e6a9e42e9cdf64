"""The command's frame: its verbs, and how errors become one line and an exit code."""

import os
import signal
import sys
import traceback
import warnings
from typing import Any, NoReturn

import typer

from rtstft.cli import demo, devices, doctor, info, latency, live, plugins, process, stretch
from rtstft.errors import PluginError, RtstftError, SetupError

app = typer.Typer(
    help="Streaming STFT processing: every complex frame of a signal through a Python callback, exactly.",
    epilog="--debug, anywhere, shows the traceback of an error.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("process")(process.process)
app.command("stretch")(stretch.stretch)
app.command("live")(live.live)
app.add_typer(plugins.verb, name="plugins")
app.command("devices")(devices.devices)
app.command("latency")(latency.latency)
app.command("doctor")(doctor.doctor)
app.command("info")(info.info)
app.command("demo")(demo.demo)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Runs the command; exit code 0, 2 for bad usage or input, 1 for any other failure."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    if debug:
        words.remove("--debug")
    # A terminated run unwinds like an interrupted one, and leaves no temporary file; what the
    # caller has had ignored, as nohup does, stays ignored.
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda received, _: sys.exit(128 + received))
    warnings.showwarning = _one_line_warning
    try:
        code = app(words, prog_name="rtstft", standalone_mode=False)
    except BrokenPipeError:
        # The reader of our output has left; Python must not find that out again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:
        if debug:
            traceback.print_exc()
        print(f"rtstft: {_one_line(error)}", file=sys.stderr)
        code = _exit_code(error)
    if code == 128 + signal.SIGINT:
        print("rtstft: interrupted", file=sys.stderr)
    sys.exit(code)


def _one_line(error: Exception) -> str:
    # Usage errors are of the command-line parser's own class, which typer does not export.
    usage = getattr(error, "format_message", None)
    if usage is not None:
        return f"{' '.join(usage().split())} (rtstft --help)"
    if isinstance(error, RtstftError):
        notes = (f" ({note})" for note in getattr(error, "__notes__", ()))
        return " ".join("".join([str(error), *notes]).split())
    return f"{type(error).__name__}: {' '.join(str(error).split())} (--debug shows where)"


def _exit_code(error: Exception) -> int:
    if isinstance(error, RtstftError):
        return 1 if isinstance(error, PluginError) and not isinstance(error, SetupError) else 2
    return int(getattr(error, "exit_code", 1))


def _one_line_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"rtstft: warning: {message}", file=sys.stderr)
