"""Plugins live: hot reload, changes of the row, auxiliary inputs."""

import gc
import os
import pickle
import re
import shutil
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from strategies import Samples

import rtstft
from rtstft import (
    STFT,
    AudioError,
    Chain,
    Context,
    MissingExtraError,
    Param,
    ParameterError,
    Plugin,
    PluginError,
    PluginWarning,
    Stream,
    StreamError,
)
from rtstft.live import FakeDuplex, Feed

GEOMETRY = STFT(64, 16)
BLOCK = 16
RATE = 4_800

PLUGIN = """
import numpy as np
import rtstft

class Fx(rtstft.Plugin):
    lookahead = {lookahead}
    level = rtstft.Param({level}, min=0.0, max=8.0)
    {param} = rtstft.Param(1.0)

    def prepare(self, context):
        {prepare}

    def process(self, frame):
        {process}
        frame *= self.level
"""


def written(path: Path, **parts: Any) -> Path:
    """Saves a plugin as editors do: another file in the place of the old one."""
    defaults = {"lookahead": 0, "level": 0.5, "param": "other", "prepare": "pass", "process": "pass"}
    new = path.with_suffix(".new")
    new.write_text(PLUGIN.format(**{**defaults, **parts}))
    new.replace(path)
    return path


class Player:
    """Plays ones through a stream, block by block, and says what comes out in the end."""

    def __init__(self, stream: Stream, fake: FakeDuplex) -> None:
        self.stream = stream
        self.fake = fake
        self.out: list[Samples] = []

    def play(self, blocks: int = 1) -> Samples:
        for _ in range(blocks):
            self.out.append(self.fake.tick(np.ones((BLOCK, 1), np.float32)))
            self.fake.settle()
        return self.out[-1][:, 0]

    def until(self, event: str) -> None:
        """Plays until an event of this text has come; a watchdog ends what never comes."""
        seen = len([e for e in self.stream.events if event in e.text])
        for _ in range(20_000):
            self.play()
            self.stream.wait(0.001)
            if len([e for e in self.stream.events if event in e.text]) > seen:
                return
        raise AssertionError(f"no event {event!r} in {self.stream.events}")


@pytest.fixture
def playing() -> Any:
    """Starts a stream of some callbacks on a fake device."""
    opened: list[Stream] = []

    def start(*callbacks: Any) -> Player:
        fake = FakeDuplex(blocksize=BLOCK)
        stream = Stream(list(callbacks), GEOMETRY, samplerate=RATE, headroom_s=0.01, watch=True, duplex=fake)
        opened.append(stream)
        stream.start()
        return Player(stream, fake)

    yield start
    for stream in opened:
        stream.close()


def test_saved_file_is_taken_over_at_the_same_latency(playing: Callable[..., Player], tmp_path: Path) -> None:
    path = written(tmp_path / "fx.py")
    player = playing(f"{path}:Fx")
    latency = player.stream.latency
    assert np.allclose(player.play(20), 0.5, atol=1e-5)
    written(path, level=0.25)
    player.until("is new")
    assert np.allclose(player.play(30), 0.25, atol=1e-5)
    assert player.stream.latency == latency
    out = np.concatenate(player.out)[20 * BLOCK :, 0]
    assert out.min() > 0.25 - 1e-5  # never silence
    assert np.abs(np.diff(out)).max() < 0.05  # crossfaded


def test_import_of_a_saved_file_leaves_nothing_to_collect(
    playing: Callable[..., Player], tmp_path: Path
) -> None:
    path = written(tmp_path / "fx.py")
    (tmp_path / "large_neighbour.py").write_text(
        "import gc\nassert not gc.isenabled()\nmany = [[] for _ in range(5000)]"
    )
    player = playing(f"{path}:Fx")
    player.play(20)
    frozen = gc.get_freeze_count()
    path.write_text(f"import large_neighbour\n{path.read_text()}")
    player.until("is new")
    assert gc.isenabled()
    assert gc.get_freeze_count() > frozen + 5000


def test_parameter_that_the_new_one_refuses_is_told_of(
    playing: Callable[..., Player], tmp_path: Path
) -> None:
    path = written(tmp_path / "fx.py")
    player = playing(f"{path}:Fx:level=2")
    path.write_text(path.read_text().replace("max=8.0", "max=1.0"))
    player.until("is new; not taken over: Fx.level=2.0, expected a number from 0 to 1")
    assert np.allclose(player.play(40), 0.5, atol=1e-5)


