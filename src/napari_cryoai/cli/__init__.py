"""`cryoai`: one command per job."""

from __future__ import annotations

from importlib import import_module

import click

COMMANDS = {
    "pick": ("napari_cryoai.cli.pick", "pick_command"),
    "convert": ("napari_cryoai.cli.convert", "convert_group"),
    "evaluate": ("napari_cryoai.cli.evaluate", "evaluate_group"),
    "demo": ("napari_cryoai.cli.demo", "demo_command"),
}


class _Lazy(click.Group):
    """A group whose commands are imported when they are asked for, so that each starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="napari-cryoai")
def main() -> None:
    """From cryo-EM micrographs to an atomic model."""
