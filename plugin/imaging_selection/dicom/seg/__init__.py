"""Segmentations: which elements are read, and what they say (DICOM PS3.3 2025a, A.51).

Begin with `segmentation`. Pixel Data is never read.
"""
