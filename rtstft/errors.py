"""Everything rtstft raises or warns with.

RtstftError
├── GeometryError(ValueError)        a window, hop or size that cannot work
├── AudioError(ValueError)           samples or spectra of the wrong shape, dtype or value
├── FileError(OSError)               a sound file that cannot be read or written
├── CallbackError                    a callback or plugin that cannot be found or made
├── ParameterError(ValueError)       a parameter of a plugin that cannot be what it was set to
├── PluginError                      a callback that raised, or returned a bad frame
│   └── SetupError                   a plugin that cannot be prepared as it was asked for
├── StreamError(RuntimeError)        a call that the stream's state does not allow
└── MissingExtraError(ImportError)   an optional package that is not installed
"""


class RtstftError(Exception):
    """Root of all errors of this package: each says what it got, what it expected, what to do."""


class GeometryError(RtstftError, ValueError):
    """A window, hop or size that cannot work; the message names a geometry that does."""


class AudioError(RtstftError, ValueError):
    """Samples or spectra whose shape, dtype or values cannot be processed."""


class FileError(RtstftError, OSError):
    """A sound file that cannot be read or written as asked."""


class CallbackError(RtstftError):
    """A callback or plugin that cannot be found under its name, imported or made."""


class ParameterError(RtstftError, ValueError):
    """A parameter of a plugin, or the name of one, that cannot be; the message says what is allowed."""


class PluginError(RtstftError):
    """A callback raised, or left a frame of another shape, or NaN or Inf in it.

    Attributes:
        callback: name of the callback at fault.
        frame: index of the frame it was given, counted from 0; None before the first.
        what: what it did.
    """

    def __init__(self, callback: str, frame: int | None, what: str) -> None:
        super().__init__(callback, frame, what)
        self.callback = callback
        self.frame = frame
        self.what = what

    def __str__(self) -> str:
        where = "" if self.frame is None else f", frame {self.frame}"
        return f"callback {self.callback!r}{where}: {self.what}"


class SetupError(PluginError):
    """A plugin that cannot be prepared as it was asked for: not in this geometry, for this signal or file.

    What it raised itself, an RtstftError, is the `__cause__`.
    """

    def __str__(self) -> str:
        return f"{self.callback}: {self.what}"


class StreamError(RtstftError, RuntimeError):
    """A call that the present state of a stream does not allow."""


class MissingExtraError(RtstftError, ImportError):
    """An optional package is not installed; the message has the command that installs it."""


class ConditioningWarning(UserWarning):
    """A geometry that reconstructs, but amplifies whatever a callback changes; see STFT.conditioning."""


class PluginWarning(UserWarning):
    """A plugin that failed in its first frames in a Chain, or shares its name; an input that none hears."""


class ResponseWarning(UserWarning):
    """A plugin that does not do to frequencies what it was asked to: by over 0.1 dB, or not at all."""


RAISED = (Exception, SystemExit)
"""What code of others may raise as its failure, where no signal ends the program: a script's exit, too."""
