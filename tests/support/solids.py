"""Contours of simple solids, their volumes known, and what changes no volume."""

import math

import numpy as np
from imaging_selection import objects
from imaging_selection.dicom.file import open_dataset
from imaging_selection.geometry import measure as geometry
from imaging_selection.geometry.points import Drawn
from support.builders import contour, make_rtstruct, roi


def rectangle(z, width=20.0, height=10.0, center=(0.0, 0.0)):
    """Return the corners of a rectangle on the plane z, in mm."""
    x, y = center
    a, b = width / 2, height / 2
    return [(x - a, y - b, z), (x + a, y - b, z), (x + a, y + b, z), (x - a, y + b, z)]


def disc(z, radius=10.0, center=(0.0, 0.0), count=360):
    """Return points of a circle on the plane z, in mm."""
    angles = [2 * math.pi * k / count for k in range(count)]
    x, y = center
    return [(x + radius * math.cos(a), y + radius * math.sin(a), z) for a in angles]


def drawn(*contours, xor=False):
    """Make contours of a ROI from points."""
    return [
        Drawn(number, np.array(points, float), xor)
        for number, points in enumerate(contours, 1)
    ]


def rotation(angles):
    """Return the matrix of rotations around x, y and z, in radians."""
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        turn = np.eye(3)
        a, b = (axis + 1) % 3, (axis + 2) % 3
        turn[a, a] = turn[b, b] = math.cos(angle)
        turn[a, b], turn[b, a] = -math.sin(angle), math.sin(angle)
        matrix = turn @ matrix
    return matrix


def moved(contours, matrix, offset=(0, 0, 0)):
    """Return the same contours, turned and moved."""
    return [
        each._replace(points=each.points @ np.asarray(matrix).T + np.array(offset))
        for each in contours
    ]


def measured(*contours, **overrides):
    """Measure a ROI of a file: items of Contour Sequence, or points."""
    items = [each if isinstance(each, dict) else contour(each) for each in contours]
    return measured_file(make_rtstruct(roi(7, contours=items, **overrides)))[7]


def measured_file(file):
    """Measure each ROI of a file; by ROI Number."""
    data = open_dataset(file).data
    _, structure_set = objects.read(file)
    rois = structure_set.rois
    found = geometry.measure(data, rois)
    return {roi.number: each for roi, each in zip(rois, found, strict=True)}
