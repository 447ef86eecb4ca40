"""What is promised of the package as a whole: manifest, parameters, documents, module sizes."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from importlib.metadata import entry_points, requires, version
from pathlib import Path

import click
import pytest
from npe2 import PluginManifest
from packaging.requirements import Requirement
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import napari_cryoai
from napari_cryoai.cli import main
from napari_cryoai.io.formats import FORMATS
from napari_cryoai.jobs.params import Params

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def all_params() -> list[type[Params]]:
    for module in pkgutil.walk_packages(napari_cryoai.__path__, "napari_cryoai."):
        if not module.name.startswith("napari_cryoai.ui") and "__main__" not in module.name:
            importlib.import_module(module.name)
    found, todo = [], [Params]
    while todo:
        todo += (subclasses := todo.pop().__subclasses__())
        found += [c for c in subclasses if c.__module__.startswith("napari_cryoai.")]
    return found


FIELDS = [
    pytest.param(name, field, id=f"{model.__name__}.{name}")
    for model in all_params()
    for name, field in model.model_fields.items()
]


def leaf_commands(group: click.Group, words: tuple[str, ...] = ()) -> dict[str, click.Command]:
    context = click.Context(group)
    found: dict[str, click.Command] = {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = isinstance(command, click.Group)
        path = (*words, name)
        found |= leaf_commands(command, path) if inner else {" ".join(path): command}
    return found


COMMANDS = leaf_commands(main)


def test_the_version_is_that_of_the_installed_package():
    assert napari_cryoai.__version__ == version("napari-cryoai")
    assert re.match(r"\d+\.\d+", napari_cryoai.__version__)


def test_what_is_installed_is_whole():
    installed = Path(napari_cryoai.__file__).parent
    for source in SOURCES:
        assert (installed / source.relative_to(ROOT / "src" / "napari_cryoai")).is_file()
    assert (installed / "py.typed").is_file()
    assert (installed / "napari.yaml").is_file()


def test_napari_finds_the_manifest_and_every_command_in_it_exists():
    (point,) = entry_points(group="napari.manifest", name="napari-cryoai")
    assert point.value == "napari_cryoai:napari.yaml"
    manifest = PluginManifest.from_distribution("napari-cryoai")
    manifest.validate_imports()
    assert manifest.display_name == "Cryo-AI"


def test_napari_offers_every_ending_of_every_format_to_the_reader():
    manifest = PluginManifest.from_distribution("napari-cryoai")
    patterns = {p for r in manifest.contributions.readers for p in r.filename_patterns}
    missing = {s for f in FORMATS for s in f.suffixes if not s.startswith("_")} - {
        p.removeprefix("*") for p in patterns
    }
    assert not missing


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_parameter_says_what_it_is(name: str, field: FieldInfo):
    assert field.title
    assert field.description
    assert field.description.endswith(".")
    assert field.default is not PydanticUndefined, "a form must be able to begin with it"
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    units = {
        "_A": "A",
        "_A2": "A^2",
        "_px": "px",
        "_deg": "deg",
        "_um": "um",
        "_kV": "kV",
        "_mm": "mm",
        "seconds": "s",
        "hours": "h",
    }
    unit = next((unit for suffix, unit in units.items() if name.endswith(suffix)), None)
    assert extra.get("unit") == unit, "the unit in the name is the unit that is shown"


def test_there_are_parameters():
    assert FIELDS


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT / "src").as_posix())
def test_a_module_is_short_and_says_what_it_is_for(path: Path):
    text = path.read_text()
    assert len(text.splitlines()) <= 500
    tree = ast.parse(text)
    assert ast.get_docstring(tree)
    calls = [n.func for n in ast.walk(tree) if isinstance(n, ast.Call)]
    assert not [f for f in calls if isinstance(f, ast.Name) and f.id in ("print", "eval", "exec")]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_documented(name: str):
    pages = (ROOT / "docs" / "commands.md").read_text()
    heading = rf"^## `cryoai {name}`$(.*?)(?=^## |\Z)"
    section = re.search(heading, pages, re.MULTILINE | re.DOTALL)
    assert COMMANDS[name].help
    assert section, f"docs/commands.md has no section on `cryoai {name}`"
    options = [p for p in COMMANDS[name].params if isinstance(p, click.Option)]
    spelled = {flag for p in options for flag in (*p.opts, *p.secondary_opts)} - {"--help", "-h"}
    documented = set(re.findall(r"(?<!-)--[a-z][\w-]*", section[1]))
    assert documented == spelled


def test_continuous_integration_runs_the_test_command_of_the_readme():
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (command,) = (b.strip() for b in blocks if "tox" in b)
    assert command in (ROOT / ".ci" / "run").read_text().splitlines()


def test_files_that_documents_point_to_exist():
    for document in ("README.md", "CONTRIBUTING.md"):
        links = re.findall(r"\]\(([^)#]+)\)", (ROOT / document).read_text())
        local = [link for link in links if "://" not in link]
        assert not [link for link in local if not (ROOT / link).exists()], document


def test_what_the_constraints_pin_is_what_the_package_allows():
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    )
    assert pins["pyqt6-qt6"] not in ("6.11.0", "6.11.1")
    for requirement in map(Requirement, requires("napari-cryoai") or []):
        assert requirement.specifier.contains(pins[requirement.name]), requirement
