"""Pure media knowledge: FFmpeg commands as values, filter graphs, manifests, parsers. Starts nothing."""
