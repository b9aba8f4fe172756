"""Contours as pydicom reads them: the raw text of Contour Data, and what it means.

Nothing of the package is used here: what it makes is compared with this.
"""

import warnings
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import pydicom

REGION_TYPES = {
    "POINT": "point",
    "OPEN_PLANAR": "polyline",
    "OPEN_NONPLANAR": "polyline",
    "CLOSED_PLANAR": "polygon",
    "CLOSEDPLANAR_XOR": "polygon",
}


@dataclass(frozen=True)
class Drawn:
    """A contour: its type, and its coordinates as the file writes them."""

    kind: str
    tokens: tuple[str, ...]

    @property
    def region(self):
        """Give the type of its region, and the coordinates as exact numbers."""
        numbers = [Decimal(token) for token in self.tokens]
        is_open = numbers[:3] != numbers[-3:] or len(numbers) == 3
        if REGION_TYPES[self.kind] == "polygon" and is_open:
            numbers += numbers[:3]
        return REGION_TYPES[self.kind], numbers


@cache
def read_contours(path):
    """Give (ROI number, contours) of each item of ROI Contour Sequence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of values that we report
        dataset = pydicom.dcmread(path, force=True)
        return [
            (
                int(item.ReferencedROINumber),
                [
                    Drawn(str(each.ContourGeometricType), tokens_of(each))
                    for each in item.get("ContourSequence") or ()
                ],
            )
            for item in dataset.get("ROIContourSequence") or ()
        ]


def tokens_of(item):
    value = item.get_item("ContourData").value
    return tuple(token.strip() for token in value.decode().rstrip(" \0").split("\\"))
