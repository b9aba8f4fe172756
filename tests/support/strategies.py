"""Hypothesis strategies for structure sets with legal and illegal contents.

The UIDs of study, series and instance are always present: without them there is no
selection. Everything else may be absent.
"""

from hypothesis import strategies as st
from support.builders import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    FRAME,
    IMPLICIT,
    algorithm,
    code,
    contour,
    device,
    image_uid,
    make_rtstruct,
    observation,
    person,
    roi,
)

HOSTILE_NAMES = (
    "",
    " ",
    "Larynx/œdème",
    "脊髄",
    "<script>alert('113047')</script>",
    "'; DROP TABLE selections; --",
    "a|b,c$d\\,e",
    "%_[^]",
    '"quoted"\t&amp;\x00\x1b$B',
    "e\u0301\u202e\u2028\ufffe",
    "x" * 300,
    b"M\xf8elle",
    b"\xff\xfe\x80",
)
NUMBERS = (1, 2, 3, 3, 0, -1, 2147483647, "", " 07 ", b"1.5", b"seven", b"1\\2")
MOMENTS = ("", "20210304", "202103041010", "20211304", "2021", "now", b"\xff")
FRAMES = (FRAME, FRAME, FRAME, "2.25.1130479", "", "not-a-uid", "1." + "2" * 80, None)
DS_VALUES = (
    *("0", "-0.00", "+1.5", ".5", "5.", "007", " 1 ", "1e3", "-1.5E-07"),
    *("1,5", "NaN", "Infinity", "", "1e", "\xb2", "0x10", "12345678901234567890"),
)
GEOMETRIC_TYPES = (
    *("POINT", "OPEN_PLANAR", "OPEN_NONPLANAR", "CLOSED_PLANAR", "CLOSEDPLANAR_XOR"),
    *("CLOSED_PLANAR_XOR", "closed_planar", "", None, b"\xff"),
)
INTERPRETED_TYPES = ("ORGAN", "PTV", "EXTERNAL", "OAR", "", None, "Own term", b"\xff")

names = st.sampled_from(HOSTILE_NAMES) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=64
)


def sometimes(name, values):
    """Return a strategy of `{name: value}` or `{}`."""
    return st.fixed_dictionaries({}, optional={name: values})


codes = st.builds(
    code,
    st.sampled_from(["113047", "T-D0050", "", "9" * 30, "urn:oid:2.25.113047"]) | names,
    st.sampled_from(["SCT", "SRT", "SNM3", "FMA", "DCM", "99ACME", "", None]),
    names,
)

coordinates = st.one_of(
    st.lists(st.sampled_from(DS_VALUES), max_size=12).map("\\".join),
    st.lists(
        st.tuples(*[st.floats(-1e4, 1e4, allow_nan=False)] * 3),
        max_size=5,
    ),
    st.binary(max_size=30),
)

contours = st.builds(
    lambda points, geometric_type, images, overrides: contour(
        points, geometric_type, images, **overrides
    ),
    coordinates,
    st.sampled_from(GEOMETRIC_TYPES),
    st.none() | st.lists(st.integers(1, 4).map(image_uid), max_size=2),
    sometimes("NumberOfContourPoints", st.sampled_from([None, "", 0, 99, b"many"])),
)


def physical_property(name, value):
    return {
        "ROIPhysicalProperty": name,
        "ROIPhysicalPropertyValue": value,
        "ROIElementalCompositionSequence": [
            {"ROIElementalCompositionAtomicNumber": b"\x08\0"},
            {"ROIElementalCompositionAtomicMassFraction": b"\0\0\xc0\x7f"},  # NaN
        ],
    }


observations = st.builds(
    lambda interpreted_type, overrides: observation(interpreted_type, **overrides),
    st.sampled_from(INTERPRETED_TYPES),
    st.fixed_dictionaries(
        {},
        optional={
            "ObservationNumber": st.sampled_from(NUMBERS),
            "RTROIIdentificationCodeSequence": st.lists(codes, max_size=2),
            "AnatomicRegionSequence": st.lists(codes, max_size=1),
            "PrimaryAnatomicStructureSequence": st.lists(codes, max_size=1),
            "SegmentedPropertyCategoryCodeSequence": st.lists(codes, max_size=1),
            "TherapeuticRoleTypeCodeSequence": st.lists(codes, max_size=1),
            "ROIInterpreter": names,
            "ROIInterpreterSequence": st.lists(
                st.builds(person, names) | st.just(device()), max_size=2
            ),
            "ROIObservationLabel": names,
            "ROIObservationDescription": names,
            "ROIObservationDateTime": st.sampled_from(MOMENTS),
            "ROIObservationContextCodeSequence": st.lists(codes, max_size=2),
            "RTRelatedROISequence": st.lists(
                st.builds(
                    lambda number, name: {
                        "ReferencedROINumber": number,
                        "RTROIRelationship": name,
                    },
                    st.sampled_from(NUMBERS),
                    names,
                ),
                max_size=2,
            ),
            "MaterialID": names,
            "ROIPhysicalPropertiesSequence": st.lists(
                st.builds(physical_property, names, st.sampled_from(DS_VALUES)),
                max_size=2,
            ),
        },
    ),
)

