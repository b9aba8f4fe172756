from importlib.util import find_spec

import pytest
from imaging_selection.delivery.dialect import dialect_of
from imaging_selection.delivery.target import parse_targets
from imaging_selection.errors import ConfigError

SELECTION = {"resourceType": "ImagingSelection", "id": "a", "status": "available"}


def target_of(version):
    settings = {"Name": "clinic", "Url": "https://x/r4", "FhirVersion": version}
    return parse_targets([settings])[0]


def test_r5_stays_as_it_is():
    assert dialect_of(target_of("5.0"))(SELECTION) == [SELECTION]


def test_r4_is_converted_where_this_plugin_can():
    if find_spec("imaging_selection.fhir.r4"):
        (made,) = dialect_of(target_of("4.0"))(SELECTION)
        assert (made["resourceType"], made["id"]) == ("Basic", "a")
        return
    with pytest.raises(ConfigError, match=r'Deliver has FhirVersion "4\.0"'):
        dialect_of(target_of("4.0"))
