"""`python -m napari_cryoai.cli`."""

from napari_cryoai.cli import main

main()
