"""Where the instances are that a DICOM object refers to."""

import pytest
from imaging_selection.dicom.entities import (
    Instance,
    Patient,
    ReferencedInstances,
    SopReference,
)
from imaging_selection.ids import orthanc_ids_of
from imaging_selection.mapping.places import Place, Places

SEG, OTHER = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.2"
LISTED, ELSEWHERE, ALONE = (
    SopReference(SEG, f"2.25.113047{number}") for number in (1, 2, 3)
)
LISTS = (
    ReferencedInstances("2.25.5", "2.25.6", (LISTED,)),
    ReferencedInstances("2.25.5", "2.25.7", (ELSEWHERE,)),
    ReferencedInstances(None, None, (ALONE,)),
)
UNKNOWN = SopReference(SEG, "2.25.9")


@pytest.fixture
def places():
    patient = Patient("patient-113047", hashed_id="patient-113047")
    return Places(Instance("2.25.1", "2.25.2", "2.25.3", patient), LISTS)


def test_instances_of_one_series_share_study_and_series(places):
    assert places.of([LISTED, LISTED]) == Place("2.25.5", "2.25.6")
    assert places.of([LISTED, ELSEWHERE]) == Place("2.25.5", None)
    assert places.of([LISTED, UNKNOWN]) == Place(None, None)


def test_the_selection_is_that_of_the_patient_who_the_object_is_of(places):
    ids = orthanc_ids_of("patient-113047", "2.25.5", "2.25.6", "2.25.1130471")
    assert places.selection_id_of(LISTED, {SEG}) == ids.instance
    assert places.selection_id_of(LISTED, {SEG}, 3) == f"{ids.instance}-3"


@pytest.mark.parametrize(
    "reference", [ALONE, UNKNOWN, LISTED._replace(sop_class_uid=OTHER)]
)
def test_what_no_list_places_or_is_of_another_kind_has_none(places, reference):
    assert places.selection_id_of(reference, {SEG}) is None
