import pytest
from imaging_selection.dicom.entities import (
    Algorithm,
    Code,
    Equipment,
    Moment,
    Participant,
    SopReference,
)
from imaging_selection.dicom.rtstruct import rois
from imaging_selection.dicom.rtstruct.structure_set import (
    MAXIMUM_SHARING,
    DefinitionSource,
    Observation,
    PhysicalProperty,
    RelatedRoi,
)
from imaging_selection.errors import UnusableError
from support.builders import (
    BIG_ENDIAN,
    FRAME,
    algorithm,
    code,
    contour,
    device,
    make_rtstruct,
    observation,
    person,
    reference,
    roi,
)
from support.reading import found, parse, parse_structure_set, texts


def test_a_roi_has_all_that_its_item_says():
    structure_set = parse(
        roi(
            7,
            "Larynx",
            ROIDescription="description",
            ROIVolume="12.50",
            ROIGenerationAlgorithm="AUTOMATIC",
            ROIGenerationDescription="generated",
            ROIDateTime="20210304",
            ConceptualVolumeIdentificationSequence={"ConceptualVolumeUID": "2.25.3"},
            RTProtocolCodeSequence=code("P1", "99A", "protocol"),
            DefinitionSourceSequence=[
                reference("2.25.4", ReferencedSegmentNumber=[3, 258]),
                {"ReferencedSegmentNumber": 1},
            ],
        )
    )
    (only,) = structure_set.rois
    assert (only.number, only.ordinal, only.name) == (7, 1, "Larynx")
    assert only.frame_of_reference_uid == FRAME
    assert (only.description, only.volume) == ("description", "12.50")
    assert (only.generation_algorithm, only.generation_description) == (
        "AUTOMATIC",
        "generated",
    )
    assert only.moment == Moment("20210304", None, None)
    assert only.conceptual_volume_uid == "2.25.3"
    assert only.protocols == (Code("P1", "99A", "protocol"),)
    assert only.definition_sources == (
        DefinitionSource(SopReference("1.2.840.10008.5.1.4.1.1.2", "2.25.4"), (3, 258)),
    )
    assert found(structure_set) == {("missing-mandatory-attribute", 7)}


def test_binary_numbers_have_the_byte_order_of_the_file():
    source = reference("2.25.4", ReferencedSegmentNumber=258)
    (only,) = parse(
        roi(7, DefinitionSourceSequence=source), transfer_syntax=BIG_ENDIAN
    ).rois
    assert only.definition_sources[0].segments == (258,)


def test_rois_keep_the_order_of_the_file():
    assert [each.number for each in parse(roi(9, "a"), roi(2, "b")).rois] == [9, 2]


def test_an_algorithm_is_identified():
    structure_set = parse(
        roi(
            ROIDerivationAlgorithmIdentificationSequence=algorithm(
                "auto-113047",
                AlgorithmNameCodeSequence=code("a", "99A", "b"),
                AlgorithmParameters="k=1",
                AlgorithmSource="maker",
            ),
            DerivationCodeSequence=code("113085", "DCM", "Spatial resampling"),
        )
    )
    (only,) = structure_set.rois
    assert only.algorithms == (
        Algorithm(
            "auto-113047",
            "1.13047",
            Code("123109", "DCM", "Manual Processing"),
            Code("a", "99A", "b"),
            "k=1",
            "maker",
        ),
    )
    assert only.derivations == (Code("113085", "DCM", "Spatial resampling"),)


def test_creators_are_persons_or_devices():
    role = code("121081", "DCM", "Physician")
    structure_set = parse(
        roi(
            ROICreatorSequence=[
                person("Doe^Jane", OrganizationalRoleCodeSequence=role),
                device("maker", "model"),
            ]
        )
    )
    jane, machine = structure_set.rois[0].creators
    assert jane == Participant(
        name="Doe^Jane",
        identification=(Code("id-113047", "99STAFF", "meaning-113047"),),
        organizational_role=Code("121081", "DCM", "Physician"),
    )
    assert machine == Participant(
        is_device=True, equipment=Equipment("maker", "model", "2.25.113047700")
    )


