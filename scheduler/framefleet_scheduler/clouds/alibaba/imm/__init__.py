"""Alibaba IMM (Intelligent Media Management), API of 2020-09-30."""
