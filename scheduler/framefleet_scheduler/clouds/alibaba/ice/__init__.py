"""Alibaba ICE (Intelligent Cloud Editing), API of 2020-11-09."""
