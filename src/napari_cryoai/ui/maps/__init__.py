"""The *Map* panel: surfaces, comparison, FSC, masks, edits, denoising."""
