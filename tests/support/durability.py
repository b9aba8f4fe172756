"""Streams of structure sets to a real Orthanc, and comparison with what they become."""

import json
import random
import threading
import time
from http.client import HTTPException
from urllib.error import URLError

from imaging_selection.host.jobs import convert
from imaging_selection.mapping.choices import Choices
from imaging_selection.objects import ids_of
from support.builders import ct_image, make_rtstruct, roi
from support.reading import parse_structure_set

SENDER_SECONDS = 240  # until a sender gives up


def structure_set(number, rois=2, **overrides):
    """Build the structure set of a number, of its own patient, study and series."""
    return make_rtstruct(
        *(roi(k, f"roi-{number}-{k}") for k in range(1, rois + 1)),
        **{
            "PatientID": f"patient-{number}",
            "StudyInstanceUID": f"2.25.2130{number}",
            "SeriesInstanceUID": f"2.25.2131{number}",
            "SOPInstanceUID": f"2.25.2132{number}",
        }
        | overrides,
    )


def contents(client):
    """Return every selection by id, without its time and version."""
    found = {}
    for selection in client.pages("/fhir/ImagingSelection", [("_count", "200")]):
        for key in ("versionId", "lastUpdated"):
            del selection["meta"][key]
        assert selection["id"] not in found
        found[selection["id"]] = selection
    return found


def structure_sets(client):
    """Return the Orthanc ids of the instances whose SOP class is RT Structure Set."""
    found = set()
    for name in client.get("/instances").json:
        uid = client.get(f"/instances/{name}/metadata/SopClassUid").body
        if uid == b"1.2.840.10008.5.1.4.1.1.481.3":
            found.add(name)
    return found


def files_of(client):
    """Return the files of Orthanc's structure sets."""
    names = structure_sets(client)
    return [client.get(f"/instances/{name}/file").body for name in names]


def version_of(client, name):
    return client.get(f"/fhir/ImagingSelection/{name}").json["meta"]["versionId"]


def made_of(files):
    """Convert files; return the selections in the form of `contents`."""
    made = {}
    for file in files:
        ids = ids_of(parse_structure_set(file))
        for draft in convert(file, ids, Choices()).drafts:
            made[draft.id] = json.loads(draft.content)
    return made


def assert_follows(client):
    """Assert that each structure set of Orthanc has selections, and nothing else."""
    names = structure_sets(client)
    status = client.wait_until_up_to_date(len(names))
    found = contents(client)
    assert {name[:44] for name in found} == names
    assert names <= found.keys()
    assert status["converted"] == len(names)
    return names


class Sender(threading.Thread):
    """A thread that stores and deletes, one after the other, each until it succeeds.

    Parameters
    ----------
    clients
        Tried in turn when one does not answer.
    acts
        Pairs: ("store", file), ("delete", Orthanc id).
    """

    def __init__(self, clients, acts):
        super().__init__(daemon=True)
        self.clients = list(clients)
        self.acts = acts
        self.done = 0
        self.start()

    def run(self):
        deadline = time.monotonic() + SENDER_SECONDS
        for act, value in self.acts:
            while time.monotonic() < deadline and not self._succeeds(act, value):
                self.clients.append(self.clients.pop(0))
                time.sleep(0.05)
            self.done += 1

    def _succeeds(self, act, value):
        client = self.clients[0]
        try:
            if act == "store":
                return client.store(value).status == 200
            return client.request("DELETE", f"/instances/{value}").status in {200, 404}
        except (URLError, HTTPException, OSError):
            return False


def wait_for(senders):
    for sender in senders:
        sender.join(SENDER_SECONDS)
        assert sender.done == len(sender.acts)


def identity_of(file):
    """Return the Orthanc id of a structure set."""
    return ids_of(parse_structure_set(file)).instance


def stream(count, senders):
    """Return the acts of some senders, and the files that Orthanc keeps at the end."""
    acts = [[] for _ in range(senders)]
    kept = []
    for number in range(count):
        mine = acts[number % senders]
        mine.append(("store", ct_image(number)))
        file = structure_set(number)
        mine.append(("store", file))
        if number % 5 == 1:
            file = structure_set(number, rois=3)
            mine.append(("store", file))
        if number % 7 == 2:
            mine.append(("delete", identity_of(file)))
        else:
            kept.append(file)
    return acts, kept


def survive_kills(start_orthanc, *, kills, count, senders=3, seed=113047):
    """Stream while Orthanc is killed; return a client and the files that it keeps."""
    acts, kept = stream(count, senders)
    orthanc = start_orthanc({"OverwriteInstances": True}, name="disturbed")
    chance = random.Random(seed)  # noqa: S311 - the same moments in each run
    running = [Sender([orthanc.client], each) for each in acts]
    total = sum(map(len, acts))
    for kill in range(1, kills + 1):
        while sum(sender.done for sender in running) < total * kill // (kills + 1):
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.1))
        orthanc.kill()
        orthanc.start()
    wait_for(running)
    return orthanc.client, kept


def assert_same(client, files):
    """Assert that the selections are those of an undisturbed conversion of files."""
    names = structure_sets(client)
    assert names == set(map(identity_of, files))
    status = client.wait_until_up_to_date(len(names))
    expected = made_of(files)
    assert contents(client) == expected
    assert names <= expected.keys()
    assert status["converted"] == len(names)
    assert (status["failed"], status["problems"]) == ([], [])
