"""Parameters that name files: what they take, what they keep, how presets write them down."""

import json
import pickle
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtstft import (
    STFT,
    CallbackError,
    Chain,
    ParameterError,
    PathParam,
    Plugin,
    Processor,
    load_preset,
    plugin,
    save_preset,
)
from rtstft.loading import load, spec_of
from rtstft.plugins.convolve import Convolve
from rtstft.plugins.denoise import Denoise
from rtstft.plugins.gain import Gain

EXACT = STFT(128, 64, window="boxcar", synthesis=np.repeat([0.0, 1.0], 64))


class Player(Plugin):
    """Names files."""

    file = PathParam(doc="what to play")

    def process(self, frame: Any) -> None:
        pass


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def preset_in(path: Path) -> dict[str, Any]:
    text = path.read_text()
    found: dict[str, Any] = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    return found


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        ("a.wav", "a.wav"),
        (Path("a.wav"), "a.wav"),
        ("./sub/a b,c=d.wav", "sub/a b,c=d.wav"),
        ("../a.wav", "../a.wav"),
        ("/a.wav", "/a.wav"),
    ],
)
def test_path_is_kept_as_where_it_leads_now(given: Any, kept: str, folder: Path, monkeypatch: Any) -> None:
    expected = str(folder / kept) if kept else ""
    player = Player(file=given)
    parsed = Player.file.parse(str(given))
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    found = [player.file, parsed, Player(file=player.file).file, pickle.loads(pickle.dumps(player)).file]
    assert found == [expected] * 4


@pytest.mark.parametrize("value", [3, None, True, b"a.wav", ["a.wav"], "a\0.wav"])
def test_what_is_no_path_is_refused(value: Any) -> None:
    with pytest.raises(ParameterError, match=r"^Player\.file=.*, expected the path of a file$"):
        Player(file=value)


def test_description_says_path() -> None:
    assert Player.file.describe() == {
        "name": "file",
        "type": "path",
        "default": "",
        "min": None,
        "max": None,
        "choices": [],
        "unit": "",
        "smooth_s": 0.0,
        "fixed": False,
        "doc": "what to play",
    }
    paths = [Convolve.params["path"], plugin("filter").params["path"], Denoise.params["noise_file"]]
    assert [param.describe()["type"] for param in paths] == ["path"] * 3


@pytest.mark.parametrize("suffix", ["json", "toml"])
def test_preset_moves_with_the_files_that_parameters_name(suffix: str, folder: Path) -> None:
    (folder / "mine" / "sub").mkdir(parents=True)
    first = Convolve(path="mine/room.wav")
    second, third = Denoise(noise_file="mine/sub/noise.wav"), Player(file="mine-too/a.wav", mix=0.5)
    second.automate("mix", [(0, 0), (1, 1)])
    third.automate("file", [(0, "mine/b.wav"), (1, ""), (2, "c.wav")])
    save_preset(f"mine/a.{suffix}", Chain([first, Chain([second, Chain([third])]), Denoise()]))
    preset = preset_in(folder / "mine" / f"a.{suffix}")
    chain = preset["chain"]
    members = [chain[0], chain[1]["chain"][0], chain[1]["chain"][1]["chain"][0], chain[2]]
    assert members[0]["parameters"]["path"] == "room.wav"
    assert members[1]["parameters"]["noise_file"] == "sub/noise.wav"
    assert members[1]["automation"] == {"mix": [[0.0, 0.0], [1.0, 1.0]]}
    assert members[2]["parameters"]["file"] == f"{folder}/mine-too/a.wav"
    assert members[2]["automation"]["file"] == [[0.0, "b.wav"], [1.0, ""], [2.0, f"{folder}/c.wav"]]
    assert members[3]["parameters"]["noise_file"] == ""

    (folder / "mine").rename(folder / "moved")
    found: Any = load_preset(f"moved/a.{suffix}")
    flat = [found[0], found[1][0], found[1][1][0], found[2]]
    assert flat[0].path == f"{folder}/moved/room.wav"
    assert flat[1].noise_file == f"{folder}/moved/sub/noise.wav"
    assert flat[1].parameter_values.curves["mix"].points == [(0.0, 0.0), (1.0, 1.0)]
    assert flat[2].file == f"{folder}/mine-too/a.wav"
    points = [(0.0, f"{folder}/moved/b.wav"), (1.0, ""), (2.0, f"{folder}/c.wav")]
    assert flat[2].parameter_values.curves["file"].points == points
    assert flat[3].noise_file == ""


