"""A form made from the parameters of a job: nothing about an option is said twice."""

from __future__ import annotations

import shlex
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import numpy as np
from magicgui.widgets import CheckBox, ComboBox, FileEdit, FloatSpinBox, LineEdit, SpinBox
from magicgui.widgets.bases import ValueWidget
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.params import Params

UNIT_SIGNS = {"A": "Å", "um": "µm", "deg": "°"}


class ParamsForm(QWidget):
    """One row per field: its title and unit, a widget with its bounds, its sentence as tooltip.

    Parameters
    ----------
    model
        The parameters' class.
    only
        The fields to show, in this order; all of them by default.
    """

    changed = Signal(str)

    def __init__(
        self,
        model: type[Params],
        only: tuple[str, ...] | None = None,
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.model = model
        self.widgets: dict[str, ValueWidget[Any]] = {}
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for name in only or tuple(model.model_fields):
            info = model.model_fields[name]
            widget = _widget_for(name, info)
            widget.changed.connect(lambda _value, name=name: self.changed.emit(name))
            self.widgets[name] = widget
            layout.addRow(self._label(info, name, widget), widget.native)

    def values(self) -> dict[str, Any]:
        """What the fields say; an empty optional field is None."""
        return {name: _read(self.model.model_fields[name], w) for name, w in self.widgets.items()}

    def set(self, name: str, value: Any) -> None:
        """Fill in one field."""
        widget = self.widgets[name]
        if isinstance(widget, LineEdit):
            widget.value = (
                "" if value is None else f"{value:g}" if _is_number(value) else str(value)
            )
        elif value is not None:
            widget.value = value

    def _label(self, info: FieldInfo, name: str, widget: ValueWidget[Any]) -> QLabel:
        label = QLabel(_title(info, name), self)
        label.setToolTip(info.description or "")
        label.setBuddy(widget.native)
        return label


def build(model: type[Params], values: dict[str, Any]) -> Params:
    """The parameters, checked.

    Raises
    ------
    CryoAIError
        If a value is out of bounds; it names the field as the form does.
    """
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        info = model.model_fields.get(name)
        title = _title(info, name) if info is not None else name
        raise CryoAIError(
            f"{title}: {first['msg'][0].lower()}{first['msg'][1:]}", remedy="Correct the field"
        ) from error


def as_command_line(program: str, params: Params, arguments: list[str]) -> str:
    """The same run for a terminal: only what differs from the defaults is spelled out."""
    words = [program, *(shlex.quote(a) for a in arguments)]
    for name, info in type(params).model_fields.items():
        value = getattr(params, name)
        if value == info.default or value is None:
            continue
        option = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            words.append(option if value else "--no-" + option[2:])
        else:
            words += [option, shlex.quote(f"{value:g}" if isinstance(value, float) else str(value))]
    return " ".join(words)


def _title(info: FieldInfo, name: str) -> str:
    title = info.title or name.replace("_", " ").capitalize()
    extra = info.json_schema_extra
    unit = extra.get("unit") if isinstance(extra, dict) else None
    return f"{title} ({UNIT_SIGNS.get(str(unit), unit)})" if unit else title


def _widget_for(name: str, info: FieldInfo) -> ValueWidget[Any]:
    kind, optional = _kind(info.annotation)
    options: dict[str, Any] = {"name": name, "tooltip": info.description or ""}
    if get_origin(kind) is Literal:
        return ComboBox(choices=get_args(kind), value=info.default, **options)
    if kind is bool:
        box = CheckBox(value=bool(info.default), **options)
        box.text = ""  # the label beside it says what it is
        return box
    if isinstance(kind, type) and issubclass(kind, Path):
        widget: ValueWidget[Any] = FileEdit(
            mode="r", nullable=optional, value=info.default, **options
        )
        return widget
    if optional or kind not in (int, float):
        return _line(info, options)
    low, high = _bounds(info)
    number = SpinBox if kind is int else FloatSpinBox
    step = {} if kind is int else {"step": _step(float(info.default or 1.0))}
    return number(value=info.default, min=low, max=high, **step, **options)


def _line(info: FieldInfo, options: dict[str, Any]) -> ValueWidget[Any]:
    default = "" if info.default is None else str(info.default)
    line = LineEdit(value=default, **options)
    extra = info.json_schema_extra
    words = str(extra.get("when_empty", "automatic")) if isinstance(extra, dict) else "automatic"
    line.native.setPlaceholderText(words)
    line.native.setClearButtonEnabled(True)
    return line


def _kind(annotation: Any) -> tuple[Any, bool]:
    """The type of a field without its `| None`, and whether it had one."""
    if get_origin(annotation) not in (Union, UnionType):
        return annotation, False
    parts = [part for part in get_args(annotation) if part is not NoneType]
    return parts[0], len(parts) < len(get_args(annotation))


def _bounds(info: FieldInfo) -> tuple[float, float]:
    low, high = -1e9, 1e9
    for rule in info.metadata:
        for key in ("ge", "gt"):
            low = max(low, float(getattr(rule, key, None) or -1e9)) if hasattr(rule, key) else low
        for key in ("le", "lt"):
            high = min(high, float(getattr(rule, key))) if hasattr(rule, key) else high
        if getattr(rule, "ge", None) == 0 or getattr(rule, "gt", None) == 0:
            low = max(low, 0.0)
    return low, high


def _step(value: float) -> float:
    """Of the arrows; the field shows as many digits as it has."""
    if 0 < abs(value) < 0.05:
        return float(10 ** np.floor(np.log10(abs(value))))
    return 10.0 if abs(value) >= 100 else 1.0 if abs(value) >= 10 else 0.05


def _read(info: FieldInfo, widget: ValueWidget[Any]) -> Any:
    value = widget.value
    _, optional = _kind(info.annotation)
    if isinstance(widget, LineEdit):
        text = str(value).strip()
        return None if optional and not text else text
    if isinstance(value, Path) and str(value) in ("", ".") and optional:
        return None
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
