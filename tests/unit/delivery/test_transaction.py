import json

from imaging_selection.delivery.transaction import Entry, entry_of, parsed, revision_of

URL = "https://fhir.example"


def test_an_entry_puts_or_deletes_by_id():
    put = entry_of({"resourceType": "Observation", "id": "a", "x": 1})

    assert json.loads(put.json(URL)) == {
        "fullUrl": "https://fhir.example/Observation/a",
        "resource": {"resourceType": "Observation", "id": "a", "x": 1},
        "request": {"method": "PUT", "url": "Observation/a"},
    }
    assert json.loads(Entry("Observation/a").json(URL)) == {
        "request": {"method": "DELETE", "url": "Observation/a"}
    }


def test_decimals_keep_their_digits_and_the_version_stays_here():
    stored = (
        b'{"resourceType":"Observation","id":"a","meta":{"versionId":"3",'
        b'"lastUpdated":"2021-03-04T05:06:07.000Z","tag":[]},"value":1.500}'
    )

    assert entry_of(parsed(stored)).content == (
        b'{"resourceType":"Observation","id":"a","meta":{"tag":[]},"value":1.500}'
    )
    bare = b'{"resourceType":"A","id":"a","meta":{"versionId":"3"}}'
    assert parsed(bare) == {"resourceType": "A", "id": "a"}


def test_a_revision_is_of_the_content_and_the_settings_in_any_order():
    one, two = Entry("A/1", b"x"), Entry("A/2", b"y")
    revision = revision_of("s", [one, two])

    assert revision == revision_of("s", [two, one])
    others = [[one], [one, Entry("A/2", b"z")], [one, Entry("B/2", b"y")], []]
    assert revision not in [revision_of("s", each) for each in others]
    assert revision != revision_of("t", [one, two])
