from imaging_selection.dicom.rtstruct.reader import parse_structure_set
from imaging_selection.ids import OrthancIds, orthanc_ids_of
from support.builders import make_rtstruct, roi


def test_the_ids_are_those_that_an_orthanc_gives():
    # As answered by Orthanc 1.10.1 to this very file.
    assert orthanc_ids_of(parse_structure_set(make_rtstruct(roi()))) == OrthancIds(
        patient="dd7b58c0-77f4fe9c-554e579f-7f953902-80a2fa9c",
        study="0aa4dd3a-a2f221e8-53923df6-5e645dfa-0518df3e",
        series="dda0d73b-036a9ad8-ddb638d8-15376296-8d77b12c",
        instance="c5591fc0-79180fbe-19192918-5f7e3b8f-073723e3",
    )


def test_a_file_without_patient_id_has_ids_all_the_same():
    structure_set = parse_structure_set(make_rtstruct(roi(), PatientID=""))
    # The SHA-1 of nothing, as in Orthanc.
    assert orthanc_ids_of(structure_set).patient == (
        "da39a3ee-5e6b4b0d-3255bfef-95601890-afd80709"
    )
