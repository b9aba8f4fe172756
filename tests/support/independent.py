"""Contours as pydicom reads them, to compare with: no code of the package is used."""

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
        """Return the type of its region, and the coordinates, closed in a polygon."""
        first, last = numbers(self.tokens[:3]), numbers(self.tokens[-3:])
        is_open = first != last or len(self.tokens) == 3
        closes = REGION_TYPES[self.kind] == "polygon" and is_open
        return REGION_TYPES[self.kind], [*self.tokens, *self.tokens[: 3 * closes]]


def numbers(texts):
    return [Decimal(text) for text in texts]


def same_regions(regions, expected):
    """Return whether types and numbers are equal; their digits may be written apart."""
    return len(regions) == len(expected) and all(
        kind == kind_expected
        and (texts == written or numbers(texts) == numbers(written))
        for (kind, texts), (kind_expected, written) in zip(
            regions, expected, strict=True
        )
    )


@cache
def read_contours(path):
    """Return (ROI number, contours) of each item of ROI Contour Sequence."""
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
    return tuple(map(str.strip, value.decode().rstrip(" \0").split("\\")))
