"""Runs a command and tells what it cost: time on the clock, time of the processor, peak memory."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

# The peak that the system reports for a child begins with its parent's memory at the moment of the
# start; a bare interpreter between the two keeps that below what any of the commands needs itself.
_LAUNCHER = """
import json, os, sys, time
start = time.perf_counter()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
seconds = time.perf_counter() - start
unit = 1 if sys.platform == "darwin" else 1024
print(json.dumps([status, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit]), file=sys.stderr)
"""


@dataclass(frozen=True)
class Cost:
    """What one run of a command took, and what it printed."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    output: str


def run_child(command: Sequence[str]) -> Cost:
    """Runs `command` to its end; RuntimeError with its complaint if it fails."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    complaint, _, report = done.stderr.rstrip().rpartition("\n")
    if done.returncode:
        raise RuntimeError(done.stderr)
    status, seconds, cpu_seconds, peak = json.loads(report)
    if status:
        raise RuntimeError(f"{' '.join(command)} failed: {complaint.strip() or done.stdout.strip()}")
    return Cost(seconds, cpu_seconds, peak / 1e6, done.stdout)
