"""The *Pick particles* panel."""
