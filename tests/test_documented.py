"""Docstrings of plugins list the parameters that are declared, once, and help() shows them."""

import inspect
import pydoc
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from rtstft import Param, PathParam, Plugin


class Loud(Plugin):
    """Makes louder.

    Cost: none.
    """

    level_db = Param(-6.0, min=-60.0, max=0.0, doc="how loud")
    shape = Param("round", choices=("round", "square"))
    path = PathParam(doc="where from")


LIST = """Parameters, besides mix and bypass:
    level_db: how loud; a number from -60 to 0 dB (default -6.0)
    shape: one of round, square (default 'round')
    path: where from; the path of a file (default '')"""


class Quiet(Loud):
    """Makes quieter."""

    level_db = Param(-40.0, max=-6.0, doc="how quiet")
    shape: Any = "round"


class Inheriting(Loud):
    depth = Param(0.5)


class Borrowing(Loud):
    __doc__ = Loud.__doc__
    depth = Param(0.5)


class Empty(Loud):
    __doc__ = " "


class Plain(Plugin):
    """Has none."""


def test_docstring_ends_with_the_parameters() -> None:
    assert Loud.__doc__ == f"Makes louder.\n\nCost: none.\n\n{LIST}"
    assert Plain.__doc__ == "Has none."


def test_subclass_lists_its_own_and_inherited_ones() -> None:
    assert Quiet.__doc__ == (
        "Makes quieter.\n\nParameters, besides mix and bypass:\n"
        "    level_db: how quiet; a number of -6 dB or less (default -40.0)\n"
        "    path: where from; the path of a file (default '')"
    )


def test_docstring_is_given_to_none_that_has_none() -> None:
    assert Inheriting.__doc__ is None
    assert inspect.getdoc(Inheriting) == Loud.__doc__
    assert not Empty.__doc__


def test_list_of_a_borrowed_docstring_is_made_anew() -> None:
    assert Borrowing.__doc__ == f"{Loud.__doc__}\n    depth: a number (default 0.5)"


def test_class_that_is_made_anew_of_its_parts_has_one_list() -> None:
    @dataclass(slots=True)
    class Sized(Plugin):
        """Has a size."""

        size: int
        level = Param(1.0)

    assert Sized.__doc__ == (
        "Has a size.\n\nParameters, besides mix and bypass:\n    level: a number (default 1.0)"
    )


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("level_db", "how loud; a number from -60 to 0 dB (default -6.0)"),
        ("mix", f"{Plugin.mix.doc}; a number from 0 to 1 (default 1.0)"),
    ],
)
def test_help_tells_what_a_parameter_takes(name: str, says: str) -> None:
    shown = [line.strip(" |") for line in pydoc.plain(pydoc.render_doc(Loud)).splitlines()]
    assert shown[shown.index(name) + 1] == says


def test_interpreter_may_drop_docstrings() -> None:
    script = "from rtstft.plugins.gain import Gain\nraise SystemExit(Gain.__doc__)"
    subprocess.run([sys.executable, "-OO", "-c", script], check=True)
