"""Microseconds per frame: analysis, a Python callback and synthesis, against FFTW and other libraries."""

import statistics
from dataclasses import dataclass

import numpy as np
from harness import Contestant, ForeignLoad, Laps, Row, race, show, stream
from numpy.typing import NDArray
from peers import PEERS, Case, bare_fftw, entry

import rtstft

GEOMETRIES = ((512, 160, 1024), (1024, 256, 1024), (2048, 512, 2048), (512, 128, 512))
EFFORTS = ("measure", "estimate")
HEADER = ("contestant", "block", "us/frame", "x FFTW", "best", "x rtstft", "x rtstft hop")
LEGEND = (
    "us/frame: median of the rounds. x FFTW: multiple of bare FFTW (measured plans, forward + backward),",
    "median of the rounds; best: shortest time over FFTW's shortest. x rtstft: multiple of rtstft with its",
    'default effort ("estimate") in blocks of 4096 samples; x rtstft hop: in blocks of one hop.',
)


@dataclass(frozen=True)
class Bar:
    """The most that a ratio may be, or the least; mono."""

    geometry: tuple[int, int, int]
    contestant: str
    block: str
    column: str
    limit: float
    at_most: bool = True


def bars() -> list[Bar]:
    """What this library promises of itself."""
    found = []
    for geometry, limit in zip(GEOMETRIES, (1.9, 1.9, 1.7)):
        found += [
            Bar(geometry, "rtstft measure", "4096", "times_fftw", limit),
            Bar(geometry, "rtstft estimate", "4096", "times_fftw", limit * 4 / 3),
            Bar(geometry, "rtstft measure", "hop", "times_fftw", 4.0),
            Bar(geometry, "rtstft estimate", "hop", "times_fftw", 4.0 * 4 / 3),
        ]
    for geometry in GEOMETRIES:
        found += [
            Bar(geometry, name, block, "times_rtstft", limit, at_most=False)
            for name, block, limit in (
                ("librosa", "whole", 3),
                ("pyroomacoustics", "hop", 5),
                ("aubio", "hop", 5),
            )
        ]
    return found


def callback(frame: NDArray[np.complex64]) -> None:
    """The least that a callback can be: a Python function."""


def ours(case: Case) -> list[Contestant]:
    """Every effort with every block length, mostly in blocks of any length (blocksize=None)."""
    geometry = rtstft.STFT(case.n_fft, case.hop_length, case.win_length)
    return [
        _rtstft(case, geometry, effort, length, name)
        for name, length in (("hop", case.hop_length), ("64", 64), ("4096", 4096))
        for effort in EFFORTS
    ]


def _rtstft(case: Case, geometry: rtstft.STFT, effort: str, length: int, name: str) -> Contestant:
    processor = rtstft.Processor(callback, geometry, channels=case.channels, planner_effort=effort)
    return stream(f"rtstft {effort}", name, case.frames, processor.process, case.blocks(length))


def measure(case: Case, rounds: int) -> tuple[list[Row], list[str]]:
    """Rows of one table, and why a peer is missing from it."""
    contestants, notes = ours(case), []
    for peer in PEERS:
        contestant, reason = entry(peer, case)
        if contestant is None:
            contestant = Contestant(peer.__name__, "-", case.frames, lambda: None)
            notes.append(f"{peer.__name__}: {reason}.")
        contestants.append(contestant)
    present = [c for c in contestants if c.block != "-"]
    laps = dict(zip(((c.name, c.block) for c in present), race(bare_fftw(case), present, rounds)))
    first = laps[present[0].name, present[0].block]
    shared = {
        "win_length": case.win_length,
        "hop_length": case.hop_length,
        "n_fft": case.n_fft,
        "channels": case.channels,
    }
    bare = {"contestant": "bare FFTW", "block": "-", "us_per_frame": statistics.median(first.reference)}
    rows: list[Row] = [shared | bare | {"times_fftw": 1.0}]
    for contestant in contestants:
        row: Row = shared | {"contestant": contestant.name, "block": contestant.block}
        lap = laps.get((contestant.name, contestant.block))
        rows.append(row | (_figures(lap, laps) if lap else {}))
    return rows, notes


def _figures(lap: Laps, laps: dict[tuple[str, str], Laps]) -> Row:
    ratios = lap.over(lap.reference)
    return {
        "us_per_frame": lap.us,
        "times_fftw": statistics.median(ratios),
        "times_fftw_best": lap.best_over_reference(),
        "times_rtstft": statistics.median(lap.over(laps["rtstft estimate", "4096"].own)),
        "times_rtstft_hop": statistics.median(lap.over(laps["rtstft estimate", "hop"].own)),
    }


def _print(case: Case, rows: list[Row], notes: list[str]) -> None:
    columns = ("us_per_frame", "times_fftw", "times_fftw_best", "times_rtstft", "times_rtstft_hop")
    lines = [[row["contestant"], row["block"], *map(row.get, columns)] for row in rows]
    sizes = f"(W, H, N) = ({case.win_length}, {case.hop_length}, {case.n_fft})"
    show(f"{sizes}, {'mono' if case.channels == 1 else 'stereo'}, float32", HEADER, lines, notes)


def _judge(rows: list[Row]) -> list[Row]:
    verdicts = []
    for bar in bars():
        for row in rows:
            sizes = row["win_length"], row["hop_length"], row["n_fft"]
            same = (row["contestant"], row["block"], row["channels"]) == (bar.contestant, bar.block, 1)
            if sizes == bar.geometry and same and bar.column in row:
                found = row[bar.column]
                passed = found <= bar.limit if bar.at_most else found >= bar.limit
                verdicts.append(
                    {
                        "geometry": str(bar.geometry),
                        "contestant": bar.contestant,
                        "block": bar.block,
                        "ratio": found,
                        "to": "bare FFTW" if bar.at_most else "rtstft estimate 4096",
                        "bar": f"{'<=' if bar.at_most else '>='} {bar.limit:.2f}",
                        "verdict": "met" if passed else "MISSED",
                    }
                )
    return verdicts


def run(*, quick: bool) -> Row:
    """Measures and prints every table; returns the rows."""
    rng = np.random.default_rng(0)
    rounds, seconds = (7, 2) if quick else (25, 6)
    rows: list[Row] = []
    loads: list[str] = []
    for win_length, hop_length, n_fft in GEOMETRIES:
        for channels in (1, 2):
            samples = seconds * 48_000 // hop_length * hop_length
            signal = (rng.standard_normal((samples, channels)) * 0.1).astype(np.float32)
            case = Case(win_length, hop_length, n_fft, signal)
            foreign = ForeignLoad()
            found, notes = measure(case, rounds)
            notes.append(foreign.note())
            loads.append(notes[-1])
            _print(case, found, notes)
            rows += found
    print("\n" + "\n".join(LEGEND))
    verdicts = _judge(rows)
    show("What is promised (mono)", list(verdicts[0]), [list(verdict.values()) for verdict in verdicts])
    return {"rows": rows, "bars": verdicts, "loads": loads}
