"""Docstrings of plugins: what was written of them, and the list of parameters that is made for it."""

from collections.abc import Mapping
from typing import Any

from rtstft.params import Param

# What nobody writes by hand: the paragraph below it is found again by it, and taken away.
_HEADING = "Parameters, besides mix and bypass:"


def with_parameters(doc: str, params: Mapping[str, Param[Any]]) -> str:
    """A docstring, its lines aligned, with a list of `params` in place of an earlier one.

    An empty one stays empty: what has only parameters is not documented.
    """
    written = without_parameters(doc)
    if not (written and params):
        return written
    return "\n".join([f"{written}\n", _HEADING, *(f"    {name}: {params[name].__doc__}" for name in params)])


def without_parameters(doc: str) -> str:
    """A docstring, its lines aligned, as it was written, for where parameters have a table of their own."""
    return "\n\n".join(part for part in doc.split("\n\n") if not part.startswith(_HEADING))
