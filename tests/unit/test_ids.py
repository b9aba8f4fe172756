from imaging_selection.ids import (
    OrthancIds,
    instance_of,
    orthanc_ids_of,
    roi_selection_id,
    source_images_id,
)

INSTANCE = "c5591fc0-79180fbe-19192918-5f7e3b8f-073723e3"


def test_the_ids_are_those_that_an_orthanc_gives():
    # As answered by Orthanc 1.10.1 to a file with these identifiers.
    assert orthanc_ids_of(
        "patient-113047", "2.25.113047100", "2.25.113047200", "2.25.113047300"
    ) == OrthancIds(
        patient="dd7b58c0-77f4fe9c-554e579f-7f953902-80a2fa9c",
        study="0aa4dd3a-a2f221e8-53923df6-5e645dfa-0518df3e",
        series="dda0d73b-036a9ad8-ddb638d8-15376296-8d77b12c",
        instance=INSTANCE,
    )


def test_a_file_without_patient_id_has_ids_all_the_same():
    # The SHA-1 of nothing, as in Orthanc.
    assert orthanc_ids_of("", "2.25.1", "2.25.2", "2.25.3").patient == (
        "da39a3ee-5e6b4b0d-3255bfef-95601890-afd80709"
    )


def test_the_id_of_a_selection_begins_with_that_of_its_instance():
    for selection_id in (
        INSTANCE,
        roi_selection_id(INSTANCE, 7, 1),
        roi_selection_id(INSTANCE, 7, 2),
        roi_selection_id(INSTANCE, None, 1),
        source_images_id(INSTANCE, 1),
    ):
        assert instance_of(selection_id) == INSTANCE


def test_the_ids_of_selections_differ():
    ids = [
        INSTANCE,
        *(roi_selection_id(INSTANCE, 7, ordinal) for ordinal in (1, 2)),
        *(roi_selection_id(INSTANCE, None, ordinal) for ordinal in (1, 2)),
        *(source_images_id(INSTANCE, number) for number in (1, 2)),
    ]
    assert len(set(ids)) == len(ids)
