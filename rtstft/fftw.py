"""FFTW plans: made once on aligned buffers, under one lock, and repeatable to the bit.

FFTW lets the plans it has already made (its wisdom) decide the next one. Left alone, the bits of
a result would depend on what else the program had planned before; so every planning starts from
no wisdom, or from this package's own, and puts the program's wisdom back afterwards. FFTW's wisdom
has no lock that Python can reach: a program that itself plans with pyfftw, while another thread makes
a Processor or calls STFT.stft, has to hold `planning` meanwhile.
"""

import importlib.machinery
import importlib.util
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeAlias

import numpy as np

from rtstft.errors import GeometryError
from rtstft.types import ComplexArray, Execute, RealArray

Effort: TypeAlias = Literal["estimate", "measure", "patient"]
EFFORTS: tuple[Effort, ...] = ("estimate", "measure", "patient")

_ALIGNMENT = 64  # bytes: a cache line, and the widest SIMD register FFTW uses
planning = threading.RLock()
"""Held while plans are made."""


def _load_fftw() -> ModuleType:
    """pyfftw's extension module alone: the package around it imports scipy and dask if present."""
    package = importlib.util.find_spec("pyfftw")
    # delvewheel's package code is what lets Windows find FFTW's DLLs.
    if package is None or "pyfftw" in sys.modules or sys.platform == "win32":
        return importlib.import_module("pyfftw")
    name = "pyfftw.pyfftw"
    spec = importlib.machinery.PathFinder.find_spec(name, package.submodule_search_locations)
    if spec is None or spec.loader is None:
        return importlib.import_module("pyfftw")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_fftw = _load_fftw()


def padded_length(length: int, itemsize: int) -> int:
    """Least row length >= `length` that keeps every row of a stack on a cache line."""
    step = _ALIGNMENT // itemsize
    return -(-length // step) * step


def zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Zeroed array whose first element is aligned for FFTW's SIMD code."""
    array: np.ndarray[Any, Any] = _fftw.zeros_aligned(shape, dtype=dtype, n=_ALIGNMENT)
    return array


def plan(
    transforms: Sequence[tuple[RealArray | ComplexArray, RealArray | ComplexArray]], effort: Effort
) -> list[Execute]:
    """One bound, argument-free execute for each `(input, output)` pair of 1-D arrays.

    A real input is transformed forward, a complex one backward, both unscaled. A backward
    transform destroys its input. Planning overwrites all arrays; they are returned zeroed.
    """
    with planning, _own_wisdom(effort):
        executes = [_plan_one(source, target, effort) for source, target in transforms]
    for pair in transforms:
        for array in pair:
            array[...] = 0
    return executes


def check_effort(effort: str) -> Effort:
    """`effort` if it is one; GeometryError otherwise."""
    for known in EFFORTS:
        if effort == known:
            return known
    raise GeometryError(f"planner_effort={effort!r}, expected one of {', '.join(map(repr, EFFORTS))}")


def _plan_one(source: RealArray | ComplexArray, target: RealArray | ComplexArray, effort: Effort) -> Execute:
    flag = f"FFTW_{effort.upper()}"
    if np.isrealobj(source):
        transform = _fftw.FFTW(source, target, direction="FFTW_FORWARD", flags=(flag,))
    else:
        transform = _fftw.FFTW(source, target, direction="FFTW_BACKWARD", flags=(flag, "FFTW_DESTROY_INPUT"))
    execute: Execute = transform.execute
    return execute


@contextmanager
def _own_wisdom(effort: Effort) -> Iterator[None]:
    theirs = _fftw.export_wisdom() if "pyfftw" in sys.modules else None
    _fftw.forget_wisdom()
    try:
        known = None
        if effort != "estimate":
            known = _read_wisdom(effort)
            if known is not None:
                _fftw.import_wisdom(known)
        yield
        if effort != "estimate" and (learnt := _fftw.export_wisdom()) != known:
            _write_wisdom(effort, learnt)
    finally:
        _fftw.forget_wisdom()
        if theirs is not None:
            _fftw.import_wisdom(theirs)


def _wisdom_path(effort: Effort) -> Path:
    import platformdirs

    return platformdirs.user_cache_path("rtstft") / f"fftw-{effort}.json"


def _read_wisdom(effort: Effort) -> tuple[bytes, ...] | None:
    """Wisdom of the cache; None where there is none, or none that can be read: it is only a cache."""
    import json

    try:
        parts = json.loads(_wisdom_path(effort).read_text("ascii"))
        wisdom = tuple(part.encode("ascii") for part in parts)
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return None
    return wisdom if len(wisdom) == 3 else None


def _write_wisdom(effort: Effort, wisdom: tuple[bytes, ...]) -> None:
    import json
    import tempfile

    path = _wisdom_path(effort)
    text = json.dumps([part.decode("ascii") for part in wisdom])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="ascii", delete=False) as file:
            file.write(text)
        Path(file.name).replace(path)
    except OSError:  # a read-only home costs the next run its planning time, nothing else
        return
