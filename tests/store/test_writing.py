"""How a version gets into the JSON of a resource."""

import json

import pytest
from imaging_selection.search.extract import Indexed
from imaging_selection.store.draft import Draft


@pytest.mark.parametrize(
    "content",
    [
        {"resourceType": "Patient", "id": "a", "gender": "other"},
        {"resourceType": "Patient", "id": "a", "meta": {}, "gender": "other"},
        {"resourceType": "Patient", "id": "a", "meta": {"tag": [{"code": "x"}]}},
        {"resourceType": "Patient", "id": "a", "contained": [{"meta": {"tag": []}}]},
        {"resourceType": "Patient", "contained": [{"meta": {}}], "text": {"x": "\n"}},
    ],
)
def test_a_version_is_in_the_meta_of_the_resource_itself(content):
    compact = json.dumps(content, separators=(",", ":")).encode()
    draft = Draft("Patient", "a", compact, Indexed())

    versioned = json.loads(draft.versioned(3, "2026-01-02T03:04:05Z"))

    meta = versioned.pop("meta")
    assert (meta.pop("versionId"), meta.pop("lastUpdated")) == (
        "3",
        "2026-01-02T03:04:05Z",
    )
    assert meta == content.pop("meta", {})
    assert versioned == content
