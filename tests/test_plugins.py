"""Every plugin that comes with rtstft keeps the contract, and is registered."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rtstft.plugins
from rtstft import STFT
from rtstft.places import registered
from rtstft.testing import GEOMETRIES, check_plugin

RESPONSE = np.random.default_rng(0).standard_normal(3000).astype(np.float32)
EXACT = (STFT(128, 64, window="boxcar", synthesis=np.repeat([0.0, 1.0], 64)), GEOMETRIES[-1])
OURS = {name: entry for name, entry in registered().items() if entry.value.startswith("rtstft.")}


@pytest.mark.parametrize("name", OURS)
def test_built_in_keeps_the_contract(name: str) -> None:
    kind: Any = OURS[name].load()
    if name == "convolve":
        report = check_plugin(partial(kind, RESPONSE), geometries=EXACT)
    else:
        report = check_plugin(kind)
    assert report.frame_bytes < 16_384  # of a frame of 1024/256: no scratch of its size is allocated
    documentation = kind.__doc__ or ""
    for part in ("Algorithm:", "Cost:", "Latency:"):
        assert part in documentation


def test_every_module_of_a_plugin_is_registered() -> None:
    folder = Path(rtstft.plugins.__file__).parent
    modules = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert modules == set(OURS)
