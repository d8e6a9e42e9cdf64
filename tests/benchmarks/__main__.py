"""The benchmark of rtstft: `python tests/benchmarks`. Prints tables and writes JSON."""

import argparse
import json
from pathlib import Path

import denoise
import engine
import files
import live
import startup
from harness import Row, environment


def main() -> None:
    parser = argparse.ArgumentParser(prog="python tests/benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        choices=["engine", "files", "startup", "live", "denoise"],
        help="one part instead of all",
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds, shorter signals")
    parser.add_argument("--minutes", type=float, help="length of the file (default 10; 1 with --quick)")
    parser.add_argument("--audio", type=Path, help="folder with the folders speech and noise, for denoise")
    parser.add_argument(
        "--json", type=Path, default=Path("rtstft-benchmark.json"), help="default: %(default)s"
    )
    options = parser.parse_args()

    results: Row = {"environment": environment()}
    print(json.dumps(results["environment"]))
    if options.only in (None, "engine"):
        results["engine"] = engine.run(quick=options.quick)
    if options.only in (None, "files"):
        results["files"] = files.run(quick=options.quick, minutes=options.minutes)
    if options.only in (None, "startup"):
        results["startup"] = startup.run(quick=options.quick)
    if options.only in (None, "live"):
        results["live"] = live.run(quick=options.quick)
    if options.only in (None, "denoise"):
        results["denoise"] = denoise.run(quick=options.quick, audio=options.audio)
    options.json.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\nwritten to {options.json}")


if __name__ == "__main__":
    main()
