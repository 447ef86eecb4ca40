"""napari: readers, writers, sample data and widgets. Nothing scientific lives here."""
