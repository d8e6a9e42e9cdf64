"""Sound files through a callback, aligned to the sample and of constant memory."""

from rtstft.file.job import FileProgress, FileReport, process_file
from rtstft.file.source import frames

__all__ = ["FileProgress", "FileReport", "frames", "process_file"]
