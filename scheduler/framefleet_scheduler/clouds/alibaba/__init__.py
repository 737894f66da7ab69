"""Alibaba's dialects: IMM and ICE. `envelope` is what they have in common."""
