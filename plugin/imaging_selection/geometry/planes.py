"""The parallel planes that the contours of a ROI lie on, of any orientation.

DICOM PS3.3 2025a, C.8.8.6.1: the points of a closed planar contour are coplanar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imaging_selection.geometry.points import Drawn, Numbers

#: In mm: how far a point may lie from the plane of its contour, and how far apart the
#: planes of two contours may be and still be one. Coordinates are often rounded to a
#: tenth of a millimetre, and no images are so close to each other.
TOLERANCE: Final = 0.1

# In mm: planes are at right angles to an axis of the patient, but for rounding.
_EXACT: Final = 0.001


class Axes(NamedTuple):
    """Three unit vectors, each at right angles to the others; `normal` to all planes.

    `normal` points in the direction of the axis that it is nearest to.
    """

    across: Numbers
    along: Numbers
    normal: Numbers


class Plane(NamedTuple):
    """The contours of one plane.

    Attributes
    ----------
    position
        Along `Axes.normal`, in mm: the mean of its points.
    contours
        In file order, each with its points in the plane: one row a point, by
        `Axes.across` and `Axes.along`, in mm.
    """

    position: float
    contours: tuple[tuple[Drawn, Numbers], ...]


class NotParallelError(Exception):
    """Contours lie on no plane, or on planes that are not parallel.

    Attributes
    ----------
    code
        `contour-not-planar`, or `mixed-planes`.
    numbers
        The contours at fault, by their place in the ROI.
    """

    def __init__(self, code: str, numbers: list[int]) -> None:
        super().__init__(code)
        self.code = code
        self.numbers = numbers


def area_vector(points: Numbers) -> Numbers:
    """Return the area of a closed contour, as a vector at right angles to its plane.

    The shoelace formula in three dimensions. Its length is the area in mm²; parts that
    are walked around in the other direction are subtracted. So the area of a contour
    with a keyhole (C.8.8.6.3) is that between its outer and its inner line.

    Examples
    --------
    >>> square = np.array([[0, 0, 5], [2, 0, 5], [2, 2, 5], [0, 2, 5]])
    >>> area_vector(square).tolist()
    [0.0, 0.0, 4.0]
    """
    x, y, z = (points - points[0]).T  # so that large coordinates lose no digits
    return np.array([doubled_area(y, z), doubled_area(z, x), doubled_area(x, y)]) / 2


def doubled_area(x: Numbers, y: Numbers) -> float:
    """Return twice the area inside a contour, by the shoelace formula.

    From the last point the contour goes back to the first. Negative if it is walked
    around clockwise, x to the right and y upwards.
    """
    inner = x[:-1] @ y[1:] - x[1:] @ y[:-1]
    return float(inner + x[-1] * y[0] - x[0] * y[-1])


def axes_of(contours: Sequence[Drawn]) -> Axes:
    """Find the direction of the planes that all contours lie on.

    Raises
    ------
    NotParallelError
        There is none.
    """
    for normal, tolerance in _candidates(contours):
        if all(_thickness(each.points, normal) <= tolerance for each in contours):
            return _axes_around(normal)
    warped = [
        each.number
        for each in contours
        if _thickness(each.points, _mean_normal([each])) > TOLERANCE
    ]
    if warped:
        raise NotParallelError("contour-not-planar", warped)
    largest = max(
        contours, key=lambda each: float(np.linalg.norm(area_vector(each[1])))
    )
    normal = _mean_normal([largest])
    raise NotParallelError(
        "mixed-planes",
        [each.number for each in contours if _thickness(each[1], normal) > TOLERANCE],
    )


def _candidates(contours: Sequence[Drawn]) -> Iterator[tuple[Numbers, float]]:
    """Yield directions, each with how far a point may lie beside its plane."""
    patient = np.eye(3)[::-1]
    yield from ((normal, _EXACT) for normal in patient)
    yield _mean_normal(contours), TOLERANCE
    yield from ((normal, TOLERANCE) for normal in patient)


def _mean_normal(contours: Sequence[Drawn]) -> Numbers:
    """Return the direction of all areas together, whichever way round they are."""
    vectors = np.array([area_vector(each.points) for each in contours])
    largest = vectors[np.argmax((vectors**2).sum(axis=1))]
    total = (vectors * np.where(vectors @ largest < 0, -1, 1)[:, None]).sum(axis=0)
    length = np.linalg.norm(total)
    # Of no area at all, any direction is as good: the points lie on a line.
    normal = total / length if length > 0 else np.array([0.0, 0.0, 1.0])
    direction: Numbers = normal * np.sign(normal[np.argmax(np.abs(normal))])
    return direction


def _thickness(points: Numbers, normal: Numbers) -> float:
    return float(np.ptp(points @ normal))


def _axes_around(normal: Numbers) -> Axes:
    # The axis of the patient that is most nearly in the plane, x before y before z.
    nearest = np.eye(3)[np.argmin(np.abs(normal).round(6))]
    across = nearest - normal * (nearest @ normal)
    across /= np.linalg.norm(across)
    return Axes(across, np.cross(normal, across), normal)


def planes_of(contours: Sequence[Drawn], axes: Axes) -> list[Plane]:
    """Group contours by the plane that they lie on, in the direction of the normal."""
    placed = sorted(
        ((float((each.points @ axes.normal).mean()), each) for each in contours),
        key=lambda pair: pair[0],
    )
    groups: list[list[tuple[float, Drawn]]] = []
    for position, each in placed:
        if groups and position - groups[-1][0][0] <= TOLERANCE:
            groups[-1].append((position, each))
        else:
            groups.append([(position, each)])
    in_plane = np.stack([axes.across, axes.along], axis=1)
    return [
        Plane(
            float(np.mean([position for position, _ in group])),
            tuple(
                (each, each.points @ in_plane)
                for _, each in sorted(group, key=lambda pair: pair[1].number)
            ),
        )
        for group in groups
    ]
