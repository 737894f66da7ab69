"""Framefleet: what scheduler, workers, CLI and clients agree on. Importing it connects to nothing."""

__version__ = "0.1.0"
