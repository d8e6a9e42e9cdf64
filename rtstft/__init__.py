"""Streaming STFT processing: frames of a live or recorded signal through a Python callback, exactly."""

from typing import TYPE_CHECKING

from rtstft.chain import Chain
from rtstft.errors import (
    AudioError,
    CallbackError,
    ConditioningWarning,
    FileError,
    GeometryError,
    MissingExtraError,
    ParameterError,
    PluginError,
    PluginWarning,
    ResponseWarning,
    RtstftError,
    StreamError,
)
from rtstft.file import FileProgress, FileReport, frames, process_file, stretch_file
from rtstft.geometry import STFT
from rtstft.loading import plugin
from rtstft.params import Param
from rtstft.plugin import Context, FrameInfo, Plugin
from rtstft.presets import load_preset, save_preset
from rtstft.processor import Processor

if TYPE_CHECKING:
    from rtstft.live import Stream
else:

    def __getattr__(name: str) -> object:
        """Imports live audio when it is asked for: whoever does not need it does not wait for it."""
        if name == "Stream":
            from rtstft.live import Stream

            return Stream
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "STFT",
    "AudioError",
    "CallbackError",
    "Chain",
    "ConditioningWarning",
    "Context",
    "FileError",
    "FileProgress",
    "FileReport",
    "FrameInfo",
    "GeometryError",
    "MissingExtraError",
    "Param",
    "ParameterError",
    "Plugin",
    "PluginError",
    "PluginWarning",
    "Processor",
    "ResponseWarning",
    "RtstftError",
    "Stream",
    "StreamError",
    "frames",
    "load_preset",
    "plugin",
    "process_file",
    "save_preset",
    "stretch_file",
]
