"""Sound files through a callback, aligned to the sample, or stretched; of constant memory."""

from rtstft.file.job import process_file
from rtstft.file.report import FileProgress, FileReport
from rtstft.file.source import frames
from rtstft.file.stretch import stretch_file

__all__ = ["FileProgress", "FileReport", "frames", "process_file", "stretch_file"]
