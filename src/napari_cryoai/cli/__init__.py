"""`cryoai`: one command per job."""

from __future__ import annotations

from importlib import import_module

import click

COMMANDS = {
    "demo": ("demo_command", "The main job from end to end, on simulated or your own micrographs."),
    "pick": ("pick_command", "Find particles on micrographs."),
    "learn": ("learn_group", "Teach the networks, by your own corrections."),
    "consensus": ("consensus_command", "Merge picks of several pickers into what they agree on."),
    "ctf": ("ctf_command", "Estimate the defocus of micrographs."),
    "extract": ("extract_command", "Cut particles out of micrographs."),
    "reconstruct": ("reconstruct_command", "Reconstruct a map from particles with poses."),
    "fsc": ("fsc_command", "Resolution of two half maps."),
    "heterogeneity": ("heterogeneity_group", "A latent space of particles, and its maps."),
    "build": ("build_command", "Build an atomic model into a map."),
    "denoise": ("denoise_group", "Take noise out of maps, and judge what became of them."),
    "simulate": ("simulate_group", "Make images and maps with known truth from structures."),
    "train": ("train_group", "Train the networks anew, on simulated data."),
    "convert": ("convert_group", "Convert files between programs."),
    "evaluate": ("evaluate_group", "Measure results against a reference."),
}
"""Name of the command, which is that of its module too, to its function and a line of help."""


class _Lazy(click.Group):
    """A group whose commands are imported when they are asked for, so that each starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"napari_cryoai.cli.{cmd_name}")
        command: click.Command = getattr(module, COMMANDS[cmd_name][0])
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="napari-cryoai")
def main() -> None:
    """From cryo-EM micrographs to an atomic model."""
