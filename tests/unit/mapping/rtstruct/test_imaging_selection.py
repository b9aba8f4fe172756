"""The rules of the mapping that a setting, or an absence, decides."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from imaging_selection.dicom.entities import (
    Accession,
    Code,
    Moment,
    Patient,
    ReferencedInstances,
    SopReference,
)
from imaging_selection.dicom.rtstruct.structure_set import (
    Approval,
    Contour,
    DefinitionSource,
    FrameOfReference,
    GeometricType,
    Observation,
    ReferencedSeries,
    ReferencedStudy,
    Roi,
    RoiContours,
    SourceSeries,
    StructureSet,
)
from imaging_selection.ids import OrthancIds, orthanc_ids_of
from imaging_selection.mapping.choices import Choices
from imaging_selection.mapping.rtstruct.findings import findings_of
from imaging_selection.mapping.rtstruct.imaging_selection import map_structure_set

IDS = OrthancIds("patient-113047", "study-113047", "series-113047", "set-113047")
CT = "1.2.840.10008.5.1.4.1.1.2"
IMAGE = SopReference(CT, "2.25.1")
CHEST = Code("51185008", "SCT", "Chest")
CHEST_CODING = {
    "system": "http://snomed.info/sct",
    "code": "51185008",
    "display": "Chest",
}
LUNG = Code("L1", "99ACME", "Lung")
OTHER_IMAGE = SopReference(CT, "2.25.2", frames=(3, 4))
SET = StructureSet(
    sop_instance_uid="2.25.113",
    study_instance_uid="2.25.114",
    series_instance_uid="2.25.115",
    frames_of_reference=(
        FrameOfReference(
            "2.25.116",
            (
                ReferencedStudy(
                    "2.25.114",
                    (
                        ReferencedSeries("2.25.117", (IMAGE,)),
                        ReferencedSeries("2.25.118", (OTHER_IMAGE,)),
                    ),
                ),
            ),
        ),
    ),
)


def roi(number=1, **values):
    values = {"name": "Lung", "frame_of_reference_uid": "2.25.116", **values}
    return Roi(number, 1, **values)


def drawn_on(*images):
    contour = Contour(GeometricType.CLOSED_PLANAR, 3, images, None)
    return (RoiContours(1, None, (), (contour,)),)


def build(structure_set, **choices):
    return map_structure_set(structure_set, IDS, Choices(**choices)).resources


def test_the_levels_are_the_ones_configured():
    structure_set = replace(SET, rois=(roi(1), roi(2)))
    ids = {
        levels: [each["id"] for each in build(structure_set, levels=levels)]
        for levels in (("StructureSet",), ("Roi",), ("SourceImages",))
    }

    assert ids == {
        ("StructureSet",): ["set-113047"],
        ("Roi",): ["set-113047-1", "set-113047-2"],
        ("SourceImages",): ["set-113047-images-1", "set-113047-images-2"],
    }


def test_without_the_level_of_source_images_nothing_refers_to_them():
    structure_set = replace(SET, rois=(roi(1),))

    for selection in build(structure_set, levels=("StructureSet", "Roi")):
        assert "focus" not in selection


def test_the_true_sop_class_uid_as_code_makes_no_claim_of_the_profile():
    selection = build(replace(SET, rois=(roi(),)), sop_class_coding="Dicom")[0]

    assert selection["instance"][0]["sopClass"] == {
        "system": "https://dicom.nema.org/medical/dicom/current/output/chtml/part04/sect_B.5",
        "code": "1.2.840.10008.5.1.4.1.1.481.3",
        "display": "RT Structure Set Storage",
    }
    assert "profile" not in selection["meta"]


def test_no_roi_leaves_no_subset_and_no_claim():
    selection = build(SET)[0]

    assert "subset" not in selection["instance"][0]
    assert "profile" not in selection["meta"]


def test_time_without_zone_gives_no_issued_and_the_configured_zone_gives_one():
    structure_set = replace(SET, moment=Moment("20240715", "120000", None))

    assert "issued" not in build(structure_set)[0]
    issued = build(structure_set, timezone=ZoneInfo("Europe/Brussels"))[0]["issued"]
    assert issued == "2024-07-15T12:00:00+02:00"


def test_a_roi_is_issued_when_it_says_and_the_set_when_that_says():
    structure_set = replace(
        SET,
        moment=Moment("20240101", "000000", 0),
        rois=(roi(1, moment=Moment("20240202", "000000", 0)), roi(2)),
    )

    issued = [each.get("issued") for each in build(structure_set)[:3]]

    assert issued == [
        "2024-01-01T00:00:00+00:00",
        "2024-02-02T00:00:00+00:00",
        "2024-01-01T00:00:00+00:00",
    ]


@pytest.mark.parametrize(
    ("contours", "expected"),
    [
        pytest.param(drawn_on(IMAGE), ["images-1"], id="by-its-images"),
        pytest.param(drawn_on(OTHER_IMAGE), ["images-2"], id="by-its-images-2"),
        pytest.param((), [], id="without-contours-on-nothing"),
        pytest.param(drawn_on(), [], id="of-two-in-its-frame-on-neither"),
        pytest.param(
            drawn_on(SopReference(CT, "2.25.999")),
            ["images-3"],
            id="images-that-no-series-lists",
        ),
    ],
)
def test_the_focus_of_a_roi_is_what_it_was_drawn_on(contours, expected):
    selection = build(replace(SET, rois=(roi(1, contours=contours),)))[1]

    assert [each["reference"] for each in selection.get("focus", ())] == [
        f"ImagingSelection/set-113047-{each}" for each in expected
    ]


def test_contours_that_name_no_image_are_drawn_on_the_only_series_of_their_frame():
    study = ReferencedStudy("2.25.114", (ReferencedSeries("2.25.117", (IMAGE,)),))
    frames = (FrameOfReference("2.25.116", (study,)),)
    rois = (roi(1, contours=drawn_on()), roi(2))
    drawn, empty = build(replace(SET, rois=rois, frames_of_reference=frames))[1:3]

    (reference,) = drawn["focus"]
    assert reference["reference"] == "ImagingSelection/set-113047-images-1"
    assert "focus" not in empty


def test_images_that_contours_alone_name_are_a_selection_without_series():
    unlisted = SopReference(CT, "2.25.999")
    first = roi(1, contours=drawn_on(unlisted, IMAGE, unlisted))
    structure_set = replace(
        SET, rois=(first, roi(2, contours=drawn_on(unlisted))), frames_of_reference=()
    )

    (selection,) = build(structure_set, levels=("SourceImages",))

    assert [each["uid"] for each in selection["instance"]] == ["2.25.999", "2.25.1"]
    assert selection["frameOfReferenceUid"] == "2.25.116"
    assert not selection.keys() & {"studyUid", "seriesUid", "derivedFrom"}


def test_a_series_that_is_listed_twice_is_one_selection():
    (frame,) = SET.frames_of_reference
    (study,) = frame.studies
    again = replace(study, series=(*study.series, study.series[0]))
    structure_set = replace(
        SET, frames_of_reference=(replace(frame, studies=(again,)), frame)
    )

    selections = build(structure_set, levels=("SourceImages",))

    assert [[image["uid"] for image in each["instance"]] for each in selections] == [
        ["2.25.1"],
        ["2.25.2"],
    ]


def test_a_roi_of_another_frame_has_no_focus_by_guess():
    structure_set = replace(SET, rois=(roi(1, frame_of_reference_uid="2.25.9"),))

    assert "focus" not in build(structure_set)[1]


def test_frames_of_an_image_are_its_subset():
    selection = build(SET)[2]

    assert selection["instance"] == [
        {
            "uid": "2.25.2",
            "sopClass": {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{CT}"},
            "subset": ["3", "4"],
        }
    ]


@pytest.mark.parametrize(
    ("patient", "expected"),
    [
        pytest.param(Patient(), None, id="no-id"),
        pytest.param(Patient("P1"), "urn:oid:1.9", id="configured"),
        pytest.param(Patient("P1", "Ward", "1.2.3"), "urn:oid:1.2.3", id="own-oid"),
        pytest.param(Patient("P1", "Ward", "http://x/y"), "http://x/y", id="own-uri"),
        pytest.param(Patient("P1", "Ward", "odd text"), None, id="own-that-is-no-uri"),
        pytest.param(Patient("P1", "Ward"), None, id="own-by-name"),
    ],
)
def test_the_patient_is_named_by_identifier_alone(patient, expected):
    structure_set = replace(SET, patient=patient)
    subject = build(structure_set, patient_identifier_system="urn:oid:1.9")[0][
        "subject"
    ]

    assert subject["reference"] == "Patient/patient-113047"
    assert subject.get("identifier", {}).get("system") == expected
    assert set(subject) <= {"reference", "type", "identifier"}


def test_an_order_is_named_only_by_an_accession_number():
    assert "basedOn" not in build(SET)[0]
    based_on = build(replace(SET, accession=Accession("A1")))[0]["basedOn"]
    assert based_on[0]["identifier"]["value"] == "A1"
    assert "reference" not in based_on[0]


@pytest.mark.parametrize(
    ("accession", "expected"),
    [
        pytest.param(Accession("A1"), "urn:oid:1.9", id="configured"),
        pytest.param(Accession("A1", "Ward"), None, id="own-by-name"),
        pytest.param(Accession("A1", None, "1.2.3"), "urn:oid:1.2.3", id="own-oid"),
    ],
)
def test_a_number_of_another_issuer_is_none_of_the_sites(accession, expected):
    (order,) = build(
        replace(SET, accession=accession), accession_number_system="urn:oid:1.9"
    )[0]["basedOn"]

    assert order["identifier"].get("system") == expected


@pytest.mark.parametrize(
    ("status", "tags", "findings"),
    [
        ("APPROVED", ["APPROVED"], []),
        ("Seen  by me", [], ["unknown-approval-status"]),
    ],
)
def test_only_an_approval_status_of_the_standard_is_a_tag(status, tags, findings):
    structure_set = replace(SET, approval=Approval(status))

    assert [each.code for each in findings_of(structure_set)] == findings
    codes = [each["code"] for each in build(structure_set)[0]["meta"]["tag"]]
    assert codes == ["structure-set", *tags, *findings]


def test_a_code_that_fhir_cannot_name_is_a_finding_of_its_roi():
    observation = Observation(1, identification=(Code("L1", "99ACME", "Lung"),))
    structure_set = replace(SET, rois=(roi(1, observations=(observation,)), roi(2)))

    (finding,) = findings_of(structure_set)

    assert (finding.code, finding.roi_number) == ("code-without-system", 1)
    tags = [
        [tag["code"] for tag in selection["meta"]["tag"]]
        for selection in build(structure_set)[1:3]
    ]
    assert tags == [["roi", "code-without-system"], ["roi"]]


@pytest.mark.parametrize(
    ("values", "concept", "structures"),
    [
        pytest.param({}, None, None, id="none"),
        pytest.param({"body_part": "CHEST"}, {"text": "CHEST"}, None, id="body-part"),
        pytest.param(
            {"anatomic_regions": (CHEST,), "body_part": "CHEST"},
            {"coding": [CHEST_CODING], "text": "Chest"},
            ["Chest"],
            id="one-region",
        ),
        pytest.param(
            {"anatomic_regions": (CHEST,), "primary_structures": (LUNG,)},
            {"coding": [{"code": "L1", "display": "Lung"}], "text": "Lung"},
            ["Lung", "Chest"],
            id="a-structure-in-a-region",
        ),
        pytest.param(
            {"anatomic_regions": (CHEST, LUNG)},
            {"text": "Chest, Lung"},
            ["Chest", "Lung"],
            id="several-regions",
        ),
    ],
)
def test_the_body_site_of_a_set_has_every_region(values, concept, structures):
    selection = build(replace(SET, rois=(roi(),), **values))[0]

    site = selection.get("bodySite", {})
    assert site.get("concept") == concept
    assert ("reference" in site) == (structures is not None)
    if structures:
        (contained,) = selection["contained"]
        assert [
            each["structure"]["text"] for each in contained["includedStructure"]
        ] == structures


def test_a_code_of_the_set_that_fhir_cannot_name_is_a_finding_of_the_set():
    (finding,) = findings_of(replace(SET, rois=(roi(),), anatomic_regions=(LUNG,)))

    assert (finding.code, finding.roi_number) == ("code-without-system", None)


def test_a_protocol_is_a_category_and_a_definition_source_a_focus():
    segment = DefinitionSource(SopReference(None, "2.25.7"), (3,))
    selection = build(
        replace(SET, rois=(roi(protocols=(CHEST,), definition_sources=(segment,)),))
    )[1]

    assert selection["category"] == [{"coding": [CHEST_CODING], "text": "Chest"}]
    assert selection["focus"][-1] == {
        "type": "ImagingSelection",
        "identifier": {"system": "urn:dicom:uid", "value": "urn:oid:2.25.7"},
        "display": "Segment 3",
    }


SEG, LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
FIDUCIALS = "1.2.840.10008.5.1.4.1.1.66.2"


@pytest.mark.parametrize(
    ("sop_class_uid", "segments", "parts"),
    [
        pytest.param(SEG, (3,), ["-3"], id="segment"),
        pytest.param(LABEL_MAP, (3,), ["-3"], id="segment-of-a-label-map"),
        pytest.param(SEG, (3, 4), ["-3", "-4"], id="segments"),
        pytest.param(SEG, (), [""], id="segmentation"),
        pytest.param(RTSTRUCT, (), [""], id="structure-set"),
        pytest.param(RTSTRUCT, (3,), [None], id="segment-of-a-structure-set"),
        pytest.param(FIDUCIALS, (), [None], id="not-converted"),
        pytest.param(None, (3,), [None], id="sop-class-unknown"),
    ],
)
def test_a_definition_source_that_is_listed_is_the_selection_that_it_has(
    sop_class_uid, segments, parts
):
    source = SopReference(sop_class_uid, "2.25.7")
    other = orthanc_ids_of(SET.patient.hashed_id, "2.25.5", "2.25.6", "2.25.7").instance
    selection = build(
        replace(
            SET,
            rois=(roi(definition_sources=(DefinitionSource(source, segments),)),),
            referenced_instances=(ReferencedInstances("2.25.5", "2.25.6", (source,)),),
        )
    )[1]

    made = [each.get("reference") for each in selection["focus"][-len(parts) :]]
    assert made == [
        None if part is None else f"ImagingSelection/{other}{part}" for part in parts
    ]


def test_a_predecessor_that_is_listed_is_the_selection_that_it_has():
    before = SopReference(RTSTRUCT, "2.25.7")
    other = orthanc_ids_of(SET.patient.hashed_id, "2.25.5", "2.25.6", "2.25.7").instance
    whole = build(
        replace(
            SET,
            predecessors=(before,),
            referenced_instances=(ReferencedInstances("2.25.5", "2.25.6", (before,)),),
        )
    )[0]

    expected = {
        "reference": f"ImagingSelection/{other}",
        "type": "ImagingSelection",
        "identifier": {"system": "urn:dicom:uid", "value": "urn:oid:2.25.7"},
    }
    assert whole["focus"][-1] == expected
    (related,) = [each for each in whole["extension"] if "Artifact" in each["url"]]
    assert related["valueRelatedArtifact"]["resourceReference"] == expected


def test_an_image_is_one_instance_however_many_of_its_frames_are_referred_to():
    frames = [SopReference(CT, "2.25.1", frames=each) for each in ((1,), (2, 3), (1,))]
    whole = SopReference(CT, "2.25.2")
    drawn = drawn_on(*frames, whole, whole._replace(frames=(4,)))
    structure_set = replace(SET, rois=(roi(contours=drawn),), frames_of_reference=())
    (selection,) = build(structure_set, levels=("SourceImages",))

    assert [(each["uid"], each.get("subset")) for each in selection["instance"]] == [
        ("2.25.1", ["1", "2", "3"]),
        ("2.25.2", None),
    ]


def test_a_series_is_a_source_without_its_images_and_told_as_the_set_tells_it():
    drawn = RoiContours(1, None, ("2.25.117", "2.25.8"), ())
    series = SourceSeries("2.25.9", 4, "MR", "planning", Moment("20240101", None, None))
    structure_set = replace(
        SET, rois=(roi(1, contours=(drawn,)), roi(2)), source_series=(series,)
    )
    selections = build(structure_set)

    focus = [
        [each["reference"][-8:] for each in selection.get("focus", ())]
        for selection in selections[:3]
    ]
    assert focus == [
        ["images-1", "images-2", "images-3", "images-4"],
        ["images-1", "images-3"],
        [],
    ]
    *_, of_roi, of_set = selections
    assert (of_roi["seriesUid"], of_set["seriesUid"]) == ("2.25.8", "2.25.9")
    assert of_set["seriesNumber"] == 4
    assert "instance" not in of_set
    assert "profile" not in of_set["meta"]
    for text in ("MR", "planning", "2024-01-01"):
        assert text in of_set["text"]["div"]


def test_a_series_that_names_nothing_is_no_selection():
    empty = ReferencedSeries(None, ())
    frame = FrameOfReference("2.25.1", (ReferencedStudy("2.25.2", (empty,)),))

    assert build(replace(SET, frames_of_reference=(frame,)))[1:] == ()


@pytest.mark.parametrize("number", [-1, -(2**31)])
def test_a_negative_number_is_left_out_and_told(number):
    numbered = replace(SET, series_number=number, instance_number=number)
    mapped = map_structure_set(numbered, IDS, Choices())

    assert "seriesNumber" not in mapped.resources[0]
    assert "number" not in mapped.resources[0]["instance"][0]
    codes = [each.code for each in mapped.findings]
    assert codes == ["number-not-representable"] * 2