@pytest.mark.parametrize(
    ("written", "number"),
    [(" 7 ", 7), ("+7", 7), ("007", 7), ("-3", -3), ("0", 0), (b"7\0", 7)],
)
def test_a_roi_number_is_an_integer_however_it_is_written(written, number):
    (only,) = parse(roi(written)).rois
    assert only.number == number
    assert len(only.contours) == len(only.observations) == 1


@pytest.mark.parametrize(
    "written", ["7.0", "7.", "+7", "007", "7.000", b"\t7 ", "70e-1", b" 7.0 \0 "]
)
def test_another_notation_of_a_roi_number_is_read_and_told(written):
    structure_set = parse(roi(written))
    (only,) = structure_set.rois
    assert only.number == 7
    assert len(only.contours) == len(only.observations) == 1
    assert found(structure_set) == {("invalid-number", 7)}
    assert texts(structure_set, "invalid-number") == [
        "Number invalid or written unusually: ReferencedROINumber (2 times), ROINumber"
    ]


@pytest.mark.parametrize("numbers", [("7", "7.0", "+7"), ("7.0", "07", "7")])
def test_what_refers_to_a_roi_is_joined_by_the_value_of_its_number(numbers):
    own, of_contours, of_observation = numbers
    structure_set = parse(
        roi(
            own,
            contour_item={"ReferencedROINumber": of_contours},
            observations=[observation(ReferencedROINumber=of_observation)],
        )
    )
    (only,) = structure_set.rois
    assert len(only.contours) == len(only.observations) == 1
    assert found(structure_set) == {("invalid-number", 7)}


@pytest.mark.parametrize(
    "written", ["", "seven", "7.5", "A", "99999999999", ["1", "2"]]
)
def test_a_roi_without_a_usable_number_is_kept_and_nothing_is_joined_to_it(written):
    structure_set = parse(roi(written, "Larynx"))
    (only,) = structure_set.rois
    assert (only.number, only.name) == (None, "Larynx")
    assert (only.contours, only.observations) == ((), ())
    assert found(structure_set) - {("invalid-number", None)} == {
        ("invalid-roi-number", None),
        ("orphan-contours", None),
        ("orphan-observation", None),
    }


def test_rois_of_one_number_are_told_apart_by_their_ordinal():
    structure_set = parse(roi(1, "a"), roi(2, "b"), roi(1, "c"))
    assert [(each.number, each.ordinal) for each in structure_set.rois] == [
        (1, 1),
        (2, 1),
        (1, 2),
    ]
    assert texts(structure_set, "duplicate-roi-number") == [
        "2 ROIs have the ROI Number 1"
    ]


def test_rois_of_one_number_share_what_refers_to_it():
    first, second = parse(roi(1, "a"), roi(1, "b")).rois
    assert first.contours == second.contours
    assert len(first.contours) == len(first.observations) == 2


def test_so_many_rois_of_one_number_share_it_and_no_more():
    structure_set = parse(*(roi(7, f"Roi {k}") for k in range(MAXIMUM_SHARING + 2)))
    assert [len(each.observations) for each in structure_set.rois] == [
        *[MAXIMUM_SHARING + 2] * MAXIMUM_SHARING,
        *[0, 0],
    ]
    (told,) = texts(structure_set, "duplicate-roi-number")
    assert f"only the first {MAXIMUM_SHARING}" in told


def test_rois_of_one_name_are_all_kept_and_told_without_the_name():
    structure_set = parse(roi(1, "Larynx"), roi(2, "Larynx"), roi(3, "b"))
    assert [each.name for each in structure_set.rois] == ["Larynx", "Larynx", "b"]
    assert found(structure_set) == {
        ("duplicate-roi-name", 1),
        ("duplicate-roi-name", 2),
    }
    assert texts(structure_set, "duplicate-roi-name")[0] == (
        "2 ROIs have one ROI Name: 1, 2"
    )


