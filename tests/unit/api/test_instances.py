"""Studies found by the images that Orthanc has."""

import pytest
from support.observation import observation, save_observations
from support.served import NOW, structure_set

IMAGE = "2.25.4711304"


@pytest.fixture
def other(served, ids):
    """A second patient with a study; the first one has the image."""
    served.orthanc.images = {IMAGE: [ids.study], "2.25.9": ["not-in-the-store"]}
    save_observations(served.selections, [observation(1, ids)], NOW)
    return served.store(structure_set(2))


@pytest.mark.parametrize(
    "value", [IMAGE, f"urn:oid:{IMAGE}", f"urn:dicom:uid|{IMAGE}", f"1.2,{IMAGE}"]
)
def test_a_study_is_found_by_an_image(served, ids, other, value):
    assert served.get(f"ImagingStudy?instance={value}").ids == [ids.study]
    found = served.get(f"ImagingStudy?instance={value}&_summary=count")
    assert found.json["total"] == 1
    of_patient = f"Patient/{other.patient}/ImagingStudy?instance={value}"
    assert served.get(of_patient).ids == []


def test_by_an_image_that_no_study_has_none_is_found(served, ids, other):
    for value in ("1.2.3", "2.25.9", "*", f"http://example.org|{IMAGE}"):
        assert served.get(f"ImagingStudy?instance={value}").ids == []
        others = served.get(f"ImagingStudy?instance:not={value}")
        assert {*others.ids} == {ids.study, other.study}
    assert served.get(f"ImagingStudy?instance:not={IMAGE}").ids == [other.study]


@pytest.mark.usefixtures("other")
def test_a_chain_leads_over_the_studies_of_an_image(served, ids):
    chain = f"ImagingSelection?derived-from:ImagingStudy.instance={IMAGE}"
    found = served.get(chain).ids
    assert len(found) == 4
    assert all(each.startswith(ids.instance) for each in found)
    assert len(served.get(f"{chain}&_count=2&_total=accurate").ids) == 2
    has = f"Patient?_has:ImagingStudy:patient:instance={IMAGE}"
    assert served.get(has).ids == [ids.patient]
    part = f"Observation?part-of:ImagingStudy.instance={IMAGE}"
    assert len(served.get(part).ids) == 1
    assert served.get(part.replace(IMAGE, "1.2")).ids == []
