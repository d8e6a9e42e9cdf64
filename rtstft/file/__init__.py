"""Sound files through a callback, aligned to the sample and of constant memory."""

from rtstft.file.job import process_file
from rtstft.file.report import FileProgress, FileReport
from rtstft.file.source import frames

__all__ = ["FileProgress", "FileReport", "frames", "process_file"]
