"""Narratives: what has no element of its own is told to people, in the file's words."""

import html
import re

import pytest
from imaging_selection.dicom.entities import Code, Equipment, Moment, Participant
from imaging_selection.dicom.rtstruct.structure_set import (
    MAXIMUM_SHARING,
    Approval,
    Observation,
    PhysicalProperty,
    RelatedRoi,
    Roi,
    StructureSet,
)
from imaging_selection.mapping.rtstruct.narrative import (
    narrative_of_roi,
    narrative_of_structure_set,
)

SET = {
    "sop_instance_uid": "2.25.1",
    "study_instance_uid": "2.25.2",
    "series_instance_uid": "2.25.3",
}


def facts(narrative):
    items = re.findall(r"<li>(.*?)</li>", narrative["div"])
    return dict(html.unescape(item).split(": ", 1) for item in items)


def told_of_roi(**values):
    return facts(narrative_of_roi(Roi(1, 1, None, **values), ()))


def told_of_observation(**values):
    return told_of_roi(observations=(Observation(1, **values),))


def test_a_review_has_its_moment():
    approval = Approval("APPROVED", Moment("20240703", "120000", -210))
    told = facts(narrative_of_structure_set(StructureSet(**SET, approval=approval), ()))

    assert told["Reviewed"] == "2024-07-03 12:00:00 -03:30"


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (Moment("20240703", "120000.5", None), "2024-07-03 12:00:00.5"),
        (Moment("20240703", "12", 60), "2024-07-03 12 +01:00"),
        (Moment("20240703", None, None), "2024-07-03"),
        (Moment("202407", None, None), "2024-07"),
    ],
)
def test_a_moment_that_is_no_instant_is_told_as_it_stands(moment, expected):
    structure_set = StructureSet(**SET, moment=moment, created=moment)
    told = facts(narrative_of_structure_set(structure_set, ()))

    assert told["Date"] == told["Created"] == expected
    assert told_of_roi(moment=moment)["Date"] == expected


@pytest.mark.parametrize(
    ("values", "label", "expected"),
    [
        ({"material_id": "water"}, "Material", "water"),
        ({"contexts": (Code("1", "99A", "Prone"),)}, "Context", "Prone (1, 99A)"),
        ({"related_rois": (RelatedRoi(7, "SAME"),)}, "Related ROI", "7, SAME"),
        ({"related_rois": (RelatedRoi(None, "SAME"),)}, "Related ROI", "SAME"),
        (
            {"physical_properties": (PhysicalProperty("EFFECTIVE_Z", "7.40"),)},
            "Physical property",
            "EFFECTIVE_Z 7.40",
        ),
        (
            {
                "physical_properties": (
                    PhysicalProperty("ELEM_FRACTION", "0", ((1, 0.25), (8, None))),
                )
            },
            "Physical property",
            "ELEM_FRACTION Z=1: 0.25, Z=8: unknown",
        ),
        ({"label": "label-113047"}, "Name", "label-113047"),
        ({"description": "described"}, "Description", "described"),
        ({"moment": Moment("2024", None, None)}, "Observed", "2024"),
        (
            {"identification": (Code("L1", "99A", "Lung"), Code("7", "SCT", "Lung"))},
            "Code",
            "Lung (L1, 99A)",
        ),
    ],
)
def test_what_an_observation_says_is_told(values, label, expected):
    assert told_of_observation(**values)[label] == expected


def test_derivations_are_told():
    told = told_of_roi(derivations=(Code("113085", "DCM", "Spatial resampling"),))

    assert told["Derivation"] == "Spatial resampling (113085, DCM)"


def test_role_and_institution_of_a_person_are_told():
    person = Participant(
        name="Doe^Jane",
        organizational_role=Code("1", "99ROLE", "Physicist"),
        equipment=Equipment(institution_name="institution-113047"),
    )

    assert told_of_roi(creators=(person, Participant(name="Roe")))["Creator"] == (
        "Jane Doe, Physicist (1, 99ROLE), institution-113047"
    )


def test_unique_device_identifiers_are_told():
    equipment = Equipment(manufacturer="maker-113047", udis=("(01)113047",))
    structure_set = StructureSet(**SET, equipment=equipment)
    device = Participant(is_device=True, equipment=equipment)

    told = facts(narrative_of_structure_set(structure_set, ()))
    assert told["UDI of the equipment"] == "(01)113047"
    assert told_of_roi(creators=(device,))["Creator"] == (
        "maker-113047, UDI (01)113047"
    )


def test_contours_that_too_many_rois_share_are_counted_of_none():
    assert told_of_roi()["Contours"] == "0"
    narrative = narrative_of_roi(Roi(1, MAXIMUM_SHARING + 1, None), ())
    assert "Contours" not in narrative["div"]


def test_a_label_beside_the_name_is_told():
    seen = [Observation(1, label=each) for each in ("Lung", "lung left", None)]
    narrative = narrative_of_roi(Roi(1, 1, "Lung", observations=tuple(seen)), ())

    assert narrative["div"].count("Label") == 1
    assert facts(narrative)["Label"] == "lung left"
