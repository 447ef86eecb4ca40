"""Commands about CTF and particles: each asks the panel of the current viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_cryoai.ui.kit.commands import current_viewer, opened
from napari_cryoai.ui.micrographs.panels import companions_of

if TYPE_CHECKING:
    from napari_cryoai.ui.ctf.panel import CtfExtraction
    from napari_cryoai.ui.particles.panel import ParticlePanel


def ctf_panel() -> CtfExtraction:
    """The CTF and extraction panel of the current viewer, opened if need be.

    Raises
    ------
    CryoAIError
        If there is no viewer.
    """
    from napari_cryoai.ui.ctf.panel import CtfExtraction

    def panel_of(viewer: Any) -> CtfExtraction | None:
        return next((c for c in companions_of(viewer) if isinstance(c, CtfExtraction)), None)

    found: CtfExtraction = opened(panel_of, "CTF and extraction")
    return found


def particle_panel() -> ParticlePanel:
    """The Particles panel of the current viewer, opened if need be.

    Raises
    ------
    CryoAIError
        If there is no viewer.
    """
    from napari_cryoai.ui.particles.dock import open_particle_panel

    found = open_particle_panel(current_viewer())
    assert found is not None  # noqa: S101 - it was just opened
    return found


def estimate_ctf() -> None:
    """Estimate the CTF of all micrographs."""
    ctf_panel().estimate.run()


def import_ctf() -> None:
    """Import CTF values of another program."""
    ctf_panel().estimate.ask_import()


def extract_particles() -> None:
    """Extract the picks that are shown."""
    panel = ctf_panel()
    panel.show_section("Extract particles")
    if panel.extract.start.isEnabled():
        panel.extract.run()


def open_particles() -> None:
    """Look through particle images."""
    particle_panel().ask_open()


def save_particles() -> None:
    """Save the particles that are not rejected."""
    particle_panel().ask_save()
