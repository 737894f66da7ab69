"""Tencent's dialects: VOD and MPS. `envelope` is what they have in common."""
