"""The *CTF and extraction* panel."""
