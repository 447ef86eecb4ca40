"""Command-line options made from `Params`, and what all commands share."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin

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
DISK_TROUBLE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG),
}
"""Errors of the system that users can mend; any other is ours."""


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
    """End the command with exit code 2 and a readable message on a `CryoAIError`.

    So too if the disk is full, or a file may not be written: that can happen at any moment.
    """
    try:
        yield
    except CryoAIError as error:
        _tell_and_leave(error, as_json)
    except OSError as error:
        if error.errno not in DISK_TROUBLE:
            raise
        reason = f"cannot be read or written ({error.strerror})"
        remedy = "Make room on the disk, or choose another folder with --output"
        place = error.filename if isinstance(error.filename, str) else None
        problem = reason if place else f"a file {reason}"
        _tell_and_leave(CryoAIError(problem, path=place, remedy=remedy), as_json)


def _tell_and_leave(error: CryoAIError, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps({"error": error.as_json()}))
    else:
        click.echo(f"Error: {error}", err=True)
    sys.exit(BAD_INPUT)


def _option(name: str, field: FieldInfo) -> Callable[[Command], Command]:
    kind = _without_none(field.annotation)
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    facts = [*([str(extra["unit"])] if "unit" in extra else []), *_bounds(field)]
    suffix = f" [{', '.join(facts)}]" if facts else ""
    default = None if field.default is PydanticUndefined else field.default
    spelling = f"{flag(name)}/--no-{name.replace('_', '-')}" if kind is bool else flag(name)
    return click.option(
        spelling,
        name,
        type=_click_type(kind),
        default=default,
        show_default=default is not None,
        required=field.is_required(),
        help=(field.description or field.title or "") + suffix,
    )


def _bounds(field: FieldInfo) -> list[str]:
    """What values are allowed, in words."""
    limits = {
        name: f"{value:g}"
        for fact in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if (value := getattr(fact, name, None)) is not None
    }
    if "ge" in limits and "le" in limits:
        return [f"{limits['ge']} to {limits['le']}"]
    words = {"ge": "{} or more", "gt": "above {}", "le": "{} or less", "lt": "below {}"}
    return [text.format(limits[name]) for name, text in words.items() if name in limits]


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        (kind,) = (a for a in get_args(annotation) if a is not NoneType)
        return kind
    return annotation


def _click_type(kind: Any) -> Any:
    if get_origin(kind) is Literal:
        return click.Choice(get_args(kind))
    return PATH if kind is Path else kind
