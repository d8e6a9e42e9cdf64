"""What is told of a file job, while it runs and afterwards."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FileProgress:
    """How far a file job has come."""

    samples: int
    """Samples per channel written so far."""
    total: int | None
    """Samples per channel in all; None where a pipe does not tell."""
    samplerate: int
    elapsed_s: float

    @property
    def speed(self) -> float:
        """Processing speed so far as a multiple of real time."""
        return self.samples / self.samplerate / self.elapsed_s


@dataclass(frozen=True)
class FileReport:
    """What a file job did."""

    samples: int
    """Samples per channel written."""
    channels: int
    samplerate: int
    format: str
    """Container written, in soundfile's words."""
    subtype: str
    """Sample format written, in soundfile's words."""
    seconds: float
    """Duration of the audio written."""
    elapsed_s: float
    """Duration of the processing."""
    latency: int
    """Samples of latency trimmed, so that output and input are aligned."""
    peak: float
    """Largest output magnitude before rounding, full scale being 1."""
    clipped: int
    """Output samples, of all channels, beyond the full scale of an integer subtype."""
    gain: float
    """Factor applied by clip="normalize"; 1 where nothing was beyond full scale."""
    not_kept: tuple[str, ...]
    """Tags and metadata chunks of the input that the output does not have."""
    notes: tuple[str, ...]
    """Sentences on anything else to know: a cut-off input, a change of container."""

    @property
    def speed(self) -> float:
        """Processing speed as a multiple of real time."""
        return self.seconds / self.elapsed_s
