"""Segmentations as ImagingSelection resources.

Begin with `imaging_selection`.
"""
