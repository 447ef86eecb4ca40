"""The layers hold at run time too: what a user imports loads no more than it needs."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest

WINDOWS = {"napari", "qtpy", "superqt", "magicgui", "PyQt5", "PyQt6", "PySide6", "vispy"}


def modules_of(*packages: str) -> list[str]:
    names = []
    for package in packages:
        root = import_module(f"napari_cryoai.{package}")
        names.append(root.__name__)
        names += [m.name for m in pkgutil.walk_packages(root.__path__, f"{root.__name__}.")]
    return [name for name in names if not name.endswith("__main__")]


def loaded_by(statement: str) -> set[str]:
    """Top-level packages in memory after a fresh interpreter has run a statement."""
    code = f"{statement}\nimport json, sys\nsys.stderr.write(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    return {name.partition(".")[0] for name in json.loads(done.stderr)}


@pytest.mark.parametrize("package", ["core", "io"])
def test_nouns_and_files_load_neither_torch_nor_a_window(package):
    names = modules_of(package)
    assert len(names) > 5
    assert not loaded_by(f"import {', '.join(names)}") & (WINDOWS | {"torch"})


def test_work_without_a_window_loads_no_window():
    names = modules_of(
        "core", "io", "physics", "jobs", "picking", "particles", "reconstruction", "cli"
    )
    assert not loaded_by(f"import {', '.join(names)}") & WINDOWS


def test_the_package_itself_loads_nothing():
    heavy = {"numpy", "scipy", "pydantic", "click", "distributed", "torch"} | WINDOWS
    assert not loaded_by("import napari_cryoai") & heavy


def test_help_of_the_command_line_needs_neither_a_window_nor_numerics():
    statement = "from click.testing import CliRunner\nfrom napari_cryoai.cli import main\n"
    statement += "assert CliRunner().invoke(main, ['--version']).exit_code == 0"
    assert not loaded_by(statement) & (WINDOWS | {"torch", "scipy", "skimage", "distributed"})


def test_reading_and_writing_picks_starts_no_cluster():
    assert "distributed" not in loaded_by("import napari_cryoai.io.picks")
