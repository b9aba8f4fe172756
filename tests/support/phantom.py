"""Images with bright discs, and structure sets whose contours trace the discs' edges.

Everything is computed in patient coordinates. Each slice of a series has another disc,
so that a contour on a wrong slice, at a wrong place or with a wrong spacing is visibly
wrong. DICOM PS3.3 2025a, C.7.6.2.1.1.
"""

import math
from dataclasses import dataclass

from support.builders import (
    FRAME,
    STUDY,
    contour,
    ct_image,
    make_rtstruct,
    observation,
    referenced_frame,
    roi,
)

ENHANCED_CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2.1"

ROWS, COLUMNS = 56, 72
SPACING = (1.5, 1.25)  # mm between rows, between columns: unequal, to find a swap
GAP = 3.0  # mm from slice to slice
RADIUS = 19.0  # mm
BRIGHT, DARK = 1000, 0
FINE = 6  # a pixel's brightness is the mean of 6 by 6 points in it
POINTS = 120  # of a contour

STEPS = range(7)


@dataclass(frozen=True)
class Direction:
    """The orientation of a series: directions of rows and columns, and its origin."""

    name: str
    number: int
    right: tuple[float, float, float]
    down: tuple[float, float, float]
    corner: tuple[float, float, float]
    color: tuple[int, int, int]

    @property
    def normal(self):
        (a, b, c), (d, e, f) = self.right, self.down
        return (b * f - c * e, c * d - a * f, a * e - b * d)

    @property
    def series_uid(self):
        return f"2.25.11304751{self.number}"

    def image_uid(self, step):
        return f"2.25.11304761{self.number}{step:02}"

    def position(self, step):
        """Image Position (Patient): the centre of the first pixel."""
        return along(self.corner, (self.normal, step * GAP))

    def center(self, step):
        """Return the centre of the disc of a slice, another one on each slice."""
        across, below = 38.0 + 1.7 * step, 36.0 + 0.9 * step  # mm from the corner
        return along(self.position(step), (self.right, across), (self.down, below))


def along(point, *ways):
    """Move a point along pairs of direction and length."""
    return tuple(
        point[axis] + sum(way[axis] * length for way, length in ways)
        for axis in range(3)
    )


def turned(degrees_x, degrees_z):
    """Return the axial directions, rotated about x, then about z."""
    cx, sx = math.cos(math.radians(degrees_x)), math.sin(math.radians(degrees_x))
    cz, sz = math.cos(math.radians(degrees_z)), math.sin(math.radians(degrees_z))
    right = (cz, sz, 0.0)
    down = (-sz * cx, cz * cx, sx)
    return right, down


AXIAL = Direction("axial", 1, (1, 0, 0), (0, 1, 0), (-40, -35, 12), (255, 0, 0))
SAGITTAL = Direction("sagittal", 2, (0, 1, 0), (0, 0, -1), (7, -50, 60), (0, 255, 0))
OBLIQUE = Direction("oblique", 3, *turned(34, 21), (-12.5, -44.25, 8), (255, 0, 255))
DIRECTIONS = (AXIAL, SAGITTAL, OBLIQUE)


def pixels(direction, step):
    """Return the pixels of a slice; at the edge of the disc they are partly bright."""
    center, corner = direction.center(step), direction.position(step)
    offset = [center[axis] - corner[axis] for axis in range(3)]
    across = sum(offset[a] * direction.right[a] for a in range(3))
    below = sum(offset[a] * direction.down[a] for a in range(3))
    return [
        DARK + round((BRIGHT - DARK) * covered(column, row, across, below))
        for row in range(ROWS)
        for column in range(COLUMNS)
    ]


def covered(column, row, across, below):
    """Return the fraction of a pixel that lies in a disc."""

    def distance(dx, dy):
        return math.hypot(
            (column + dx) * SPACING[1] - across, (row + dy) * SPACING[0] - below
        )

    far = distance(0, 0) - RADIUS
    if abs(far) > max(SPACING):  # the edge is in another pixel
        return far < 0
    parts = [(k + 0.5) / FINE - 0.5 for k in range(FINE)]
    inside = [distance(dx, dy) <= RADIUS for dy in parts for dx in parts]
    return sum(inside) / len(inside)


