"""Structured reports: which elements are read, and what they say (PS3.3 2025a, C.17).

Begin with `report` and `content`.
"""
