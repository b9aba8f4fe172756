import pytest
from imaging_selection.dicom.entities import Code
from imaging_selection.mapping.terminology import (
    SYSTEMS,
    coding_of,
    codings_of_interpreted_type,
    concept_of,
    is_laterality,
    triplet_of,
)

SCT = "http://snomed.info/sct"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param(
            Code("39607008", "SCT", "Lung"),
            {"system": SCT, "code": "39607008", "display": "Lung"},
            id="snomed-ct",
        ),
        pytest.param(
            Code("T-28000", "SRT", "Lung", version="1"),
            {"system": SCT, "code": "39607008", "display": "Lung"},
            id="snomed-rt-becomes-snomed-ct",
        ),
        pytest.param(
            Code("T-28000", "99SDM", "Lung"),
            {"system": SCT, "code": "39607008", "display": "Lung"},
            id="older-designator-of-the-same-codes",
        ),
        pytest.param(Code("T-ZZZZZ", "SRT", "Lung"), None, id="no-such-snomed-rt"),
        pytest.param(
            Code("7195", "FMA", "Lung", version="3.2"),
            {
                "system": "http://purl.org/sig/ont/fma",
                "code": "7195",
                "display": "Lung",
                "version": "3.2",
            },
            id="fma",
        ),
        pytest.param(
            Code("L1", "99ACME", "Lung", scheme_uid="1.2.3"),
            {"system": "urn:oid:1.2.3", "code": "L1", "display": "Lung"},
            id="private-with-uid",
        ),
        pytest.param(Code("L1", "99ACME", "Lung"), None, id="private"),
        pytest.param(
            Code("urn:oid:1.2.3", None, is_urn=True),
            {"system": "urn:ietf:rfc:3986", "code": "urn:oid:1.2.3"},
            id="urn",
        ),
        pytest.param(
            Code("urn:oid:1.2.3", "SCT", is_urn=True),
            {"system": "urn:ietf:rfc:3986", "code": "urn:oid:1.2.3"},
            id="urn-with-designator",
        ),
        pytest.param(Code("L1", None, "Lung"), None, id="no-designator"),
        pytest.param(Code("a:b", None, "Lung"), None, id="no-designator-nor-urn"),
        pytest.param(
            Code("L1", "99ACME", "Lung", scheme_uid="1.2.03"), None, id="uid-of-no-oid"
        ),
        pytest.param(Code("A  B", "SCT", "Lung"), None, id="no-fhir-code"),
    ],
)
def test_a_code_keeps_its_meaning_or_becomes_text(code, expected):
    assert coding_of(code) == expected


def test_without_a_system_the_coding_keeps_the_value_and_names_none():
    assert concept_of(Code("L1", "99ACME", "Lung")) == {
        "coding": [{"code": "L1", "display": "Lung"}],
        "text": "Lung",
    }
    assert concept_of(Code("L1", "99ACME")) == {
        "coding": [{"code": "L1"}],
        "text": "L1",
    }


def test_a_value_that_is_no_fhir_code_is_text():
    assert concept_of(Code("A  B", "SCT", "Lung")) == {"text": "Lung"}
    assert triplet_of(Code("A  B", "SCT", "Lung")) == "Lung (A  B, SCT)"
    assert triplet_of(Code("urn:oid:1.2", None)) == "urn:oid:1.2"


@pytest.mark.parametrize(
    ("term", "codes"),
    [
        ("PTV", ["228793007", "130041"]),
        ("CTV", ["228792002", "130041"]),
        ("GTV", ["228791009", "130041"]),
        ("TREATED_VOLUME", ["130059", "130041"]),
        ("IRRAD_VOLUME", ["228790005", "130041"]),
        ("OAR", ["130060", "130042"]),
        ("AVOIDANCE", ["130058", "130042"]),
        ("CONTROL", ["130042"]),
        ("REGISTRATION", ["130746"]),
        ("EXTERNAL", ["130047"]),
        ("BOLUS", ["228736002", "130405"]),
        ("MARKER", ["130666"]),
        ("ISOCENTER", ["130073", "130043"]),
        ("CONTRAST_AGENT", ["7140000", "105590001"]),
        ("CAVITY", ["91806002", "91723000"]),
        ("BRACHY_CHANNEL", ["130080", "130045"]),
        ("BRACHY_SRC_APP", ["130078", "130045"]),
        ("BRACHY_CHNL_SHLD", ["130079", "130045"]),
        ("BRACHY_ACCESSORY", ["130045"]),
        ("SUPPORT", ["130044"]),
        ("FIXATION", ["130044"]),
        ("DOSE_REGION", ["130748"]),
        ("DOSE_MEASUREMENT", ["260787004"]),
        ("ORGAN", []),
        ("NONE", []),
        ("VENDOR TERM", []),
    ],
)
def test_interpreted_types_have_the_codes_of_the_standard(term, codes):
    # Written out from PS3.3 C.8.8.8.3: the module itself holds keywords only.
    assert [each["code"] for each in codings_of_interpreted_type(term)] == codes


def test_laterality_is_told_from_other_modifiers():
    assert is_laterality(Code("7771000", "SCT", "Left"))
    assert is_laterality(Code("G-A100", "SRT", "Right"))
    assert not is_laterality(Code("63161005", "SCT", "Principal"))
    assert not is_laterality(Code("L", "99ACME", "Left"))
    assert not is_laterality(Code("7771000", "99ACME", "Left", scheme_uid="1.2.3"))


def test_every_system_is_a_uri():
    assert all(":" in system for system in SYSTEMS.values())
