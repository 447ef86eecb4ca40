"""How good a model is: against a reference, and by its own geometry."""
