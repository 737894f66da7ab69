"""Tencent VOD (Video on Demand), API of 2018-07-17."""
