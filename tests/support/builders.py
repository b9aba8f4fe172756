"""Builders of structure sets and images, as bytes (DICOM PS3.3 2025a, A.19 and A.3).

Everything is a plain dict from DICOM keyword to value, valid by default; each helper
takes overrides by keyword. How a value is written:

None leaves the attribute out, bytes are written verbatim; `dicom_writer` has the rest.
No clock and no random numbers: equal arguments return equal bytes.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from support.dicom_writer import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    Elements,
    number_text,
    write_file,
)

__all__ = [
    "BIG_ENDIAN",
    "DEFLATED",
    "EXPLICIT",
    "IMPLICIT",
    "Item",
    "algorithm",
    "code",
    "content",
    "contour",
    "ct_image",
    "device",
    "image_uid",
    "make_rtstruct",
    "make_seg",
    "make_sr",
    "number",
    "observation",
    "person",
    "reference",
    "referenced_frame",
    "roi",
    "segment",
    "segment_frame",
    "series_uid",
]

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
RT_STRUCTURE_SET_STORAGE = "1.2.840.10008.5.1.4.1.1.481.3"
SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"
COMPREHENSIVE_3D_SR_STORAGE = "1.2.840.10008.5.1.4.1.1.88.34"
LABEL_MAP_SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
DETACHED_STUDY_MANAGEMENT = "1.2.840.10008.3.1.2.3.1"  # retired, yet what files name

STUDY = "2.25.113047100"
SERIES = "2.25.113047200"
STRUCTURE_SET = "2.25.113047300"
SEGMENTATION = "2.25.113047310"
REPORT = "2.25.113047320"
FRAME = "2.25.113047400"
CT_SERIES = "2.25.113047500"

SQUARE = r"10\20\30\15\20\30\15\25\30\10\25\30"

Item = dict[str | int, Any]


def series_uid(series: int) -> str:
    """Return the UID of the image series of a frame of reference, counted from 1."""
    return CT_SERIES if series == 1 else f"{CT_SERIES}{series}"


def image_uid(number: int, series: int = 1) -> str:
    """Return the SOP Instance UID that `ct_image(number)` has."""
    return f"2.25.1130476{series:02}{number:04}"


def code(
    value: str | bytes,
    scheme: str | None,
    meaning: str | bytes = "meaning-113047",
    **overrides: Any,
) -> Item:
    """Build an item of a code sequence (PS3.3 8.8).

    A URN is a URN Code Value, more than 16 characters are a Long Code Value. A modifier
    is an override: `SegmentedPropertyTypeModifierCodeSequence=code(...)`.
    """
    keyword = "LongCodeValue" if len(value) > 16 else "CodeValue"
    if str(value).startswith(("urn:", "http:", "https:")):
        keyword = "URNCodeValue"
    return {
        keyword: value,
        "CodingSchemeDesignator": scheme,
        "CodeMeaning": meaning,
    } | overrides


def reference(uid: str, sop_class: str = CT_IMAGE_STORAGE, **overrides: Any) -> Item:
    """Build an item that refers to a SOP Instance (PS3.3 10.8)."""
    return {
        "ReferencedSOPClassUID": sop_class,
        "ReferencedSOPInstanceUID": uid,
    } | overrides


def referenced_frame(
    uid: str, studies: Mapping[str, Mapping[str, Iterable[str | Item]]]
) -> Item:
    """Build an item of Referenced Frame of Reference Sequence (PS3.3 C.8.8.5).

    Parameters
    ----------
    uid
        Frame of Reference UID.
    studies
        Study Instance UID to Series Instance UID to images, each a UID or an item.
    """
    return {
        "FrameOfReferenceUID": uid,
        "RTReferencedStudySequence": [
            reference(
                study,
                DETACHED_STUDY_MANAGEMENT,
                RTReferencedSeriesSequence=[
                    {"SeriesInstanceUID": series, "ContourImageSequence": _refs(images)}
                    for series, images in all_series.items()
                ],
            )
            for study, all_series in studies.items()
        ],
    }


def person(name: str, **overrides: Any) -> Item:
    """Build a creator or interpreter who is a person (PS3.3 10.34)."""
    return {
        "ObserverType": "PSN",
        "PersonName": name,
        "PersonIdentificationCodeSequence": code("id-113047", "99STAFF"),
    } | overrides


def device(
    manufacturer: str = "maker-113047", model: str = "model-113047", **overrides: Any
) -> Item:
    """Build a creator or interpreter that is a device (PS3.3 10.34)."""
    return {
        "ObserverType": "DEV",
        "Manufacturer": manufacturer,
        "ManufacturerModelName": model,
        "DeviceUID": "2.25.113047700",
    } | overrides


def algorithm(name: str, version: str = "1.13047", **overrides: Any) -> Item:
    """Build an item of ROI Derivation Algorithm Identification Sequence (10.16)."""
    return {
        "AlgorithmFamilyCodeSequence": code("123109", "DCM", "Manual Processing"),
        "AlgorithmName": name,
        "AlgorithmVersion": version,
    } | overrides


def contour(
    points: str | bytes | Sequence[Sequence[float | Decimal]] = SQUARE,
    geometric_type: str = "CLOSED_PLANAR",
    images: Iterable[str | Item] | None = None,
    **overrides: Any,
) -> Item:
    r"""Build an item of Contour Sequence (PS3.3 C.8.8.6).

    Parameters
    ----------
    points
        Contour Data: `x\y\z\...` as text or bytes, taken as it stands, or points in
        mm. Number of Contour Points follows from it.
    geometric_type
        Contour Geometric Type, in any spelling.
    images
        Contour Image Sequence: UIDs of CT images, or items. Absent by default.
    """
    if not isinstance(points, str | bytes):
        points = "\\".join(number_text(value) for point in points for value in point)
    backslash = b"\\" if isinstance(points, bytes) else "\\"
    return {
        "ContourImageSequence": None if images is None else _refs(images),
        "ContourGeometricType": geometric_type,
        "NumberOfContourPoints": (points.count(backslash) + 1) // 3,
        "ContourData": points,
    } | overrides


def observation(interpreted_type: str = "ORGAN", **overrides: Any) -> Item:
    """Build an item of RT ROI Observations Sequence (PS3.3 C.8.8.8).

    Referenced ROI Number comes from `roi`, Observation Number from `make_rtstruct`.
    """
    return {"RTROIInterpretedType": interpreted_type, "ROIInterpreter": ""} | overrides


def roi(  # noqa: PLR0913 - each by its keyword
    number: int | str | bytes = 1,
    name: str | bytes = "roi-113047",
    *,
    contours: Sequence[Item] | None = (contour(),),
    observations: Sequence[Item] = (observation(),),
    color: list[int] | None = None,
    contour_item: Elements | None = None,
    declared: bool = True,
    **overrides: Any,
) -> dict[str, list[Item]]:
    """Build the items of one ROI in the three main sequences (PS3.3 C.8.8.5, 6 and 8).

    Parameters
    ----------
    contours
        Items of Contour Sequence; an empty list makes the sequence empty, None
        leaves out the whole item of ROI Contour Sequence.
    observations
        Any number of them.
    color
        ROI Display Color: red, green, blue.
    contour_item
        Overrides for the item of ROI Contour Sequence.
    declared
        False leaves the ROI out of Structure Set ROI Sequence: its contours and
        observations are then orphans.
    overrides
        For the item of Structure Set ROI Sequence; in another frame of reference
        with `ReferencedFrameOfReferenceUID`.
    """
    declaration = {
        "ROINumber": number,
        "ReferencedFrameOfReferenceUID": FRAME,
        "ROIName": name,
        "ROIGenerationAlgorithm": "MANUAL",
    } | overrides
    drawn = {
        "ROIDisplayColor": color,
        "ContourSequence": None if contours is None else list(contours),
        "ReferencedROINumber": number,
    } | dict(contour_item or {})
    return {
        "StructureSetROISequence": [declaration] if declared else [],
        "ROIContourSequence": [] if contours is None else [drawn],
        "RTROIObservationsSequence": [
            {"ReferencedROINumber": number} | item for item in observations
        ],
    }


def make_rtstruct(  # noqa: PLR0913 - likewise
    *rois: Mapping[str, list[Item]],
    transfer_syntax: str = IMPLICIT,
    undefined_length: bool = False,
    header: str = "full",
    encoding: str | None = None,
    pad: bool = True,
    elements: Elements | None = None,
    **overrides: Any,
) -> bytes:
    """Build a structure set (SOP Class RT Structure Set Storage).

    Referenced Frame of Reference Sequence lists each frame once, with the images that
    its ROIs are drawn on, in one series a frame.

    Parameters
    ----------
    transfer_syntax
        `IMPLICIT`, `EXPLICIT`, `BIG_ENDIAN` or `DEFLATED`.
    undefined_length
        Delimit sequences and items rather than give their lengths.
    header
        "full"; "meta": no preamble and no prefix; "none": the data set alone.
    encoding
        A Python codec for the text, whatever Specific Character Set declares.
    pad
        False leaves odd lengths odd: illegal, and met in the field.
    elements
        Further elements by tag number: `{0x00091001: ("LO", "private")}`.
    overrides
        For the data set, by keyword.

    Examples
    --------
    >>> import io, pydicom
    >>> made = make_rtstruct(roi(7, "Larynx"), ApprovalStatus="UNAPPROVED")
    >>> pydicom.dcmread(io.BytesIO(made)).StructureSetROISequence[0].ROIName
    'Larynx'
    """
    keywords = "StructureSetROISequence ROIContourSequence RTROIObservationsSequence"
    main = {key: [i for part in rois for i in part[key]] for key in keywords.split()}
    main["RTROIObservationsSequence"] = [
        {"ObservationNumber": number} | item
        for number, item in enumerate(main["RTROIObservationsSequence"], start=1)
    ]
    dataset = _general("RTSTRUCT", RT_STRUCTURE_SET_STORAGE) | {
        "SOPInstanceUID": STRUCTURE_SET,
        "SeriesInstanceUID": SERIES,
        "OperatorsName": "",
        "StructureSetLabel": "label-113047",
        "StructureSetDate": "20210304",
        "StructureSetTime": "050607",
        "ReferencedFrameOfReferenceSequence": _referenced_frames(rois),
    }
    return write_file(
        dataset | main | overrides | dict(elements or {}),
        transfer_syntax,
        header=header,
        encoding=encoding,
        undefined_length=undefined_length,
        pad=pad,
    )


def segment(number: int = 1, label: str = "segment-113047", **overrides: Any) -> Item:
    """Build an item of Segment Sequence (PS3.3 C.8.20.4); by default, a liver."""
    return {
        "SegmentNumber": number,
        "SegmentLabel": label,
        "SegmentAlgorithmType": "MANUAL",
        "SegmentedPropertyCategoryCodeSequence": code("85756007", "SCT", "Tissue"),
        "SegmentedPropertyTypeCodeSequence": code("10200004", "SCT", "Liver"),
    } | overrides


def segment_frame(number: int | None, *images: str | Item) -> Item:
    """Build the functional groups of a frame (PS3.3 C.7.6.16, C.8.20.3)."""
    identification = None if number is None else {"ReferencedSegmentNumber": number}
    return {
        "DerivationImageSequence": {"SourceImageSequence": _refs(images)}
        if images
        else None,
        "SegmentIdentificationSequence": identification,
    }


def make_seg(
    *segments: Item,
    frames: Iterable[Item] = (),
    transfer_syntax: str = EXPLICIT,
    **overrides: Any,
) -> bytes:
    """Build a segmentation (SOP Class Segmentation Storage).

    Parameters
    ----------
    frames
        Items of Per-Frame Functional Groups Sequence, as `segment_frame` builds them.
    overrides
        For the data set, by keyword.
    """
    dataset = _general("SEG", SEGMENTATION_STORAGE) | {
        "SOPInstanceUID": SEGMENTATION,
        "SeriesInstanceUID": SERIES,
        "FrameOfReferenceUID": FRAME,
        "ContentDate": "20240702",
        "ContentTime": "101530",
        "SegmentationType": "BINARY",
        "ContentLabel": "LABEL113047",
        "ContentDescription": "",
        "ContentCreatorName": "",
        "InstanceNumber": 1,
        "ReferencedSeriesSequence": {
            "SeriesInstanceUID": CT_SERIES,
            "ReferencedInstanceSequence": _refs([image_uid(1), image_uid(2)]),
        },
        "SegmentSequence": list(segments),
        "PerFrameFunctionalGroupsSequence": list(frames),
        "PixelData": ("OW", [0x3047] * 8),
    }
    return write_file(dataset | overrides, transfer_syntax)


def ct_image(
    number: int = 1, *, transfer_syntax: str = IMPLICIT, **overrides: Any
) -> bytes:
    """Build one 16 by 16 CT slice of the series that structure sets refer to.

    Slices are 3 mm apart: number 1 lies at z = 3 mm.
    """
    side = 16
    dataset = _general("CT", CT_IMAGE_STORAGE) | {
        "SOPInstanceUID": image_uid(number),
        "SeriesInstanceUID": CT_SERIES,
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "FrameOfReferenceUID": FRAME,
        "PositionReferenceIndicator": "",
        "AcquisitionNumber": "",
        "InstanceNumber": number,
        "KVP": "",
        "ImagePositionPatient": [0, 0, 3 * number],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [3, 3],
        "SliceThickness": 3,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": side,
        "Columns": side,
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "RescaleIntercept": -1024,
        "RescaleSlope": 1,
        "PixelData": ("OW", [1024 + number] * side * side),
    }
    return write_file(dataset | overrides, transfer_syntax)


def _general(modality: str, sop_class: str) -> Item:
    """Return the mandatory attributes of the patient, study, series and equipment."""
    return {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": sop_class,
        "StudyDate": "20210203",
        "StudyTime": "",
        "AccessionNumber": "",
        "Modality": modality,
        "Manufacturer": "",
        "ReferringPhysicianName": "",
        "PatientName": "Patient113047^Test",
        "PatientID": "patient-113047",
        "PatientBirthDate": "",
        "PatientSex": "",
        "StudyInstanceUID": STUDY,
        "StudyID": "",
        "SeriesNumber": "",
    }


def _refs(images: Iterable[str | Item]) -> list[Item]:
    return [i if isinstance(i, dict) else reference(i) for i in images]


def _referenced_frames(rois: Iterable[Mapping[str, list[Item]]]) -> list[Item]:
    """List each frame of reference once, with the images its ROIs are drawn on."""
    frames: dict[str, dict[str, Item]] = {}
    for part in rois:
        for declaration in part["StructureSetROISequence"]:
            if frame := declaration["ReferencedFrameOfReferenceUID"]:
                frames.setdefault(frame, {}).update(_images(part["ROIContourSequence"]))
    return [
        referenced_frame(
            frame,
            {STUDY: {series_uid(k): list(images.values()) or [image_uid(1, k)]}},
        )
        for k, (frame, images) in enumerate((frames or {FRAME: {}}).items(), start=1)
    ]


def _images(drawn: Iterable[Item]) -> dict[str, Item]:
    return {
        image.get("ReferencedSOPInstanceUID", ""): image
        for roi_contour in drawn
        for item in roi_contour["ContourSequence"] or ()
        for image in item["ContourImageSequence"] or ()
    }


def content(
    value_type: str,
    name: Item | None,
    *children: Item,
    relationship: str | None = "CONTAINS",
    **overrides: Any,
) -> Item:
    """Build a content item (PS3.3 C.17.3); its value is an override."""
    return {
        "RelationshipType": relationship,
        "ValueType": value_type,
        "ConceptNameCodeSequence": name,
        "ContinuityOfContent": "SEPARATE" if value_type == "CONTAINER" else None,
        "ContentSequence": list(children) or None,
    } | overrides


def number(
    value: str | None, unit: Item | None, name: Item, *children: Item, **overrides: Any
) -> Item:
    """Build a NUM (PS3.3 C.18.1); without a value, its sequence is empty."""
    measured = {"NumericValue": value, "MeasurementUnitsCodeSequence": unit}
    floating = overrides.pop("FloatingPointValue", None)
    sequence = [] if value is None else [measured | {"FloatingPointValue": floating}]
    return content(
        "NUM", name, *children, **({"MeasuredValueSequence": sequence} | overrides)
    )


def make_sr(
    *children: Item,
    evidence: Mapping[str, Mapping[str, Iterable[Item]]] | None = None,
    template: str | None = "1500",
    transfer_syntax: str = EXPLICIT,
    undefined_length: bool = False,
    **overrides: Any,
) -> bytes:
    """Build a report (SOP Class Comprehensive 3D SR Storage) of TID 1500.

    Parameters
    ----------
    children
        Content items of the root, as `content` builds them.
    evidence
        Study Instance UID to Series Instance UID to references.
    template
        Template Identifier of the root.
    overrides
        For the data set, by keyword.
    """
    identification = {"MappingResource": "DCMR", "TemplateIdentifier": template}
    dataset = _general("SR", COMPREHENSIVE_3D_SR_STORAGE) | {
        "SOPInstanceUID": REPORT,
        "SeriesInstanceUID": SERIES,
        "InstanceNumber": 1,
        "ContentDate": "20240702",
        "ContentTime": "101530",
        "CompletionFlag": "COMPLETE",
        "VerificationFlag": "VERIFIED",
        "ValueType": "CONTAINER",
        "ConceptNameCodeSequence": code("126000", "DCM", "Imaging Measurement Report"),
        "ContinuityOfContent": "SEPARATE",
        "ContentTemplateSequence": identification if template else None,
        "ContentSequence": list(children),
        "CurrentRequestedProcedureEvidenceSequence": [
            {
                "StudyInstanceUID": study,
                "ReferencedSeriesSequence": [
                    {"SeriesInstanceUID": series, "ReferencedSOPSequence": list(items)}
                    for series, items in all_series.items()
                ],
            }
            for study, all_series in (evidence or {}).items()
        ],
    }
    return write_file(
        dataset | overrides, transfer_syntax, undefined_length=undefined_length
    )
