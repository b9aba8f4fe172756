"""Structure sets of any size and images, made for measurements."""

import random

from support.builders import contour, ct_image, image_uid, make_rtstruct, roi

MEGABYTE = 1_000_000
ROIS = 20
POINTS = 160  # of a contour: about the mean of real files above 1 MB
SLICES = 120


def synthetic(folder, megabytes, points=POINTS):
    """Return the path of a structure set of about that size; make it if needed."""
    path = folder / "inputs" / f"{megabytes}MB-{points}.dcm"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        each = (
            len(_contour_data(random.Random(0), points)) + 150
        )  # and its other elements
        made = structure_set(max(ROIS, round(megabytes * MEGABYTE / each)), points)
        path.write_bytes(made)
    return path


def structure_set(contours, points=POINTS, rois=ROIS, **overrides):
    """Return a structure set of so many contours, divided among its ROIs."""
    rng = random.Random(113047)
    shapes = [_contour_data(rng, points) for _ in range(200)]
    drawn = [
        contour(shapes[k % len(shapes)], images=[image_uid(1 + k % SLICES)])
        for k in range(contours)
    ]
    return make_rtstruct(
        *(roi(k + 1, f"Organ {k + 1}", contours=drawn[k::rois]) for k in range(rois)),
        **overrides,
    )


def _contour_data(rng, points):
    """Return coordinates as planning systems write them: two decimals, one z."""
    z = f"{rng.uniform(-300, 300):.1f}"
    return "\\".join(
        f"{rng.uniform(-250, 250):.2f}\\{rng.uniform(-250, 250):.2f}\\{z}"
        for _ in range(points)
    ).encode()


def ct_images():
    """Yield CT images of 512 by 512, each with a UID of its own."""
    side = 512
    image = ct_image(
        1,
        SOPInstanceUID="2.25.11304799900000000",
        Rows=side,
        Columns=side,
        PixelData=("OW", [1024 + k % 977 for k in range(side * side)]),
    )
    for number in range(100_000_000):
        yield image.replace(b"2.25.11304799900000000", b"2.25.113047999%08d" % number)
