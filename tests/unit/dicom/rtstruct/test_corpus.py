"""Every real structure set at hand, against its catalogue and against plain pydicom."""

import warnings
from collections import Counter
from functools import cache

import pydicom
import pytest
from imaging_selection.mapping.rtstruct.findings import findings_of
from pydicom.multival import MultiValue
from support.corpus import CATALOGUE, FILES
from support.paths import CORPUS
from support.reading import parse_structure_set

COUNTED = [entry for entry in CATALOGUE if "rois" in entry]

pytestmark = pytest.mark.usefixtures("corpus")


@cache
def ours(file):
    return parse_structure_set((CORPUS / file).read_bytes())


@cache
def theirs(file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of values that we report
        return pydicom.dcmread(CORPUS / file, force=True)


def _catalogued(entries):
    return pytest.mark.parametrize("entry", entries, ids=lambda entry: entry["file"])


every_file = pytest.mark.parametrize("file", FILES)


@_catalogued(COUNTED)
def test_counts_are_those_of_the_catalogue(entry):
    structure_set = ours(entry["file"])
    contours = [
        contour for drawn in structure_set.contours for contour in drawn.contours
    ]
    types = Counter(
        seen.interpreted_type or "<empty>" for seen in structure_set.observations
    )
    approval = structure_set.approval
    assert {
        "rois": len(structure_set.rois),
        "observations": len(structure_set.observations),
        "contours": len(contours),
        "geometric_types": Counter(str(each.geometric_type) for each in contours),
        "interpreted_types": types,
        "approval": approval and approval.status,
        "frames_of_reference": len(structure_set.frames_of_reference) or None,
        "manufacturer": structure_set.equipment.manufacturer or "",
        "model": structure_set.equipment.model_name or "",
    } == {
        key: entry[key]
        for key in (
            "rois",
            "observations",
            "contours",
            "geometric_types",
            "interpreted_types",
            "approval",
            "frames_of_reference",
            "manufacturer",
            "model",
        )
    }


@_catalogued(COUNTED)
def test_coding_schemes_are_those_of_the_catalogue(entry):
    codes = [
        code
        for seen in ours(entry["file"]).observations
        for code in seen.identification
    ]
    assert Counter(code.designator for code in codes) == entry["coding_schemes"]


@_catalogued(COUNTED)
def test_mandatory_attributes_are_missing_where_the_catalogue_says_so(entry):
    named = {each.split("(")[0].removeprefix("Obs.") for each in entry["missing"]}
    texts = [
        finding.text.split(": ")[1]
        for finding in ours(entry["file"]).findings
        if finding.code == "missing-type-2-attribute"
    ]
    told = {each.split(" ")[0] for text in texts for each in text.split(", ")}
    assert told == named


@every_file
def test_the_structure_set_is_identified_as_pydicom_reads_it(file):
    structure_set, dataset = ours(file), theirs(file)
    assert structure_set.sop_instance_uid == dataset.SOPInstanceUID
    assert structure_set.series_instance_uid == dataset.SeriesInstanceUID
    assert structure_set.study_instance_uid == dataset.StudyInstanceUID
    assert structure_set.patient.patient_id == _text(dataset, "PatientID")
    assert structure_set.label == _text(dataset, "StructureSetLabel")
    moment = structure_set.moment
    assert (moment and moment.date) == _text(dataset, "StructureSetDate")
    assert (moment and moment.time) == _text(dataset, "StructureSetTime")
    operators = dataset.get("OperatorsName")
    names = operators if isinstance(operators, MultiValue) else [operators]
    assert [each.name for each in structure_set.operators] == [
        str(name) for name in names if name
    ]


@every_file
def test_each_roi_is_named_and_joined_as_pydicom_reads_it(file):
    dataset = theirs(file)
    drawn = Counter()
    for item in dataset.get("ROIContourSequence", []):
        drawn[item.ReferencedROINumber] += len(item.get("ContourSequence") or [])
    observed = {}
    for item in dataset.get("RTROIObservationsSequence", []):
        observed.setdefault(item.ReferencedROINumber, []).append(
            _text(item, "RTROIInterpretedType")
        )
    expected = [
        (
            item.ROINumber,
            _text(item, "ROIName"),
            _text(item, "ReferencedFrameOfReferenceUID"),
            _text(item, "ROIGenerationAlgorithm"),
            drawn[item.ROINumber],
            observed.get(item.ROINumber, []),
        )
        for item in dataset.StructureSetROISequence
    ]
    assert expected == [
        (
            roi.number,
            roi.name,
            roi.frame_of_reference_uid,
            roi.generation_algorithm,
            sum(len(each.contours) for each in roi.contours),
            [seen.interpreted_type for seen in roi.observations],
        )
        for roi in ours(file).rois
    ]


@every_file
def test_the_images_are_listed_as_pydicom_reads_them(file):
    expected = [
        (
            frame.FrameOfReferenceUID,
            study.ReferencedSOPInstanceUID,
            series.SeriesInstanceUID,
            [
                (image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID)
                for image in series.get("ContourImageSequence", [])
            ],
        )
        for frame in theirs(file).get("ReferencedFrameOfReferenceSequence", [])
        for study in frame.get("RTReferencedStudySequence", [])
        for series in study.get("RTReferencedSeriesSequence", [])
    ]
    assert expected == [
        (
            frame.uid,
            study.study_instance_uid,
            series.series_instance_uid,
            [(image.sop_class_uid, image.sop_instance_uid) for image in series.images],
        )
        for frame in ours(file).frames_of_reference
        for study in frame.studies
        for series in study.series
    ]


def _text(dataset, keyword):
    return str(dataset.get(keyword) or "").strip() or None


# Checked by hand against the catalogue's oddities, as the count of findings by code;
# a file that is not here has none. Those about attributes that may be empty have a test
# of their own above. Observation numbers count once a file, the rest once a ROI.
O_RAW = "zhenweishi__O-RAW__"
TEMPLATES = "brianmanderson__DicomTemplateMakerCSharp__"
FINDINGS = {
    # 29 items with an empty Contour Sequence
    "OpenTOPAS__OpenTOPAS__lung-1_rtss.dcm": {"roi-without-contours": 29},
    "OpenTOPAS__OpenTOPAS__lung-2_rtss.dcm": {"roi-without-contours": 29},
    "OpenTOPAS__OpenTOPAS__lung-3_rtss.dcm": {"roi-without-contours": 29},
    # items without a Contour Sequence; codes of a private scheme without a UID
    f"{TEMPLATES}_Targets_1DoseLevel.dcm": {
        "roi-without-contours": 5,
        "code-without-system": 5,
    },
    f"{TEMPLATES}_Targets_2DoseLevels.dcm": {
        "roi-without-contours": 5,
        "code-without-system": 5,
    },
    f"{TEMPLATES}_Targets_3DoseLevels.dcm": {
        "roi-without-contours": 5,
        "code-without-system": 5,
    },
    f"{TEMPLATES}_Targets_4DoseLevels.dcm": {
        "roi-without-contours": 5,
        "code-without-system": 5,
    },
    f"{TEMPLATES}_Targets_Basic.dcm": {
        "roi-without-contours": 13,
        "code-without-system": 13,
    },
    f"{TEMPLATES}_Targets_Basic_Resi.dcm": {
        "roi-without-contours": 13,
        "code-without-system": 13,
    },
    f"{TEMPLATES}DicomTemplateMakerGUI_Test.dcm": {
        "roi-without-contours": 2,
        "duplicate-observation-number": 1,
    },
    # codes of ICD-O-2, which has no UID in PS3.16
    "dicompyler__dicompyler-core__rtss.dcm": {
        "roi-without-contours": 1,
        "code-without-system": 1,
    },
    "victorgabr__pps__benchmark_data_RTSS.dcm": {"code-without-system": 1},
    # a ROI without an item in ROI Contour Sequence
    "gacou54__pyorthanc__orthanc_2_test_data_RTSTRUCT.dcm": {"roi-without-contours": 1},
    "generated__rt-utils-1.2.7_holes-islands-latin1.dcm": {"roi-without-contours": 1},
    "victorgabr__pps__Cone_02_0.dcm": {"roi-without-contours": 1},
    "victorgabr__pps__Cone_10_X05.dcm": {"roi-without-contours": 1},
    "victorgabr__pps__Cone_10_X05Z05.dcm": {"roi-without-contours": 1},
    "victorgabr__pps__Cone_20_0.dcm": {"roi-without-contours": 1},
    "victorgabr__pps__Cone_20_X10.dcm": {"roi-without-contours": 1},
    "victorgabr__pps__Cone_20_X10Z10.dcm": {"roi-without-contours": 1},
    # Observation Number 0 more than once
    "Rohit9987__dcmtk_example_rt__rtstruct.dcm": {"duplicate-observation-number": 1},
    "brianmanderson__Dicom_RT_and_Images_to_Mask__RS_Body_SpinalCord.dcm": {
        "duplicate-observation-number": 1
    },
    "victorgabr__pps__PTV_RS.dcm": {"duplicate-observation-number": 1},
    # contours on images by the UIDs that these had before they were made anonymous;
    # the other 9 ROIs of the first are points on no image
    "bhklab__med-imagetools__example_0_RTSTRUCT.dcm": {"unreferenced-image": 8},
    "bhklab__med-imagetools__example_1_RTSTRUCT.dcm": {"unreferenced-image": 16},
    f"{O_RAW}RTSTRUCT.1.3.6.1.4.1.40744.2~6013337550235117523425780982.dcm": {
        "unreferenced-image": 1
    },
    # contours on images that the study-level list lacks
    f"{O_RAW}1.3.6.1.4.1.40744.29.2515963~ue-for-InstanceNumber-hwpu4y.dcm": {
        "unreferenced-image": 1
    },
    f"{O_RAW}data_PET_2_rtstruct.dcm": {"unreferenced-image": 1},
    # contours on images, and no list of images at all
    "didymo__OnkoDICOM__RTSTRUCT_Hashed.dcm": {"unreferenced-image": 1},
    # the same name twice, in Chinese characters
    "generated__rt-utils-1.2.7_utf8-cjk-duplicate-name.dcm": {"duplicate-roi-name": 2},
    # its referenced series lists no images
    "pydicom__pydicom__test_files_rtstruct.dcm": {"missing-mandatory-attribute": 1},
}


@every_file
def test_findings_are_those_that_were_checked_by_hand(file):
    told = Counter(finding.code for finding in findings_of(ours(file)))
    del told["missing-type-2-attribute"]
    assert told == FINDINGS.get(file, {})


def test_the_table_of_findings_names_files_that_exist():
    assert set(FINDINGS) <= set(FILES)


def test_no_finding_quotes_a_patient_or_a_roi():
    for file in FILES:
        structure_set = ours(file)
        told = " ".join(finding.text for finding in findings_of(structure_set))
        names = {roi.name for roi in structure_set.rois if len(roi.name or "") > 3}
        names |= {structure_set.patient.patient_id, structure_set.label} - {None}
        assert not [name for name in names if len(name) > 3 and name in told], file