def test_preset_of_a_plugin_in_a_file_moves_with_all_of_it(folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "fx.py").write_text(
        "import rtstft\n"
        "class Fx(rtstft.Plugin):\n"
        "    file = rtstft.PathParam()\n"
        "    def process(self, frame):\n"
        "        pass\n"
    )
    save_preset("mine/a.toml", plugin("mine/fx.py:Fx", file=Path("mine", "a.wav")))
    (folder / "mine").rename(folder / "moved")
    found: Any = load("moved/a.toml")
    assert found.file == f"{folder}/moved/a.wav"
    assert spec_of(found) == f"{folder}/moved/fx.py:Fx:file={folder}/moved/a.wav"
    (folder / "moved" / "b.toml").write_text('plugin = "fx.py"\n')
    with pytest.raises(CallbackError, match=r"moved/fx\.py:NAME; it has .*moved/fx\.py:Fx"):
        load("moved/b.toml")
    (folder / "moved" / "fx.py").unlink()
    with pytest.raises(CallbackError, match=r"there is no file .*moved/fx\.py"):
        load("moved/a.toml")


def test_link_to_a_presets_folder_is_that_folder(folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "link").symlink_to("mine")
    for preset, file in [("mine", "link"), ("link", "mine"), ("link", "link")]:
        save_preset(f"{preset}/a.json", Convolve(path=f"{file}/room.wav"), overwrite=True)
        assert preset_in(folder / "mine" / "a.json")["parameters"]["path"] == "room.wav"


def test_path_in_a_preset_starts_there_and_not_where_the_program_runs(folder: Path) -> None:
    (folder / "mine").mkdir()
    for path, expected in [("room.wav", "mine/room.wav"), ("../room.wav", "mine/../room.wav")]:
        (folder / "mine" / "a.toml").write_text(f'plugin = "convolve"\nparameters.path = "{path}"\n')
        found: Any = load("mine/a.toml")
        assert found.path == f"{folder}/{expected}"
    (folder / "mine" / "a.toml").write_text('plugin = "convolve"\nparameters.path = 3\n')
    with pytest.raises(ParameterError, match=r"Convolve\.path=3, expected the path of a file"):
        load("mine/a.toml")


def test_dictionary_names_files_from_a_folder_if_there_is_one(folder: Path) -> None:
    row = Chain([Convolve(path="mine/room.wav"), Chain([Player(file="b.wav")]), Gain()])
    for chosen, written in [
        (None, [f"{folder}/mine/room.wav", f"{folder}/b.wav"]),
        (".", ["mine/room.wav", "b.wav"]),
        (folder / "mine", ["room.wav", f"{folder}/b.wav"]),
    ]:
        described = json.loads(json.dumps(row.to_dict(chosen)))
        inner = described["chain"][1]["chain"][0]
        assert [described["chain"][0]["parameters"]["path"], inner["parameters"]["file"]] == written
        back: Any = Chain.from_dict(described) if chosen is None else Chain.from_dict(described, chosen)
        assert [back[0].path, back[1][0].file] == [f"{folder}/mine/room.wav", f"{folder}/b.wav"]


def test_moved_preset_plays_as_before(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "mine").mkdir()
    np.save(folder / "mine" / "room.npy", [0.5, 0.25])
    convolve = Convolve(path="mine/room.npy")
    save_preset("mine/a.json", convolve)
    x = np.ones((500, 1), np.float32)
    expected = Processor(convolve, EXACT, channels=1).process(x)
    (folder / "mine").rename(folder / "moved")
    monkeypatch.chdir("/")
    assert np.array_equal(
        Processor(load_preset(folder / "moved/a.json"), EXACT, channels=1).process(x), expected
    )
