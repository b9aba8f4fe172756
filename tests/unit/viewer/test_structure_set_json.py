from dataclasses import replace
from datetime import UTC, datetime

from imaging_selection import objects
from imaging_selection.dicom.entities import Moment
from imaging_selection.ids import OrthancIds
from imaging_selection.mapping.choices import Choices
from imaging_selection.mapping.rtstruct.imaging_selection import map_structure_set
from imaging_selection.viewer.structure_set_json import build_page_json
from support.builders import code, contour, image_uid, make_rtstruct, observation, roi
from support.reading import parse_structure_set
from support.solids import rectangle

INSTANCE = "id-113047"
SCT = "http://snomed.info/sct"


def shown(*rois, **overrides):
    return page_json_of(parse_structure_set(make_rtstruct(*rois, **overrides)))


def page_json_of(structure_set):
    ids = OrthancIds("patient", "study", "series", INSTANCE)
    selections = map_structure_set(structure_set, ids, Choices()).resources
    return build_page_json(selections, structure_set, INSTANCE)


def test_the_head_is_that_of_the_file():
    found = shown(
        AccessionNumber="accession-113047",
        StructureSetName="name-113047",
        StructureSetDescription="description-113047",
        Manufacturer="maker-113047",
        ManufacturerModelName="model-113047",
        SoftwareVersions=["1", "2"],
        StationName="station-113047",
        InstitutionName="institution-113047",
        IssuerOfPatientID="issuer-113047",
        TimezoneOffsetFromUTC="-0130",
    )
    del found["findings"], found["series"]
    assert found == {
        "instance": INSTANCE,
        "sopInstanceUid": "2.25.113047300",
        "seriesInstanceUid": "2.25.113047200",
        "studyInstanceUid": "2.25.113047100",
        "patient": "Patient/patient",
        "patientId": "patient-113047",
        "patientIdIssuer": "issuer-113047",
        "accessionNumber": "accession-113047",
        "label": "label-113047",
        "name": "name-113047",
        "description": "description-113047",
        "moment": "2021-03-04 05:06:07 -01:30",
        "predecessors": [],
        "approval": None,
        "equipment": {
            "manufacturer": "maker-113047",
            "modelName": "model-113047",
            "softwareVersions": ["1", "2"],
            "stationName": "station-113047",
            "institutionName": "institution-113047",
        },
        "rois": [],
        "images": [],
        "frames": ["2.25.113047400"],
        "studies": ["2.25.113047100"],
    }


def test_what_the_file_does_not_say_is_absent():
    found = shown(
        AccessionNumber=None,
        PatientID=None,
        StructureSetLabel=None,
        StructureSetDate=None,
        StructureSetTime=None,
    )
    names = ("accessionNumber", "patientId", "label", "moment", "approval")
    assert {found[name] for name in names} == {None}


def test_a_date_without_a_time_stays_a_date():
    assert shown(StructureSetTime="")["moment"] == "2021-03-04"


def test_a_bare_year_stays_a_year():
    structure_set = parse_structure_set(make_rtstruct(ApprovalStatus="APPROVED"))
    found = page_json_of(
        replace(
            structure_set,
            moment=Moment("2024", None, None),
            approval=replace(
                structure_set.approval, moment=Moment("202402", None, None)
            ),
        )
    )
    assert (found["moment"], found["approval"]["moment"]) == ("2024", "2024-02")


def test_an_approval_status_that_is_no_term_of_the_standard_is_a_finding_alone():
    found = shown(ApprovalStatus="FINE-113047")
    assert found["approval"] is None
    assert "unknown-approval-status" in [each["code"] for each in found["findings"]]


def test_the_approval_is_told_with_its_reviewer():
    found = shown(
        ApprovalStatus="REJECTED",
        ReviewerName="Reviewer^113047",
        ReviewDate="20210305",
        ReviewTime="0809",
    )
    assert found["approval"] == {
        "status": "REJECTED",
        "moment": "2021-03-05 08:09",
        "reviewer": "113047 Reviewer",
    }
    assert shown(ApprovalStatus="APPROVED")["approval"] == {
        "status": "APPROVED",
        "moment": None,
        "reviewer": None,
    }


