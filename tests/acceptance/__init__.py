"""Installed commands in processes of their own, killed mid-work."""
