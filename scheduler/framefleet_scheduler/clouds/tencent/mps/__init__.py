"""Tencent MPS (Media Processing Service), API of 2019-06-12."""
