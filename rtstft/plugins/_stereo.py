"""What plugins for two channels have in common."""

from rtstft.errors import AudioError
from rtstft.plugin import Context


def check_stereo(context: Context) -> None:
    """AudioError unless there are two channels."""
    if context.channels != 2:
        raise AudioError(f"needs 2 channels, left and right, the signal has {context.channels}")
