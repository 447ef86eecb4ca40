"""How an electron micrograph comes about: particles, the CTF, and what else is on the grid."""
