"""From cryo-EM micrographs to an atomic model, interactively, in napari."""


def __getattr__(name: str) -> str:
    """`__version__`, looked up when asked for: reading package metadata takes a while."""
    if name == "__version__":
        from importlib.metadata import version

        return version("napari-cryoai")
    raise AttributeError(name)
