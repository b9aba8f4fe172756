"""An incremental reader: `_history` with `_since`, while Orthanc changes."""

import random
import threading

import pytest
from support.builders import make_rtstruct, roi
from support.waiting import wait_until

KINDS = ("ImagingSelection", "Observation", "Patient", "ImagingStudy")
EVER = "1970-01-01T00:00:00Z"


def structure_set(number, rois):
    """A structure set; with other ROIs it has the same UIDs, and overwrites."""
    return make_rtstruct(
        *(roi(each, f"ROI-{each}-of-{rois}") for each in range(1, rois + 1)),
        PatientID=f"sync-{number % 5}",
        PatientName=f"Name^{rois}",
        StudyInstanceUID=f"2.25.81{number:03}",
        SeriesInstanceUID=f"2.25.82{number:03}",
        SOPInstanceUID=f"2.25.83{number:03}",
    )


class Reader:
    """Keeps a copy by the history alone, as the documentation says."""

    def __init__(self, client):
        self._client = client
        self._since = EVER
        self.copy = {}
        self.deletions = 0

    def follow(self):
        pairs = [("_since", self._since), ("_count", "7")]
        answer, following = self._client.get("/fhir/_history", pairs), None
        self._since = answer.json["meta"]["lastUpdated"]
        changes = []
        while following is not answer:
            assert answer.status == 200, answer.body
            changes += answer.json.get("entry", ())
            links = {each["relation"]: each["url"] for each in answer.json["link"]}
            following = answer
            if "next" in links:
                answer = self._client.get(links["next"].removeprefix(self._client.url))
        for each in reversed(changes):  # what changed last stands
            name = each["request"]["url"]
            if each["request"]["method"] == "DELETE":
                self.deletions += self.copy.pop(name, None) is not None
            else:
                self.copy[name] = each["resource"]


def content_of(client):
    return {
        f"{kind}/{each['id']}": each
        for kind in KINDS
        for each in client.pages(f"/fhir/{kind}", [("_count", "500")])
    }


@pytest.fixture
def client(start_orthanc):
    return start_orthanc({"OverwriteInstances": True}).client


def test_a_reader_ends_with_the_content_of_the_store(client):
    chance = random.Random(113047)  # noqa: S311 - the same changes each time
    reader = Reader(client)
    done = threading.Event()
    stored = {}

    def change():
        for step in range(60):
            number = chance.randrange(12)
            if number in stored and chance.random() < 0.4:
                client.request("DELETE", f"/instances/{stored.pop(number)}")
            else:
                file = structure_set(number, 1 + step % 4)
                stored[number] = client.store(file).json["ID"]
        done.set()

    changing = threading.Thread(target=change)
    changing.start()
    while not done.is_set():
        reader.follow()
    changing.join()
    client.wait_until_up_to_date()

    def is_the_same():
        reader.follow()
        return reader.copy == content_of(client)

    wait_until(is_the_same, poll=0.2)
    assert len(reader.copy) > 20
    before = reader.deletions
    for each in [*stored.values()][1:]:
        client.request("DELETE", f"/instances/{each}")
    client.wait_until_up_to_date()
    wait_until(is_the_same, poll=0.2)
    assert reader.deletions > before + len(stored) - 1
    assert reader.copy
