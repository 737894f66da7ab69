"""Tests of Framefleet, by tier."""