def test_parameters_that_were_set_survive(playing: Callable[..., Player], tmp_path: Path) -> None:
    path = written(tmp_path / "fx.py")
    player = playing(f"{path}:Fx:level=2")
    player.stream.set(other=0.75)
    player.play(20)
    written(path, level=0.25, param="another")
    player.until("is new")
    assert np.allclose(player.play(30), 2, atol=1e-4)
    (row,) = player.stream.parameters
    assert row["parameters"]["level"] == 2
    assert row["parameters"]["another"] == 1
    assert "other" not in row["parameters"]


@pytest.mark.parametrize(
    ("broken", "event"),
    [
        ({"prepare": "raise ValueError('no')"}, "stays.*prepare raised ValueError: no"),
        ({"process": "raise ValueError('no')"}, "Fx.*raised ValueError: no"),
        ({"process": "frame[...] = np.nan"}, "Fx.*NaN"),
        ({"prepare": "(("}, "stays.*SyntaxError"),
        ({"level": 9.0}, "stays.*default=9.0, expected a number from 0 to 8"),
        ({"lookahead": 2}, "stays.*looks 2 frames ahead"),
    ],
    ids=["prepare", "process", "NaN", "syntax", "default", "lookahead"],
)
def test_what_does_not_work_leaves_the_old_one_playing(
    broken: dict[str, Any], event: str, playing: Callable[..., Player], tmp_path: Path
) -> None:
    path = written(tmp_path / "fx.py")
    player = playing(f"{path}:Fx")
    player.play(20)
    written(path, **broken)
    player.until("fx.py was saved")
    assert np.allclose(player.play(40)[-1], 0.5, atol=1e-5)
    assert np.allclose(np.concatenate(player.out)[20 * BLOCK :], 0.5, atol=1e-5)

    assert any(re.search(event, e.text) for e in player.stream.events), player.stream.events
    assert player.stream.stats.callback_errors == 0
    written(path, level=0.25)
    player.until("is new")
    assert np.allclose(player.play(40), 0.25, atol=1e-5)


def test_one_of_several_is_exchanged(playing: Callable[..., Player], tmp_path: Path) -> None:
    path = written(tmp_path / "fx.py", level=0.5)
    player = playing("gain:gain_db=6", f"{path}:Fx", "gain:gain_db=-6")
    player.play(20)
    written(path, level=0.25)
    player.until("is new")
    assert np.allclose(player.play(40), 0.25, atol=1e-4)
    assert [row["callback"] for row in player.stream.parameters] == ["Gain", "Fx", "Gain"]


def test_plugin_made_from_a_file_is_reloaded(playing: Callable[..., Player], tmp_path: Path) -> None:
    path = written(tmp_path / "fx.py")
    made = rtstft.plugin(f"{path}:Fx", other=0.75)
    player = playing(made)
    player.play(20)
    written(path, level=0.25)
    player.until("is new")
    assert np.allclose(player.play(40), 0.25, atol=1e-5)
    assert player.stream.parameters[0]["parameters"]["other"] == 0.75


def test_plugin_made_from_a_file_goes_to_another_process(tmp_path: Path) -> None:
    path = written(tmp_path / "fx.py")
    made = rtstft.plugin(f"{path}:Fx", level=2)
    code = "import pickle, sys, rtstft; print(pickle.load(sys.stdin.buffer))"
    found = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(made), capture_output=True, check=True
    )
    assert found.stdout.decode().strip() == "Fx(level=2.0)"


def test_function_is_reloaded(playing: Callable[..., Player], tmp_path: Path) -> None:
    path = tmp_path / "fx.py"
    path.write_text("def fx(frame):\n    frame *= 0.5\n")
    player = playing(f"{path}:fx")
    assert np.allclose(player.play(20), 0.5, atol=1e-5)
    path.write_text("def fx(frame):\n    frame *= 0.125\n")
    player.until("is new")
    assert np.allclose(player.play(40), 0.125, atol=1e-5)


def test_preset_is_reloaded(playing: Callable[..., Player], tmp_path: Path) -> None:
    path = tmp_path / "voice.toml"
    path.write_text('plugin = "gain"\nparameters.gain_db = -6.0\n')
    player = playing(str(path))
    assert np.allclose(player.play(20), 10 ** (-6 / 20), atol=1e-5)
    path.write_text('[[chain]]\nplugin = "gain"\nparameters.gain_db = -20.0\n')
    player.until("is new")
    assert np.allclose(player.play(40), 0.1, atol=1e-5)


def row_of(player: Player) -> list[str]:
    return [row["callback"] for row in player.stream.parameters]