rois = st.builds(
    lambda number, name, overrides, **parts: roi(number, name, **parts, **overrides),
    st.sampled_from(NUMBERS),
    names,
    st.fixed_dictionaries(
        {},
        optional={
            "ReferencedFrameOfReferenceUID": st.sampled_from(FRAMES),
            "ROIDescription": names,
            "ROIDateTime": st.sampled_from(MOMENTS),
            "ROIVolume": st.sampled_from(DS_VALUES),
            "ROIGenerationAlgorithm": st.sampled_from(["", None, "AUTOMATIC", "Own"]),
            "ROIDerivationAlgorithmIdentificationSequence": st.lists(
                st.builds(algorithm, names), max_size=1
            ),
            "ROICreatorSequence": st.lists(
                st.builds(person, names)
                | st.builds(
                    lambda name, **values: {"PersonName": name} | values,
                    names,
                    ObserverType=st.sampled_from(["PSN", "DEV", "", None]),
                    Manufacturer=st.none() | names,
                    InstitutionName=st.none() | names,
                    OrganizationalRoleCodeSequence=st.none() | codes,
                ),
                max_size=2,
            ),
            "ROIGenerationDescription": names,
            "DerivationCodeSequence": st.lists(codes, max_size=2),
            "RTProtocolCodeSequence": st.lists(codes, max_size=2),
            "DefinitionSourceSequence": st.sampled_from(FRAMES).map(
                lambda uid: [
                    {"ReferencedSOPInstanceUID": uid, "ReferencedSegmentNumber": 3}
                ]
            ),
            "ConceptualVolumeIdentificationSequence": st.sampled_from(FRAMES).map(
                lambda uid: [{"ConceptualVolumeUID": uid}]
            ),
        },
    ),
    contours=st.none() | st.lists(contours, max_size=3),
    observations=st.lists(observations, max_size=2),
    contour_item=st.none()
    | st.sampled_from(FRAMES).map(
        lambda uid: {"SourceSeriesSequence": [{"SeriesInstanceUID": uid}]}
    ),
    color=st.none() | st.lists(st.integers(-1, 256), max_size=4),
    declared=st.sampled_from([True, True, True, False]),
)

structure_sets = st.builds(
    lambda parts, overrides, **options: make_rtstruct(*parts, **overrides, **options),
    st.lists(rois, max_size=4),
    st.fixed_dictionaries(
        {},
        optional={
            "SpecificCharacterSet": st.sampled_from(
                [None, "", "ISO_IR 100", "GB18030"]
            ),
            "PatientName": names,
            "PatientID": names,
            "AccessionNumber": names,
            "OperatorsName": names,
            "Manufacturer": names,
            "StructureSetLabel": names,
            "StructureSetDate": st.sampled_from(MOMENTS),
            "StructureSetTime": st.sampled_from(["", None, "2599", "10", "101010.5"]),
            "TimezoneOffsetFromUTC": st.sampled_from(["", "+0130", "0100", "+9999"]),
            "ApprovalStatus": st.sampled_from(["", "APPROVED", "OTHER", b"\xff"]),
            "ReviewerName": names,
            "ReviewDate": st.sampled_from(MOMENTS),
            "StructureSetName": names,
            "StructureSetDescription": names,
            "BodyPartExamined": names,
            "AnatomicRegionSequence": st.lists(codes, max_size=3),
            "PrimaryAnatomicStructureSequence": st.lists(codes, max_size=2),
            "SourceSeriesInformationSequence": st.builds(
                lambda uid, text, number, date: {
                    "SeriesInstanceUID": uid,
                    "SeriesNumber": number,
                    "SeriesDate": date,
                    "Modality": text,
                    "SeriesDescription": text,
                },
                st.sampled_from(FRAMES),
                names,
                st.sampled_from(NUMBERS),
                st.sampled_from(MOMENTS),
            ),
            "ReferencedFrameOfReferenceSequence": st.sampled_from([None, []]),
            "StructureSetROISequence": st.sampled_from([None, []]),
            "ROIContourSequence": st.sampled_from([None, []]),
            "RTROIObservationsSequence": st.sampled_from([None, []]),
        },
    ),
    encoding=st.just("utf-8"),  # also where another character set is declared
    transfer_syntax=st.sampled_from([IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED]),
    undefined_length=st.booleans(),
)
"""A structure set as bytes, legal or not."""
