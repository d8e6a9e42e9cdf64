"""measure: the true latency of a stream through a cable or a virtual loop, to the sample."""

from dataclasses import dataclass

import numpy as np

from rtstft.chain import Chain
from rtstft.errors import StreamError
from rtstft.live.duplex import Duplex
from rtstft.live.events import EventLog
from rtstft.live.local import LocalStream
from rtstft.live.ring import Samples
from rtstft.live.settings import StreamSettings
from rtstft.live.stats import Latency

_ORDER = 15  # the sequence lasts 2**15 - 1 samples
_LEVEL = 0.25
_LEAD_S = 0.5
_CLEAR = 8.0  # how far the peak of a correlation has to stand out of its noise


@dataclass(frozen=True)
class RoundTrip:
    """A measured latency, beside the stream's budget; all in samples.

    Attributes:
        budget: what the stream says.
        processing: measured from the engine's input to the device's output ring.
        device: measured from there through the loop to the input ring.
    """

    budget: Latency
    processing: int
    device: int

    @property
    def total(self) -> int:
        """Measured in all."""
        return self.processing + self.device

    @property
    def processing_deviation(self) -> int:
        """By how much engine, lookahead and headroom take longer than the budget says: 0."""
        budget = self.budget
        return self.processing - (budget.engine + budget.lookahead + budget.headroom)

    @property
    def device_deviation(self) -> int:
        """By how much the devices, and what lies between them, take longer than their drivers report."""
        return self.device - (self.budget.input + self.budget.output)


def measure(settings: StreamSettings, duplex: Duplex) -> RoundTrip:
    """Plays a maximum-length sequence through the stream and finds it again at its input.

    Args:
        settings: with `source` left out and `capture` set by this function.
        duplex: the device; its output has to be connected to its input.

    Raises:
        StreamError: the sequence did not come back.
    """
    sequence = maximum_length_sequence(_ORDER) * np.float32(_LEVEL)
    lead = np.zeros(round(_LEAD_S * settings.samplerate), np.float32)
    signal = np.concatenate([lead, sequence, lead, lead])
    source = np.repeat(signal[:, np.newaxis], settings.channels, axis=1)
    captured: list[Samples] = []
    played: list[Samples] = []

    def listen(dry: Samples, wet: Samples) -> None:
        captured.append(dry[:, 0])
        played.append(wet[:, 0])

    stream = LocalStream(settings.listening_to(source), Chain(), duplex, EventLog(), listen)
    try:
        budget = stream.latency
        stream.start()
        ended = stream.wait(60.0)
    finally:
        stream.close()
    if stream.error is not None:
        raise stream.error
    if not ended or stream.stats.xruns:
        raise StreamError("the measurement was disturbed by xruns: try again, or with more headroom")
    sent = _position(np.concatenate(played), sequence)
    back = _position(np.concatenate(captured), sequence)
    if sent is None or back is None:
        raise StreamError(
            "what was played did not come back: connect output to input, with a cable or a virtual loop, "
            "and mind their levels"
        )
    return RoundTrip(budget, processing=sent - len(lead), device=back - sent)


def maximum_length_sequence(order: int) -> Samples:
    """Plus and minus 1, 2**15 - 1 of them for order 15: a flat spectrum, a single-peaked correlation.

    A linear feedback shift register with taps `order` and `order - 1`, maximal for 15 among others
    (Golomb, Shift Register Sequences, 1967).
    """
    length = 2**order - 1
    bits = np.empty(length, np.float32)
    register = 1
    for i in range(length):
        bits[i] = register & 1
        feedback = (register ^ (register >> 1)) & 1
        register = (register >> 1) | (feedback << (order - 1))
    return 2 * bits - 1


def _position(recording: Samples, sequence: Samples) -> int | None:
    """Where `sequence` begins in `recording`, whatever its polarity; None if it is not clearly there."""
    size = 1 << (len(recording) + len(sequence)).bit_length()
    spectrum = np.fft.rfft(recording, size) * np.conj(np.fft.rfft(sequence, size))
    correlation = np.abs(np.fft.irfft(spectrum, size)[: max(1, len(recording) - len(sequence) + 1)])
    position = int(np.argmax(correlation))
    floor = float(np.sqrt(np.mean(correlation**2)))
    clear = correlation[position] > _CLEAR * floor and correlation[position] > 0
    return position if clear else None