def test_rois_without_a_name_do_not_share_one():
    assert parse(roi(1, ""), roi(2, "")).findings == ()


def test_contours_and_observations_are_joined_by_number_and_not_by_position():
    parts = [roi(k, f"roi {k}", observations=[observation(f"T{k}")]) for k in (1, 2, 3)]
    sequences = {
        key: [part[key][0] for part in parts]
        for key in ("ROIContourSequence", "RTROIObservationsSequence")
    }
    structure_set = parse(
        *parts, **{key: items[::-1] for key, items in sequences.items()}
    )
    joined = [
        (
            each.number,
            each.contours[0].roi_number,
            each.observations[0].interpreted_type,
        )
        for each in structure_set.rois
    ]
    assert joined == [(1, 1, "T1"), (2, 2, "T2"), (3, 3, "T3")]


@pytest.mark.parametrize("contours", [None, []], ids=["no-item", "empty-sequence"])
def test_a_roi_without_contours_is_kept_and_told(contours):
    structure_set = parse(roi(7, contours=contours))
    assert structure_set.rois[0].number == 7
    assert found(structure_set) == {("roi-without-contours", 7)}


def test_a_contour_sequence_that_is_missing_in_its_item_is_no_contours():
    structure_set = parse(roi(7, contour_item={"ContourSequence": None}))
    assert found(structure_set) == {("roi-without-contours", 7)}


def test_what_refers_to_no_roi_is_kept_and_told():
    structure_set = parse(roi(1), roi(8, declared=False), roi(9, declared=False))
    assert [each.roi_number for each in structure_set.contours] == [1, 8, 9]
    assert [each.roi_number for each in structure_set.observations] == [1, 8, 9]
    assert texts(structure_set, "orphan-contours") == [
        "2 items of ROIContourSequence name no ROI of this set: 8, 9"
    ]
    assert texts(structure_set, "orphan-observation") == [
        "2 items of RTROIObservationsSequence name no ROI of this set: 8, 9"
    ]


@pytest.mark.parametrize(
    "keyword",
    ["StructureSetROISequence", "ROIContourSequence", "RTROIObservationsSequence"],
)
@pytest.mark.parametrize("value", [None, []], ids=["absent", "empty"])
def test_each_of_the_main_sequences_may_be_absent_or_empty(keyword, value):
    structure_set = parse(roi(7), **{keyword: value})
    expected = {
        "StructureSetROISequence": {
            ("no-roi", None),
            ("orphan-contours", None),
            ("orphan-observation", None),
        },
        "ROIContourSequence": {("roi-without-contours", 7)},
        "RTROIObservationsSequence": set(),
    }
    assert found(structure_set) == expected[keyword]


def test_exclusive_or_and_unknown_types_are_told_of_the_roi():
    contours = [contour(geometric_type="CLOSEDPLANAR_XOR"), contour()]
    structure_set = parse(
        roi(7, "a", contours=contours),
        roi(8, "b", contours=[contour(geometric_type="CIRCLE")]),
    )
    assert found(structure_set) == {
        ("xor-contours", 7),
        ("unknown-geometric-type", 8),
    }


