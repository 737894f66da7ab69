"""Pure tests: no I/O, thousands, in seconds."""
