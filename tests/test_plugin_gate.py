"""Gate: levels that are the same in every geometry, hysteresis, times, lookahead."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import Samples, geometries

from rtstft import STFT, Context, Processor
from rtstft.plugins.gate import Gate

RATE = 48_000
GEOMETRY = STFT(512, 128)
HOP_S = 128 / RATE


def sine(level_db: float, length: int, geometry: STFT = GEOMETRY) -> Samples:
    """In the middle of a bin a quarter up, or as near as there is one."""
    frequency = round(geometry.n_fft / 4) / geometry.n_fft
    x: Samples = 10 ** (level_db / 20) * np.sin(2 * np.pi * frequency * np.arange(length) + 0.3)
    return x


def gains_db(gate: Gate, levels_db: Any, geometry: STFT = GEOMETRY) -> Samples:
    """What becomes of a frame of a sine at each of these levels, one after the other."""
    context = Context(geometry, RATE, 1, np.dtype("float64"))
    gate.parameter_values.prepare(context.hop_s)
    gate.prepare(context)
    gate.update()
    found = []
    window, frequency = geometry.analysis_window, round(geometry.n_fft / 4)
    for level_db in levels_db:
        x = sine(level_db, geometry.win_length, geometry)
        frame = np.fft.rfft(window * x, geometry.n_fft)[np.newaxis]
        before = frame[0, frequency]
        gate.process(frame)
        found.append(20 * np.log10(abs(frame[0, frequency] / before) + 1e-30))
    return np.array(found)


@given(geometry=geometries(longest=300, synthesis="dual"), threshold_db=st.floats(-80, 0))
def test_threshold_is_the_level_of_a_sine(geometry: STFT, threshold_db: float) -> None:
    window = geometry.analysis_window
    turns = 2 * round(geometry.n_fft / 4) / geometry.n_fft * np.arange(len(window))
    # Few samples, or rough windows, see the mirror image of the sine as well.
    assume(abs(np.sum(window * np.exp(2j * np.pi * turns))) < 0.2 * window.sum())
    gate = Gate(threshold_db=threshold_db, hysteresis_db=0, attack_s=0, release_s=0, floor_db=-40)
    found = gains_db(gate, [threshold_db + 3, threshold_db - 3], geometry)
    assert np.allclose(found, [0, -40], atol=1e-6)


def test_hysteresis() -> None:
    gate = Gate(threshold_db=-40, hysteresis_db=10, attack_s=0, release_s=0, floor_db=-60)
    found = gains_db(gate, [-45, -39, -45, -49, -51, -45, -39])
    assert np.allclose(found, [-60, 0, 0, 0, -60, -60, 0], atol=1e-6)


def test_attack_and_release_are_from_end_to_end() -> None:
    gate = Gate(threshold_db=-40, attack_s=4 * HOP_S, release_s=8 * HOP_S, floor_db=-80)
    found = gains_db(gate, [-20] * 6 + [-90] * 10)
    assert np.allclose(found, [-60, -40, -20, 0, 0, 0, *range(-10, -81, -10), -80, -80], atol=1e-6)


def test_at_another_floor_the_times_are_the_same() -> None:
    gate = Gate(threshold_db=-40, attack_s=4 * HOP_S, floor_db=-20)
    assert np.allclose(gains_db(gate, [-20] * 5), [-15, -10, -5, 0, 0], atol=1e-6)


@pytest.mark.parametrize("geometry", [GEOMETRY, STFT(1024, 160, 512, "hamming"), STFT(256, 64)])
def test_with_lookahead_the_onset_stays(geometry: STFT) -> None:
    x = 0.3 * np.sin(0.7123 * np.arange(24_000))
    x[:12_000] *= 1e-4  # 80 dB
    onset = slice(12_000, 12_000 + 960)

    def error(lookahead_s: float) -> float:
        gate = Gate(threshold_db=-50, attack_s=0.02, floor_db=-60, lookahead_s=lookahead_s)
        processor = Processor(gate, geometry, RATE, 1, dtype="float64")
        y = np.concatenate([processor.process(np.ascontiguousarray(x[:, np.newaxis])), processor.flush()])
        y = y[processor.latency :, 0][onset]
        return float(np.linalg.norm(y - x[onset]) / np.linalg.norm(x[onset]))

    assert error(0.035) < 0.1
    assert error(0.0) > 0.3


@pytest.mark.parametrize("lookahead_s", [0.05, 0.2])
def test_lookahead_leaves_the_end_of_a_sound(lookahead_s: float) -> None:
    x = 0.3 * np.sin(0.7123 * np.arange(72_000))
    x[:24_000] = x[48_000:] = 0
    gate = Gate(threshold_db=-50, release_s=0.05, lookahead_s=lookahead_s)
    processor = Processor(gate, GEOMETRY, RATE, 1, dtype="float64")
    y = np.concatenate([processor.process(np.ascontiguousarray(x[:, np.newaxis])), processor.flush()])
    end = slice(36_000, 47_500)
    assert np.abs(y[processor.latency :, 0][end] - x[end]).max() < 1e-3


@pytest.mark.parametrize("geometry", [GEOMETRY, STFT(2048, 480)])
def test_lookahead_in_frames(geometry: STFT) -> None:
    gate = Gate(lookahead_s=0.02)
    Processor(gate, geometry, RATE, 1)
    assert abs(gate.lookahead * geometry.hop_length / RATE - 0.02) <= geometry.hop_length / RATE / 2


def test_a_bin_closes_beside_one_that_stays() -> None:
    time = np.arange(RATE) / RATE
    loud, soft = np.sin(2 * np.pi * 6000 * time), 1e-3 * np.sin(2 * np.pi * 12_000 * time)
    processor = Processor(Gate(threshold_db=-50, floor_db=-60), GEOMETRY, RATE, 1, dtype="float64")
    y = processor.process(np.ascontiguousarray((loud + soft)[:, np.newaxis]))[:, 0]
    spectrum = np.abs(np.fft.rfft(y[RATE // 2 :])) / (RATE / 4)
    assert abs(20 * np.log10(spectrum[3000])) < 0.1
    assert abs(20 * np.log10(spectrum[6000]) + 120) < 1