def test_an_observation_has_all_that_its_item_says():
    left = code("7771000", "SCT", "Left")
    structure_set = parse(
        roi(
            7,
            observations=[
                observation(
                    "PTV",
                    ObservationNumber=5,
                    ROIObservationLabel="label",
                    ROIObservationDescription="description",
                    ROIInterpreter="Doe^Jane",
                    ROIInterpreterSequence=person("Roe^John"),
                    ROIObservationDateTime="2021030405",
                    RTROIIdentificationCodeSequence=code(
                        "1", "99A", "b", SegmentedPropertyTypeModifierCodeSequence=left
                    ),
                    AnatomicRegionSequence=code(
                        "2", "SCT", "c", AnatomicRegionModifierSequence=left
                    ),
                    PrimaryAnatomicStructureSequence=code(
                        "3", "SCT", "d", PrimaryAnatomicStructureModifierSequence=left
                    ),
                    SegmentedPropertyCategoryCodeSequence=code("4", "SCT", "e"),
                    TherapeuticRoleCategoryCodeSequence=code("5", "DCM", "f"),
                    TherapeuticRoleTypeCodeSequence=code("6", "SCT", "g"),
                    MaterialID="water",
                    ROIObservationContextCodeSequence=code("7", "DCM", "h"),
                    RTRelatedROISequence={
                        "ReferencedROINumber": 3,
                        "RTROIRelationship": "ENCLOSED",
                    },
                    ROIPhysicalPropertiesSequence={
                        "ROIPhysicalProperty": "REL_MASS_DENSITY",
                        "ROIPhysicalPropertyValue": "1.0",
                        "ROIElementalCompositionSequence": [
                            {
                                "ROIElementalCompositionAtomicNumber": 8,
                                "ROIElementalCompositionAtomicMassFraction": 0.25,
                            },
                            {"ROIElementalCompositionAtomicMassFraction": b"xx"},
                        ],
                    },
                )
            ],
        )
    )
    modifiers = (Code("7771000", "SCT", "Left"),)
    assert structure_set.rois[0].observations == (
        Observation(
            roi_number=7,
            number=5,
            label="label",
            description="description",
            interpreted_type="PTV",
            interpreter=Participant(name="Doe^Jane"),
            interpreters=(
                Participant(
                    name="Roe^John",
                    identification=(Code("id-113047", "99STAFF", "meaning-113047"),),
                ),
            ),
            identification=(Code("1", "99A", "b", modifiers=modifiers),),
            anatomic_regions=(Code("2", "SCT", "c", modifiers=modifiers),),
            primary_structures=(Code("3", "SCT", "d", modifiers=modifiers),),
            property_categories=(Code("4", "SCT", "e"),),
            therapeutic_role_categories=(Code("5", "DCM", "f"),),
            therapeutic_role_types=(Code("6", "SCT", "g"),),
            contexts=(Code("7", "DCM", "h"),),
            related_rois=(RelatedRoi(3, "ENCLOSED"),),
            material_id="water",
            physical_properties=(
                PhysicalProperty("REL_MASS_DENSITY", "1.0", ((8, 0.25), (None, None))),
            ),
            moment=Moment("20210304", "05", None),
        ),
    )


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_roi_has_any_number_of_observations(count):
    observations = [observation(f"T{k}") for k in range(count)]
    (only,) = parse(roi(7, observations=observations)).rois
    assert [each.interpreted_type for each in only.observations] == [
        f"T{k}" for k in range(count)
    ]


def test_observation_numbers_that_repeat_are_told_once():
    structure_set = parse(
        *(
            roi(k, f"{k}", observations=[observation(ObservationNumber=0)])
            for k in (1, 2)
        )
    )
    assert texts(structure_set, "duplicate-observation-number") == [
        "Observation Numbers that repeat: 0"
    ]


def test_the_whole_set_may_have_an_anatomic_region():
    structure_set = parse(roi(), AnatomicRegionSequence=code("1", "SCT", "Head"))
    assert structure_set.anatomic_regions == (Code("1", "SCT", "Head"),)


def test_more_rois_than_any_site_draws_are_refused_before_each_is_read(monkeypatch):
    monkeypatch.setattr(rois, "MAXIMUM_ROIS", 2)
    assert len(parse_structure_set(make_rtstruct(roi(1), roi(2))).rois) == 2
    with pytest.raises(UnusableError, match="3 ROIs, which is more than 2"):
        parse_structure_set(make_rtstruct(roi(1), roi(2), roi(3)))
