"""From cryo-EM micrographs to an atomic model, interactively, in napari."""

from importlib.metadata import version

__version__ = version("napari-cryoai")
