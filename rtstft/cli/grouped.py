"""Options that several verbs share, as the fields of a dataclass that each of them takes."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from inspect import Parameter
from typing import Any


def grouped(verb: Callable[..., None]) -> Callable[..., None]:
    """`verb` as typer takes it: each parameter that is a dataclass becomes the options that its fields are.

    A field is annotated as an option of a verb is; its default is the option's.
    """
    parameters = inspect.signature(verb).parameters
    groups: dict[str, Any] = {
        name: parameter.annotation
        for name, parameter in parameters.items()
        if dataclasses.is_dataclass(parameter.annotation)
    }

    @functools.wraps(verb)
    def flat(**given: object) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in dataclasses.fields(group)})
        verb(**given)

    options = [option for parameter in parameters.values() for option in _options(parameter)]
    flat.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]  # typer reads it
    flat.__annotations__ = {option.name: option.annotation for option in options}
    return flat


def _options(parameter: Parameter) -> Iterator[Parameter]:
    if not dataclasses.is_dataclass(parameter.annotation):
        yield parameter.replace(kind=Parameter.KEYWORD_ONLY)
        return
    for field in dataclasses.fields(parameter.annotation):
        yield Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
