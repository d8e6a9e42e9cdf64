"""Live audio: microphone to callback to loudspeaker, on threads and processes of its own."""

from rtstft.live.duplex import Duplex, DuplexSettings
from rtstft.live.events import Event
from rtstft.live.fake import FakeDuplex
from rtstft.live.feed import Feed
from rtstft.live.stats import Latency, Stats
from rtstft.live.stream import Stream

__all__ = ["Duplex", "DuplexSettings", "Event", "FakeDuplex", "Feed", "Latency", "Stats", "Stream"]
