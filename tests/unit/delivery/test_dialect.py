from imaging_selection.delivery.dialect import dialect_of
from imaging_selection.delivery.target import parse_targets

SELECTION = {"resourceType": "ImagingSelection", "id": "a", "status": "available"}


def target_of(version):
    settings = {"Name": "clinic", "Url": "https://x/r4", "FhirVersion": version}
    return parse_targets([settings])[0]


def test_r5_stays_as_it_is():
    assert dialect_of(target_of("5.0"))(SELECTION) == [SELECTION]


def test_an_r4_server_gets_r4():
    (made,) = dialect_of(target_of("4.0"))(SELECTION)
    assert (made["resourceType"], made["id"]) == ("Basic", "a")
