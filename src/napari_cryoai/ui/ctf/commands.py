"""What the CTF and extraction panel, and the Particles panel, can be asked from the palette."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_cryoai.ui.kit.commands import Command, Commands, current_viewer
from napari_cryoai.ui.micrographs.panels import companions_of
from napari_cryoai.ui.particles.dock import open_particle_panel

if TYPE_CHECKING:
    from napari_cryoai.ui.ctf.panel import CtfExtraction


def _panel_of(viewer: Any) -> CtfExtraction | None:
    from napari_cryoai.ui.ctf.panel import CtfExtraction

    return next((c for c in companions_of(viewer) if isinstance(c, CtfExtraction)), None)


def _extract(panel: CtfExtraction) -> None:
    panel.show_section("Extract particles")
    if panel.extract.start.isEnabled():
        panel.extract.run()


def _commands() -> Commands[CtfExtraction]:
    return Commands("CTF and extraction", _panel_of, {
        "": (
            Command("estimate", "", "Estimate all CTFs", lambda p: p.estimate.run()),
            Command("import", "", "Import CTFs of another program",
                    lambda p: p.estimate.ask_import()),
            Command("extract", "", "Extract the picks that are shown", _extract),
        )
    })  # fmt: skip


COMMANDS = _commands()

ctf_panel = COMMANDS.panel
estimate_ctf = COMMANDS.palette("estimate")
import_ctf = COMMANDS.palette("import")
extract_particles = COMMANDS.palette("extract")


def open_particles() -> None:
    """Look through particle images."""
    _particle_panel().ask_open()


def save_particles() -> None:
    """Save the particles that are not rejected."""
    _particle_panel().ask_save()


def _particle_panel() -> Any:
    return open_particle_panel(current_viewer())
