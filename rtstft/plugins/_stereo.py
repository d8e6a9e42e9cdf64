"""What plugins for two channels have in common."""

from rtstft.errors import AudioError
from rtstft.plugin import Context, Plugin


def check_stereo(plugin: Plugin, context: Context) -> None:
    """AudioError unless there are two channels."""
    if context.channels != 2:
        raise AudioError(
            f"{type(plugin).__name__} needs 2 channels, left and right, the signal has {context.channels}"
        )
