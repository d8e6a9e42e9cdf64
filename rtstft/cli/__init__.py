"""The rtstft command: one file a verb."""

from rtstft.cli.app import main

__all__ = ["main"]