@pytest.mark.parametrize("change", ["append", "insert", "replace", "object"])
def test_what_comes_later_is_watched_too(change: str, playing: Callable[..., Player], tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "later").mkdir()
    first, later = written(tmp_path / "first" / "fx.py"), written(tmp_path / "later" / "fx.py")
    player = playing(f"{first}:Fx")
    player.play(20)
    stream, level = player.stream, 0.5 * 0.5
    if change == "append":
        stream.append(f"{later}:Fx:other=0.75")
    elif change == "insert":
        stream.insert(0, f"{later}:Fx:other=0.75")
    elif change == "object":
        stream.append(rtstft.plugin(f"{later}:Fx", other=0.75))
    else:
        stream.replace(0, f"{later}:Fx:other=0.75")
        level = 0.5
    assert np.allclose(player.play(40), level, atol=1e-5)
    written(later, level=0.125)
    player.until("is new")
    assert np.allclose(player.play(40), level / 4, atol=1e-5)
    place = 1 if change in ("append", "object") else 0
    assert stream.parameters[place]["parameters"]["other"] == 0.75
    if change != "replace":  # the folder of the first is watched as before
        written(first, level=1)
        player.until("is new")
        assert np.allclose(player.play(40), 0.125, atol=1e-5)


def test_row_that_was_empty_is_watched(playing: Callable[..., Player], tmp_path: Path) -> None:
    player = playing()
    player.stream.append("gain")
    path = tmp_path / "voice.toml"
    path.write_text('plugin = "gain"\nparameters.gain_db = -6.0\n')
    player.stream.append(str(path))
    player.play(40)
    path.write_text('[[chain]]\nplugin = "gain"\nparameters.gain_db = -20.0\n')
    player.until("voice.toml was saved: voice.toml is new")
    assert np.allclose(player.play(40), 0.1, atol=1e-5)


def test_chain_of_ones_own_is_watched_with_those_in_it(tmp_path: Path) -> None:
    path, fake = written(tmp_path / "fx.py"), FakeDuplex(blocksize=BLOCK)
    inner = Chain()
    chain = Chain([inner])
    with Stream(chain, GEOMETRY, samplerate=RATE, headroom_s=0.01, watch=True, duplex=fake) as stream:
        player = Player(stream, fake)
        chain.append(Chain([rtstft.plugin("gain", gain_db=-20)]))
        inner.append(rtstft.plugin(f"{path}:Fx"))
        assert np.allclose(player.play(40), 0.05, atol=1e-5)
        written(path, level=0.25)
        player.until("is new")
        assert np.allclose(player.play(40), 0.025, atol=1e-5)
        followers = [*chain._followers, *inner._followers]
        assert len(followers) == 4
    assert not [*chain._followers, *inner._followers]


