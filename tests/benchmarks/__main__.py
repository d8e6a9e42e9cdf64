"""The benchmark of rtstft: `python tests/benchmarks`. Prints tables and writes JSON."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import convolve
import engine
import files
import live
import noise_reduction
import pitch
import plugins
import startup
import stretch
from harness import Row, environment

PARTS: dict[str, Callable[[argparse.Namespace], Row]] = {
    "engine": lambda options: engine.run(quick=options.quick),
    "files": lambda options: files.run(quick=options.quick, minutes=options.minutes),
    "startup": lambda options: startup.run(quick=options.quick),
    "live": lambda options: live.run(quick=options.quick),
    "plugins": lambda options: plugins.run(quick=options.quick),
    "convolve": lambda options: convolve.run(quick=options.quick),
    "denoise": lambda options: noise_reduction.run(quick=options.quick, audio=options.audio),
    "pitch": lambda options: pitch.run(quick=options.quick),
    "stretch": lambda options: stretch.run(quick=options.quick, audio=options.audio),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python tests/benchmarks", description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="one part instead of all")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, shorter signals")
    parser.add_argument("--minutes", type=float, help="length of the file (default 10; 1 with --quick)")
    parser.add_argument(
        "--audio", type=Path, help="folder with the folders speech and noise, for denoise and stretch"
    )
    parser.add_argument(
        "--json", type=Path, default=Path("rtstft-benchmark.json"), help="default: %(default)s"
    )
    options = parser.parse_args()

    results: Row = {"environment": environment()}
    print(json.dumps(results["environment"]))
    for name in PARTS if options.only is None else [options.only]:
        results[name] = PARTS[name](options)
    options.json.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\nwritten to {options.json}")


if __name__ == "__main__":
    main()