def test_a_roi_is_shown_as_its_selection_and_its_contours_have_it():
    first, second = image_uid(1), image_uid(2)
    larynx = code("4596009", "SCT", "Larynx")
    found = shown(
        roi(
            7,
            "Larynx",
            contours=[
                contour(images=[second]),
                contour(images=[first]),
                contour(r"1\2\3", "POINT"),
                contour(geometric_type="NONE-113047", images=[second]),
            ],
            observations=[
                observation("ORGAN", RTROIIdentificationCodeSequence=larynx),
                observation("AVOIDANCE"),
            ],
            color=[1, 2, 3],
            ROIDescription="description-113047",
            ROIVolume="4.50",
        )
    )
    [shown_roi] = found["rois"]
    findings = shown_roi.pop("findings")
    assert shown_roi == {
        "number": 7,
        "selection": f"{INSTANCE}-7",
        "name": "Larynx",
        "description": "description-113047",
        "color": [1, 2, 3],
        "types": ["ORGAN", "AVOIDANCE"],
        "codes": [{"value": "4596009", "scheme": SCT, "meaning": "Larynx"}],
        "volume": "4.50",
        "measured": None,
        "algorithm": "MANUAL",
        "frameOfReferenceUid": "2.25.113047400",
        "focus": [f"{INSTANCE}-images-1"],
        "geometricTypes": {"CLOSED_PLANAR": 2, "POINT": 1, "none": 1},
        "declaredPoints": 13,
        "contours": [[[0]], [[1]], [], [[0]]],
    }
    assert found["images"] == [second, first]
    assert [each["code"] for each in findings] == ["unknown-geometric-type"]
    assert findings[0]["display"] == "Contour Geometric Type missing or unknown"
    assert findings[0]["severity"] == "error"


def test_a_frame_that_a_contour_names_stands_behind_its_image():
    image = {
        "ReferencedSOPClassUID": "1.2.840.10008.5.1.4.1.1.2.1",
        "ReferencedSOPInstanceUID": image_uid(1),
        "ReferencedFrameNumber": "4",
    }
    [found] = shown(roi(1, contours=[contour(images=[image])]))["rois"]
    assert found["contours"] == [[[0, 4]]]


def test_repeated_and_missing_numbers_lead_to_selections_of_their_own():
    found = shown(roi(3), roi(3, contours=None), roi("x", contours=None))["rois"]
    assert [each["selection"] for each in found] == [
        f"{INSTANCE}-3",
        f"{INSTANCE}-3.2",
        f"{INSTANCE}-none",
    ]
    # Findings of a ROI without number are not another's.
    codes = [each["code"] for each in found[2]["findings"]]
    assert codes == ["invalid-roi-number"]


def test_a_roi_of_no_contour_item_has_no_colour():
    [found] = shown(roi(1, contours=None))["rois"]
    assert (found["color"], found["contours"]) == (None, [])


def test_the_series_are_those_that_the_file_lists_and_images_of_unknown_ones():
    found = shown(
        roi(1, contours=[contour(images=[image_uid(1)])]),
        ReferencedFrameOfReferenceSequence=None,
    )
    assert found["series"] == [
        {
            "selection": f"{INSTANCE}-images-1",
            "seriesInstanceUid": None,
            "studyInstanceUid": None,
            "frameOfReferenceUid": "2.25.113047400",
            "images": [image_uid(1)],
        }
    ]
    listed = shown(roi(1, contours=[contour(images=[image_uid(1)])]))["series"]
    assert [each["seriesInstanceUid"] for each in listed] == ["2.25.113047500"]


def test_what_was_measured_of_a_roi_stands_with_it():
    contours = [contour(rectangle(z)) for z in (0, 3, 12)]
    file = make_rtstruct(roi(1, contours=contours), roi(2))
    structure_set = parse_structure_set(file)
    ids = OrthancIds("patient", "study", "series", INSTANCE)
    now = datetime(2026, 1, 2, tzinfo=UTC)
    choices = Choices(measurements=True)
    resources = objects.convert_and_measure(file, choices, ids, now).resources
    first, second = build_page_json(resources, structure_set, INSTANCE)["rois"]
    assert first["measured"] == 1.8
    assert "gap-between-slices" in {each["code"] for each in first["findings"]}
    assert second["measured"] is None
    assert page_json_of(structure_set)["rois"][0]["measured"] is None
