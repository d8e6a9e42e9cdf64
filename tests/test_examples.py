"""Every example runs, and does what it says."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import rtstft

EXAMPLES = Path(__file__).parent.parent / "examples"
RECORDING = EXAMPLES / "speech_in_noise.wav"


def run(*arguments: str | Path) -> str:
    command = [sys.executable, "-W", "error::rtstft.ConditioningWarning", *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_round_trip_is_exact(tmp_path: Path) -> None:
    target = tmp_path / "roundtrip.wav"
    said = run(EXAMPLES / "spectrogram_roundtrip.py", RECORDING, target)
    assert "round-trip error" in said
    original, _ = soundfile.read(RECORDING)
    rebuilt, _ = soundfile.read(target)
    assert len(rebuilt) == len(original)
    assert np.abs(rebuilt - original).max() <= 1e-7


def test_coming_from_scipy_finds_the_same_frames() -> None:
    pytest.importorskip("scipy")
    pytest.importorskip("librosa")
    lines = run(EXAMPLES / "coming_from_scipy.py").splitlines()
    same = {line[:33].strip() for line in lines if "  none  " in line}
    assert same == {
        "MATLAB, by definition",
        'rtstft ("hamming", "symmetric")',
        "detrend=False, times sum",
    }


def test_denoise_takes_noise_and_leaves_speech(tmp_path: Path) -> None:
    cleaned = tmp_path / "cleaned.wav"
    denoise = runpy.run_path(str(EXAMPLES / "denoise.py"))["Denoise"]
    rtstft.process_file(RECORDING, cleaned, denoise(), rtstft.STFT(512, 128))
    before, samplerate = soundfile.read(RECORDING)
    after, _ = soundfile.read(cleaned)
    power = [x[: samplerate // 4].var() for x in (before[-samplerate // 4 :], after[-samplerate // 4 :])]
    assert power[1] < power[0] / 10
    assert after.var() > before.var() / 3


def test_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "picture.png"
    run(EXAMPLES / "make_picture.py", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_readme_callback_of_ten_lines_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = (EXAMPLES.parent / "README.md").read_text("utf-8")
    blocks = [block.split("```")[0] for block in readme.split("```python\n")[1:]]
    assert blocks
    soundfile.write(tmp_path / "in.wav", *soundfile.read(RECORDING))
    monkeypatch.chdir(tmp_path)
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})  # the README's own text