def test_what_comes_back_when_another_failed_is_still_watched(
    playing: Callable[..., Player], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    path, other = written(tmp_path / "fx.py"), written(tmp_path / "other" / "fx.py", process="1 / 0")
    player = playing(f"{path}:Fx")
    player.play(20)
    player.stream.replace(0, f"{other}:Fx")
    player.until("was not taken in")
    assert np.allclose(player.play(40), 0.5, atol=1e-5)
    written(path, level=0.25)
    player.until("is new")
    assert np.allclose(player.play(40), 0.25, atol=1e-5)


@pytest.mark.parametrize("chain", [False, True])
def test_plugin_of_a_preset_is_watched_as_the_preset_is(
    chain: bool, playing: Callable[..., Player], tmp_path: Path
) -> None:
    path, preset = written(tmp_path / "fx.py"), tmp_path / "voice.toml"
    text = ("[[chain]]\n" if chain else "") + 'plugin = "fx.py:Fx"\nparameters.level = {level}\n'
    preset.write_text(text.format(level=0.25))
    player = playing(str(preset))
    player.play(20)
    player.stream.set(other=0.75)
    written(path, process="frame *= 0.5")
    player.until("fx.py was saved: ")
    assert np.allclose(player.play(40), 0.125, atol=1e-5)
    assert player.stream.parameters[0]["parameters"]["other"] == 0.75
    preset.write_text(text.format(level=1.5))
    player.until("voice.toml was saved: voice.toml is new")
    assert np.allclose(player.play(40), 0.75, atol=1e-5)
    assert player.stream.parameters[0]["parameters"]["other"] == 1


def test_made_in_a_file_is_made_again_as_it_was_named(playing: Callable[..., Player], tmp_path: Path) -> None:
    path, other = tmp_path / "made.py", written(tmp_path / "fx.py")
    text = "def times(level):\n    def fx(frame):\n        frame *= level\n    return fx\n\nfx = times({})\n"
    path.write_text(text.format(0.5))
    player = playing(f"{path}:fx", f"{other}:Fx")
    player.play(20)
    written(other, level=1)
    player.until("is new")
    path.write_text(text.format(0.125))
    player.until("made.py was saved: made.py:fx is new")
    assert np.allclose(player.play(40), 0.125, atol=1e-5)


def moved(folder: Path) -> None:
    folder.rename(folder.with_name("old"))


@pytest.mark.parametrize("away", [shutil.rmtree, moved, lambda folder: moved(folder.parent)])
def test_folder_that_is_made_anew_is_watched(
    away: Callable[[Path], object], playing: Callable[..., Player], tmp_path: Path
) -> None:
    folder = tmp_path / "own" / "plugins"
    folder.mkdir(parents=True)
    player = playing(f"{written(folder / 'fx.py')}:Fx")
    away(folder)
    folder.mkdir(parents=True)
    for level in (0.25, 2.0):
        written(folder / "fx.py", level=level)
        player.until("is new")
        assert np.allclose(player.play(30), level, atol=1e-4)


def test_isolated_stream_watches_what_comes_later(tmp_path: Path) -> None:
    path, preset = written(tmp_path / "fx.py"), tmp_path / "voice.toml"
    preset.write_text('plugin = "gain"\n')
    with Stream([], GEOMETRY, samplerate=RATE, isolate=True, watch=True, duplex=Sent()) as stream:
        stream.append(f"{path}:Fx")
        stream.append(rtstft.plugin(f"{path}:Fx"))
        stream.insert(0, str(preset))
        for file, count in [(path, 2), (preset, 1)]:
            file.write_text(file.read_text() + "\n")
            news: list[str] = []
            for _ in range(2_000):
                stream.wait(0.01)
                news = [event.text for event in stream.events if event.text.startswith(f"{file.name} was ")]
                if len(news) == count:
                    break
            assert ["is new" in text for text in news] == [True] * count


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_isolated_stream_is_steered_while_a_file_is_imported(tmp_path: Path) -> None:
    slow, go = written(tmp_path / "slow.py"), tmp_path / "go"
    os.mkfifo(go)
    slow.write_text(f"open({str(go)!r}).read()\n{slow.read_text()}")
    with Stream("gain", GEOMETRY, samplerate=RATE, isolate=True, duplex=Sent()) as stream:
        appending = threading.Thread(target=stream.append, args=[f"{slow}:Fx"])
        appending.start()
        with go.open("w"):  # it is being imported, until this is closed
            stream.set(gain_db=-6)
            assert len(stream.parameters) == 1
        appending.join()
        assert len(stream.parameters) == 2


HOLDS = """
import ctypes, multiprocessing
if multiprocessing.parent_process():
    ctypes.PyDLL(None).usleep(1_500_000)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs usleep")
def test_isolated_stream_goes_on_while_an_import_holds_its_lock(tmp_path: Path) -> None:
    slow = written(tmp_path / "slow.py")
    slow.write_text(HOLDS + slow.read_text())
    with Stream("gain", GEOMETRY, samplerate=RATE, isolate=True, duplex=Sent()) as stream:
        appending = threading.Thread(target=stream.append, args=[f"{slow}:Fx"])
        appending.start()
        while appending.is_alive():
            assert not stream.wait(0.01)
            assert stream.active
        assert len(stream.parameters) == 2
        assert stream.stats.callback_errors == 0


def test_what_an_isolated_stream_plays_cannot_be_changed_in_vain() -> None:
    inner = rtstft.Chain()
    chain = rtstft.Chain([rtstft.plugin("gain"), inner])
    gain: Any = chain[0]
    with Stream(chain, GEOMETRY, samplerate=RATE, isolate=True, duplex=Sent()) as stream:
        for row in (chain, inner):
            with pytest.raises(StreamError, match=r"in another process: use the stream's append"):
                row.append(rtstft.plugin("gate"))
        with pytest.raises(ParameterError, match=r"copy of this Gain plays in an isolated stream"):
            gain.gain_db = -6
        with pytest.raises(ParameterError, match=r"use the stream's set and automate"):
            gain.automate("gain_db", [(0, -6)])
        assert (len(chain), len(inner), gain.gain_db) == (2, 0, 0)
        stream.set(gain_db=-6)
    gain.gain_db = -12
    inner.append(rtstft.plugin("gate"))


def test_isolated_stream_tells_of_warnings() -> None:
    row = [f"{__file__}:Doubtful"]
    with Stream(row, GEOMETRY, samplerate=RATE, isolate=True, duplex=Sent()) as stream:
        (event,) = (event for event in stream.events if "doubtful" in event.text)
    assert (event.text, event.kind) == ("warning: a doubtful setting", "PluginWarning")


class Doubtful(Plugin):
    """Warns."""

    def prepare(self, _: Context) -> None:
        warnings.warn("a doubtful setting", PluginWarning, stacklevel=2)

    def process(self, frame: Any) -> None:
        """Lets it pass."""


def test_changes_of_the_row_name_what_is_no_index() -> None:
    with Stream("gain", GEOMETRY, samplerate=RATE, duplex=FakeDuplex(blocksize=BLOCK)) as stream:
        row: Any = stream
        with pytest.raises(StreamError, match="no callback 'gain': expected an index"):
            row.remove("gain")
        with pytest.raises(StreamError, match="no callback 'gain': expected an index"):
            row.replace("gain", "denoise")
        for order in (1, [0, None]):
            with pytest.raises(ParameterError, match=r"order .*, expected indexes"):
                row.reorder(order)


def test_plugin_saved_keeps_what_was_set_to_its_default(
    playing: Callable[..., Player], tmp_path: Path
) -> None:
    path = written(tmp_path / "fx.py", level=1)
    player = playing(f"{path}:Fx:level=1.0")
    player.play(20)
    written(path, level=0.25)
    player.until("is new")
    assert np.allclose(player.play(40), 1, atol=1e-5)


OWN = """
import rtstft

class Fx(rtstft.Plugin):
    level = rtstft.Param(1.0, min=0.0, max=8.0)

    def __init__(self, level={}, **others):
        super().__init__(level=level, **others)

    def process(self, frame):
        frame *= self.level
"""


@pytest.mark.parametrize("asked", [False, True])
def test_plugin_saved_keeps_what_was_asked_for_and_not_what_its_init_says(
    asked: bool, playing: Callable[..., Player], tmp_path: Path
) -> None:
    path = tmp_path / "fx.py"
    path.write_text(OWN.format(1.0))
    player = playing(f"{path}:Fx")
    player.play(20)
    if asked:
        player.stream.set(level=1.0)
        player.play(20)
    path.write_text(OWN.format(0.25))
    player.until("is new")
    assert np.allclose(player.play(40), 1 if asked else 0.25, atol=1e-5)


def test_missing_watchfiles_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = written(tmp_path / "fx.py")
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(MissingExtraError, match=r"rtstft\[watch\]"):
        Stream(f"{path}:Fx", GEOMETRY, samplerate=RATE, watch=True, duplex=FakeDuplex(blocksize=BLOCK))


def test_row_is_edited_while_it_plays() -> None:
    fake = FakeDuplex(blocksize=BLOCK)
    with Stream("gain:gain_db=-20", GEOMETRY, samplerate=RATE, headroom_s=0.01, duplex=fake) as stream:
        player = Player(stream, fake)
        assert np.allclose(player.play(20), 0.1, atol=1e-5)
        stream.insert(0, "gain:gain_db=-6.0206")
        assert np.allclose(player.play(40), 0.05, atol=1e-5)
        stream.append("gain:gain_db=6.0206")
        assert np.allclose(player.play(40), 0.1, atol=1e-5)
        stream.remove(2)
        assert np.allclose(player.play(40), 0.05, atol=1e-5)
        stream.replace(1, "gain:gain_db=0")
        assert np.allclose(player.play(40), 0.5, atol=1e-5)
        stream.reorder([1, 0])
        player.play()
        assert [row["parameters"]["gain_db"] for row in stream.parameters] == [0, pytest.approx(-6.0206)]
        stream.remove(1)
        assert np.allclose(player.play(40), 1, atol=1e-5)
        assert stream.stats.callback_errors == 0


class Plain:
    """No Plugin, and with an attribute of its own."""

    depth = 1.0

    def process(self, frame: Any) -> None:
        """Lets it pass."""


def test_parameters_follow_a_course_of_the_streams_time() -> None:
    fake = FakeDuplex(blocksize=BLOCK)
    row: list[Any] = ["gain", "gain", Halved(), Plain()]
    with Stream(row, GEOMETRY, samplerate=RATE, headroom_s=0.01, duplex=fake) as stream:
        stream.automate("gain_db", [(0, -20.0)], plugin=1)
        player = Player(stream, fake)
        assert np.allclose(player.play(60), 0.05, atol=1e-5)
        stream.automate("gain_db", None, plugin=1)
        stream.set(1, gain_db=0.0)
        assert np.allclose(player.play(60), 0.5, atol=1e-5)
        with pytest.raises(StreamError, match="several callbacks"):
            stream.automate("gain_db", [(0, -20.0)])
        with pytest.raises(ParameterError, match="expected a number"):
            stream.automate("gain_db", [(0, "loud")], plugin=0)
        with pytest.raises(ParameterError, match="Gain has no parameter 'lookahead'"):
            stream.automate("lookahead", [(0, 2)], plugin=0)
        with pytest.raises(StreamError, match=r"Plain\.depth is no parameter"):
            stream.automate("depth", [(0, 2)])
    with pytest.raises(StreamError, match="closed"):
        stream.automate("gain_db", None, plugin=0)


class Sent(FakeDuplex):
    """Arrives in another process as one that nobody drives."""

    def __reduce__(self) -> tuple[Any, ...]:
        return FakeDuplex, ((0, 0), BLOCK)


def test_isolated_stream_is_automated_by_what_can_be_sent() -> None:
    with Stream("gain", GEOMETRY, samplerate=RATE, isolate=True, duplex=Sent()) as stream:
        stream.automate("gain_db", [(0, -20.0), (1, 0.0)])
        with pytest.raises(ParameterError, match="expected a number"):
            stream.automate("gain_db", [(0, "loud")])
        with pytest.raises(StreamError, match="cannot be sent"):
            stream.automate("gain_db", lambda _: -20.0)


class Voice(Plugin):
    """Takes its own from an auxiliary input."""

    aux = ("voice",)

    def process(self, frame: Any, info: Any, aux: Any) -> None:  # noqa: ARG002
        frame[...] = aux["voice"]


def test_another_stream_is_an_auxiliary_input() -> None:
    feed = Feed(RATE, delay_s=0.05)
    there, here = FakeDuplex(blocksize=BLOCK), FakeDuplex(blocksize=BLOCK)
    options: dict[str, Any] = {"samplerate": RATE, "headroom_s": 0.01}
    ones = np.ones((BLOCK, 1), np.float32)
    with (
        Stream([], GEOMETRY, duplex=there, **options) as other,
        Stream(Voice(), GEOMETRY, aux={"voice": feed}, duplex=here, **options) as stream,
    ):
        other.send(feed)
        for _ in range(120):
            there.tick(0.25 * ones)
            there.settle()
            there.attended()  # only then has the feed got it
            out = here.tick(ones)
            here.settle()
        assert np.allclose(out, 0.25, atol=1e-5)
        assert (feed.missing, feed.lost) == (0, 0)
        assert stream.stats.callback_errors == 0


def test_feed_counts_what_is_missing_and_lost() -> None:
    feed = Feed(100, channels=2, delay_s=0.1)
    out = np.ones((8, 2), np.float32)
    feed.fill(out)
    assert feed.missing == 0  # it has not begun
    assert not out.any()
    feed.put(np.full((20, 2), 0.5, np.float32))
    taken = []
    for _ in range(5):
        feed.fill(out)
        taken.append(out.copy())
    given = np.concatenate(taken)[:, 0]
    assert list(given[:30]) == [0] * 10 + [0.5] * 20
    assert not given[30:].any()
    assert feed.missing == 2
    feed.put(np.ones((2000, 2), np.float32))
    assert feed.lost > 1000
    with pytest.raises(AudioError, match=r"expected \(n, 2\)"):
        feed.put(out[:, 0])


def test_isolated_streams_and_feeds_do_not_go_together() -> None:
    feed = Feed(RATE)
    with pytest.raises(AudioError, match="leave isolate out"):
        Stream("gain", GEOMETRY, aux={"voice": feed}, isolate=True, duplex=FakeDuplex(blocksize=BLOCK))


@pytest.mark.parametrize("headroom_s", [0, 0.01])
def test_further_channels_and_files_are_auxiliary_inputs(headroom_s: float) -> None:
    for aux, ticked in (({"voice": 1}, 2), ({"voice": np.full((4000, 1), 0.5, np.float32)}, 1)):
        fake = FakeDuplex(blocksize=BLOCK)
        with Stream(
            Voice(), GEOMETRY, samplerate=RATE, headroom_s=headroom_s, aux=aux, duplex=fake
        ) as stream:
            block = np.tile(np.array([1, 0.5], np.float32)[:ticked], (BLOCK, 1))
            for _ in range(30):
                out = fake.tick(block)
                if headroom_s:
                    fake.settle()
            assert out.shape == (BLOCK, 1)
            assert np.allclose(out, 0.5, atol=1e-5)
            assert stream.stats.callback_errors == 0


class Distance(Plugin):
    """Keeps how far it is from an auxiliary input, and how loud it was."""

    aux = ("voice",)
    loudest = largest = 0.0

    def process(self, frame: Any, info: Any, aux: Any) -> None:  # noqa: ARG002
        self.loudest = max(self.loudest, float(np.abs(frame).max()))
        self.largest = max(self.largest, float(np.abs(frame - aux["voice"]).max()))


def test_source_and_auxiliary_input_stay_together_when_the_device_comes_back() -> None:
    fake = FakeDuplex(blocksize=BLOCK)
    x = np.random.default_rng(0).standard_normal((3 * RATE, 1)).astype(np.float32)
    heard: list[np.ndarray[Any, Any]] = []
    plugin = Distance()
    with Stream(
        [plugin, lambda frame: heard.append(frame.copy())],
        GEOMETRY,
        samplerate=RATE,
        headroom_s=0.01,
        source=x,
        aux={"voice": x},
        reconnect=True,
        duplex=fake,
    ) as stream:
        player = Player(stream, fake)
        player.play(20)
        processed = stream.stats.samples_in
        before = len(heard)
        fake.unplug()
        fake.plug()
        while stream.stats.restarts == 0:  # it looks again every quarter of a second
            stream.wait(0.01)
        plugin.loudest = 0.0
        player.play(20)
    assert plugin.loudest > 1
    assert plugin.largest == 0
    # It goes on with the sample that comes after the last one processed.
    expected = GEOMETRY.stft(x[processed:, 0])
    again = [frame[0] for frame in heard[before:]][:10]
    assert np.allclose(again, expected[: len(again)], atol=1e-4)


def test_input_that_no_callback_listens_to_is_an_event() -> None:
    fake = FakeDuplex(blocksize=BLOCK)
    with Stream(Voice(), GEOMETRY, samplerate=RATE, aux={"voice": 1, "noise": 1}, duplex=fake) as stream:
        told = [event.text for event in stream.events if "listens" in event.text]
    assert told == ["auxiliary input 'noise' is given, but no callback listens to it: they listen to voice"]


def test_facts_are_there_while_the_row_changes() -> None:
    fake = FakeDuplex(blocksize=BLOCK)
    with Stream(["gain", Halved()], GEOMETRY, samplerate=RATE, headroom_s=0.01, duplex=fake) as stream:
        player = Player(stream, fake)
        player.play(20)
        stream.remove(0)
        player.play(40)
        stream.insert(1, "gain:gain_db=-3")  # before a frame has passed
        assert stream.stats.frames > 0
        assert [row["callback"] for row in stream.parameters] == ["Halved", "Gain"]
        player.play(40)
        assert [row["callback"] for row in stream.parameters] == ["Halved", "Gain"]
        stream.set(1, gain_db=-6)
        with pytest.raises(StreamError, match="there is no callback 2"):
            stream.remove(2)


class Halved(Plugin):
    """Half of it; how much it holds is decided for good."""

    room_s = Param(1.0, min=0.0, fixed=True)

    def process(self, frame: Any) -> None:
        frame *= 0.5


def test_fixed_parameter_is_refused_where_it_is_set() -> None:
    fake = FakeDuplex(blocksize=BLOCK)
    with (
        Stream(Halved(), GEOMETRY, samplerate=RATE, headroom_s=0.01, duplex=fake) as stream,
        pytest.raises(ParameterError, match="room_s is fixed"),
    ):
        stream.set(room_s=2.0)


def test_saved_file_finds_its_place_after_changes(playing: Callable[..., Player], tmp_path: Path) -> None:
    path = written(tmp_path / "fx.py")
    player = playing(f"{path}:Fx:other=2.0")
    player.play(20)
    player.stream.insert(0, "gain:gain_db=-20")
    player.play(40)
    written(path, level=0.25)
    player.until("is new")
    assert np.allclose(player.play(40), 0.1 * 0.25, atol=1e-5)
    assert [row["callback"] for row in player.stream.parameters] == ["Gain", "Fx"]


def test_parameter_of_the_spec_may_go(playing: Callable[..., Player], tmp_path: Path) -> None:
    path = written(tmp_path / "fx.py", param="gone")
    player = playing(f"{path}:Fx:gone=2,level=2")
    player.play(20)
    written(path, param="there")
    player.until("is new")
    assert np.allclose(player.play(40), 2, atol=1e-4)


def test_broken_saves_while_the_stream_stands_still_leave_the_old_one(
    playing: Callable[..., Player], tmp_path: Path
) -> None:
    path = written(tmp_path / "fx.py")
    player = playing(f"{path}:Fx")
    assert np.allclose(player.play(20), 0.5, atol=1e-5)
    player.stream.stop()
    for process in ("1 / 0", "frame[0, 0] = np.nan"):
        written(path, level=4, process=process)
        seen = len(player.stream.events)
        while len(player.stream.events) == seen:
            player.stream.wait(0.01)
    player.stream.start()
    assert np.allclose(player.play(40), 0.5, atol=1e-5)
    assert any("NaN" in event.text for event in player.stream.events)
    assert player.stream.stats.callback_errors == 0
    written(path, level=0.25)
    player.until("is new")
    assert np.allclose(player.play(40), 0.25, atol=1e-5)


def test_exit_of_a_callback_is_its_failure() -> None:
    def leaves(_: Any) -> None:
        sys.exit(3)

    fake = FakeDuplex(blocksize=BLOCK)
    with (
        pytest.raises(rtstft.PluginError, match="raised SystemExit: 3"),
        Stream(leaves, GEOMETRY, samplerate=RATE, headroom_s=0.01, duplex=fake) as stream,
    ):
        assert np.allclose(Player(stream, fake).play(20), 1, atol=1e-5)


def test_file_that_exits_is_a_broken_save(playing: Callable[..., Player], tmp_path: Path) -> None:
    path = written(tmp_path / "fx.py")
    player = playing(f"{path}:Fx")
    path.write_text("import sys\nsys.exit(3)\n")
    player.until("raised SystemExit: 3")
    written(path, level=0.25)
    player.until("is new")
    assert np.allclose(player.play(40), 0.25, atol=1e-5)


def test_frame_whose_callback_exits_stays_dry() -> None:
    def leaves(frame: Any) -> None:
        frame *= 0
        sys.exit(3)

    fake = FakeDuplex(blocksize=BLOCK)
    stream = Stream(leaves, GEOMETRY, samplerate=RATE, headroom_s=0.01, duplex=fake)
    with pytest.raises(PluginError, match="raised SystemExit: 3"), stream:
        assert np.allclose(Player(stream, fake).play(20), 1, atol=1e-5)
        assert stream.active


def test_isolated_stream_survives_a_callback_whose_file_exits(tmp_path: Path) -> None:
    path = written(tmp_path / "fx.py")
    leaves = "import multiprocessing, sys\nif multiprocessing.parent_process(): sys.exit(3)\n"
    path.write_text(leaves + path.read_text())
    with Stream("gain", GEOMETRY, samplerate=RATE, isolate=True, duplex=Sent()) as stream:
        with pytest.raises(StreamError, match=r"^SystemExit: 3$") as raised:
            stream.append(rtstft.plugin(f"{path}:Fx"))
        assert f'"{path}"' in str(raised.value.__cause__)
        assert len(stream.parameters) == 1


def test_error_of_another_process_has_its_traceback_for_a_cause(tmp_path: Path) -> None:
    path = written(tmp_path / "fx.py", prepare="1 / 0")
    with pytest.raises(PluginError, match=r"prepare raised ZeroDivisionError: division by zero$") as raised:
        Stream(f"{path}:Fx", GEOMETRY, samplerate=RATE, isolate=True, duplex=Sent())
    assert raised.value.callback == "Fx"
    assert not hasattr(raised.value, "__notes__")
    trace = str(raised.value.__cause__)
    assert f'"{path}"' in trace
    assert trace.endswith("ZeroDivisionError: division by zero\n")


def test_plugin_is_still_found_after_a_broken_save(playing: Callable[..., Player], tmp_path: Path) -> None:
    path = written(tmp_path / "fx.py")
    made = rtstft.plugin(f"{path}:Fx")
    player = playing(made)
    written(path, prepare="((")
    player.until("stays")
    assert made.to_dict()["plugin"] == f"{path}:Fx"


def test_feed_gives_what_is_new_when_a_stream_begins() -> None:
    feed = Feed(100, delay_s=0.1)
    feed.put(np.arange(50, dtype=np.float32))
    feed.start()
    out = np.zeros((10, 1), np.float32)
    feed.fill(out)
    assert list(out[:, 0]) == list(range(40, 50))


def test_stream_sends_only_what_fits() -> None:
    fake = FakeDuplex(blocksize=BLOCK)
    with Stream([], GEOMETRY, samplerate=RATE, headroom_s=0.01, output=False, duplex=fake) as stream:
        with pytest.raises(StreamError, match="dry=True"):
            stream.send(Feed(RATE))
        with pytest.raises(AudioError, match=r"\(2, 4800\), expected the stream's \(1, 4800\)"):
            stream.send(Feed(RATE, channels=2), dry=True)
        stream.send(Feed(RATE), dry=True)


@pytest.mark.parametrize("aux", [{"voice": 0}, {"voice": True}, {"voice": 1.5}, {"voice": None}])
def test_auxiliary_input_that_cannot_be_is_named(aux: Any) -> None:
    with pytest.raises(AudioError, match="expected a number of channels, a file, an array or a Feed"):
        Stream(Voice(), GEOMETRY, samplerate=RATE, aux=aux, duplex=FakeDuplex(blocksize=BLOCK))


@pytest.mark.parametrize("aux", [{3: 1}, ["voice"]])
def test_auxiliary_inputs_without_names_are_refused(aux: Any) -> None:
    with pytest.raises(AudioError, match="expected names and inputs"):
        Stream([], GEOMETRY, samplerate=RATE, aux=aux, duplex=FakeDuplex(blocksize=BLOCK))