def image(direction, step, **overrides):
    """Build a slice."""
    return ct_image(
        step + 1,
        **{
            "SOPInstanceUID": direction.image_uid(step),
            "SeriesInstanceUID": direction.series_uid,
            "SeriesDescription": f"phantom {direction.name}",
            "InstanceNumber": step + 1,
            "ImagePositionPatient": list(direction.position(step)),
            "ImageOrientationPatient": [*direction.right, *direction.down],
            "PixelSpacing": list(SPACING),
            "SliceThickness": GAP,
            "Rows": ROWS,
            "Columns": COLUMNS,
            "RescaleIntercept": 0,
            "WindowCenter": (BRIGHT + DARK) / 2,
            "WindowWidth": BRIGHT - DARK,
            "PixelData": ("OW", pixels(direction, step)),
        }
        | overrides,
    )


def images(*directions):
    """Build the series of some directions."""
    return [image(each, step) for each in directions for step in STEPS]


def multi_frame(direction):
    """Build a series as one image: a frame a slice (PS3.3 C.7.6.16)."""
    frames = [
        {
            "PlanePositionSequence": [
                {"ImagePositionPatient": list(direction.position(step))}
            ]
        }
        for step in STEPS
    ]
    shared = {
        "PlaneOrientationSequence": [
            {"ImageOrientationPatient": [*direction.right, *direction.down]}
        ],
        "PixelMeasuresSequence": [
            {"PixelSpacing": list(SPACING), "SliceThickness": GAP}
        ],
        "FrameVOILUTSequence": [
            {"WindowCenter": (BRIGHT + DARK) / 2, "WindowWidth": BRIGHT - DARK}
        ],
    }
    values = [value for step in STEPS for value in pixels(direction, step)]
    return image(
        direction,
        0,
        SOPClassUID=ENHANCED_CT_IMAGE_STORAGE,
        NumberOfFrames=len(STEPS),
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=frames,
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        PixelSpacing=None,
        SliceThickness=None,
        WindowCenter=None,
        WindowWidth=None,
        PixelData=("OW", values),
    )


def circle(direction, step, radius=RADIUS, beside=0.0):
    """Return the edge of a disc; with another radius, or `beside` its plane in mm."""
    center = along(direction.center(step), (direction.normal, beside))
    turns = (2 * math.pi * k / POINTS for k in range(POINTS))
    return [
        [
            round(value, 4)
            for value in along(
                center,
                (direction.right, radius * math.cos(turn)),
                (direction.down, radius * math.sin(turn)),
            )
        ]
        for turn in turns
    ]


def traced(direction, **overrides):
    """Build a ROI whose contours are the edges of the discs of a series."""
    contours = [
        contour(circle(direction, step), images=[direction.image_uid(step)])
        for step in STEPS
    ]
    return roi(
        direction.number,
        f"Disc {direction.name}",
        **{"contours": contours, "color": list(direction.color)} | overrides,
    )


def structure_set(*rois, directions=DIRECTIONS, frame=FRAME, **overrides):
    """Build a structure set that lists the series of some directions."""
    listed = {
        each.series_uid: [each.image_uid(step) for step in STEPS] for each in directions
    }
    frames = [referenced_frame(frame, {STUDY: listed})]
    return make_rtstruct(
        *rois, **{"ReferencedFrameOfReferenceSequence": frames} | overrides
    )


def many_rois(count):
    """Build many ROIs of several types, four contours each, for a large page."""
    kinds = ("ORGAN", "PTV", "CTV", "EXTERNAL", "AVOIDANCE")
    return [
        roi(
            100 + number,
            f"ROI {number:03} of many",
            contours=[
                contour(
                    circle(AXIAL, step, 2 + number * 0.15),
                    images=[AXIAL.image_uid(step)],
                )
                for step in STEPS[:4]
            ],
            observations=[observation(kinds[number % len(kinds)])],
            color=[(37 * number) % 256, (91 * number) % 256, (153 * number) % 256],
        )
        for number in range(count)
    ]
