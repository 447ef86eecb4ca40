"""Command-line options made from `Params`, and what all commands share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import click
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.run import BAD_INPUT

Command = TypeVar("Command", bound=Callable[..., Any])
AnyParams = TypeVar("AnyParams", bound=Params)

PATH = click.Path(path_type=Path)


def params_options(model: type[Params]) -> Callable[[Command], Command]:
    """Add an option for every field of `model`; the command gets them as keyword arguments."""

    def decorate(command: Command) -> Command:
        for name, field in reversed(model.model_fields.items()):
            command = _option(name, field)(command)
        return command

    return decorate


def params_from(model: type[AnyParams], values: dict[str, Any]) -> AnyParams:
    """The parameters that were given on the command line, checked.

    Raises
    ------
    CryoAIError
        If one is out of bounds.
    """
    try:
        return model(**{k: v for k, v in values.items() if k in model.model_fields})
    except ValidationError as error:
        first = error.errors()[0]
        name = flag(str(first["loc"][0])) if first["loc"] else "the parameters"
        raise CryoAIError(
            f"{name}: {first['msg'].lower()}, not {first['input']!r}",
            remedy="See --help for what is allowed",
        ) from error


def flag(name: str) -> str:
    """`pixel_size_A` as `--pixel-size-A`."""
    return "--" + name.replace("_", "-")


@contextmanager
def errors_told(as_json: bool = False) -> Iterator[None]:
    """End the command with exit code 2 and a readable message on a `CryoAIError`."""
    try:
        yield
    except CryoAIError as error:
        if as_json:
            click.echo(json.dumps({"error": error.as_json()}))
        else:
            click.echo(f"Error: {error}", err=True)
        sys.exit(BAD_INPUT)


def _option(name: str, field: FieldInfo) -> Callable[[Command], Command]:
    kind = _without_none(field.annotation)
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    unit = f" [{extra['unit']}]" if "unit" in extra else ""
    default = None if field.default is PydanticUndefined else field.default
    spelling = f"{flag(name)}/--no-{name.replace('_', '-')}" if kind is bool else flag(name)
    return click.option(
        spelling,
        name,
        type=_click_type(kind),
        default=default,
        show_default=default is not None,
        required=field.is_required(),
        help=(field.description or field.title or "") + unit,
    )


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        (kind,) = (a for a in get_args(annotation) if a is not NoneType)
        return kind
    return annotation


def _click_type(kind: Any) -> Any:
    if get_origin(kind) is Literal:
        return click.Choice(get_args(kind))
    return PATH if kind is Path else kind
