"""Streaming STFT processing: frames of a live or recorded signal through a Python callback, exactly."""

from rtstft.errors import (
    AudioError,
    ConditioningWarning,
    FileError,
    GeometryError,
    MissingExtraError,
    PluginError,
    RtstftError,
    StreamError,
)
from rtstft.file import FileProgress, FileReport, frames, process_file
from rtstft.geometry import STFT
from rtstft.live import Stream
from rtstft.plugin import Context, FrameInfo, Plugin
from rtstft.processor import Processor

__all__ = [
    "STFT",
    "AudioError",
    "ConditioningWarning",
    "Context",
    "FileError",
    "FileProgress",
    "FileReport",
    "FrameInfo",
    "GeometryError",
    "MissingExtraError",
    "Plugin",
    "PluginError",
    "Processor",
    "RtstftError",
    "Stream",
    "StreamError",
    "frames",
    "process_file",
]
