"""Coordinates of a report: which form a region."""

from decimal import Decimal

import pytest
from imaging_selection.dicom.sr.content import Region
from imaging_selection.mapping.sr.regions import plane_regions_of, space_regions_of


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("POINT", ()),
        ("POINT", (1.0,)),
        ("POINT", (1.0, 2.0, 3.0, 4.0)),
        ("CIRCLE", (1.0, 2.0)),
        ("POINT", (float("inf"), 2.0)),
        ("POLYGON", (1.0, 2.0, 3.0, 4.0)),
        (None, (1.0, 2.0)),
    ],
)
def test_these_form_no_region_on_an_image(kind, values):
    assert plane_regions_of(Region(kind, values)) == []


@pytest.mark.parametrize(
    ("kind", "values"), [("POINT", (1.0, 2.0)), ("CIRCLE", (1.0,) * 6), ("", ())]
)
def test_these_form_no_region_in_space(kind, values):
    assert space_regions_of(Region(kind, values)) == []


def test_a_multipoint_is_a_point_each_on_an_image_and_one_region_in_space():
    plane = plane_regions_of(Region("MULTIPOINT", (1.0, 2.0, 3.0, 4.0)))
    assert [each["coordinate"] for each in plane] == [
        [Decimal("1.0"), Decimal("2.0")],
        [Decimal("3.0"), Decimal("4.0")],
    ]
    (space,) = space_regions_of(Region("MULTIPOINT", (1.0,) * 6))
    assert (space["regionType"], len(space["coordinate"])) == ("multipoint", 6)
