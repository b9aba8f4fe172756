"""Streams of objects of all kinds to a real Orthanc, and what they become there."""

import json
import random
import threading
import time
from http.client import HTTPException
from urllib.error import URLError

from imaging_selection.host.jobs import convert
from imaging_selection.mapping.choices import Choices
from imaging_selection.objects import ids_of
from support.builders import (
    RT_STRUCTURE_SET_STORAGE,
    SEGMENTATION_STORAGE,
    ct_image,
    make_rtstruct,
    make_seg,
    make_sr,
    reference,
    roi,
    segment,
)
from support.builders import number as number_item
from support.reading import parse_structure_set
from support.synthetic_reports import (
    MM,
    VOLUME,
    group,
    in_space,
    measurements,
    segment_of,
)

# SOP Classes that are converted, by PS3.6 Annex A.
CONVERTIBLE = {
    *("1.2.840.10008.5.1.4.1.1.481.3", "1.2.840.10008.5.1.4.1.1.66.4"),
    *("1.2.840.10008.5.1.4.1.1.66.7", "1.2.840.10008.5.1.4.1.1.88.22"),
    *("1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.88.34"),
    "1.2.840.10008.5.1.4.1.1.88.35",
}
SENDER_SECONDS = 240  # until a sender gives up


def structure_set(number, rois=2, **overrides):
    """Build the structure set of a number, of its own patient, study and series.

    ROI 1 was made from segment 1 of the segmentation of that number.
    """
    source = reference(f"2.25.2134{number}", SEGMENTATION_STORAGE)
    segments = {"DefinitionSourceSequence": source | {"ReferencedSegmentNumber": 1}}
    return make_rtstruct(
        roi(1, f"roi-{number}-1", **segments),
        *(roi(k, f"roi-{number}-{k}") for k in range(2, rois + 1)),
        **{
            "ReferencedSeriesSequence": {
                "SeriesInstanceUID": f"2.25.2133{number}",
                "ReferencedInstanceSequence": source,
            },
            "PatientID": f"patient-{number}",
            "StudyInstanceUID": f"2.25.2130{number}",
            "SeriesInstanceUID": f"2.25.2131{number}",
            "SOPInstanceUID": f"2.25.2132{number}",
        }
        | overrides,
    )


def segmentation(number, rois=2, **overrides):
    """Build the segmentation of a number, of the patient of that structure set."""
    return make_seg(
        *(segment(k, f"segment-{number}-{k}") for k in range(1, rois + 1)),
        **{
            "PatientID": f"patient-{number}",
            "StudyInstanceUID": f"2.25.2130{number}",
            "SeriesInstanceUID": f"2.25.2133{number}",
            "SOPInstanceUID": f"2.25.2134{number}",
        }
        | overrides,
    )


def report(number, rois=2, **overrides):
    """Build the report of a number, on ROI and segment 2 of that patient."""
    structures, segments = f"2.25.2132{number}", f"2.25.2134{number}"
    evidence = {
        f"2.25.2130{number}": {
            f"2.25.2131{number}": [reference(structures, RT_STRUCTURE_SET_STORAGE)],
            f"2.25.2133{number}": [reference(segments, SEGMENTATION_STORAGE)],
        }
    }
    regions = (in_space("2", structures), segment_of(2, uid=segments))
    return make_sr(
        measurements(
            *(
                group(region, *(number_item(f"{k}.0", MM, VOLUME) for k in range(rois)))
                for region in regions
            )
        ),
        evidence=evidence,
        **{
            "PatientID": f"patient-{number}",
            "StudyInstanceUID": f"2.25.2130{number}",
            "SeriesInstanceUID": f"2.25.2135{number}",
            "SOPInstanceUID": f"2.25.2136{number}",
        }
        | overrides,
    )


KINDS = (structure_set, segmentation, report)


def any_object(number, rois=2, **overrides):
    """Build one kind of object after the other; each three are of one patient."""
    return KINDS[number % 3](number // 3, rois, **overrides)


def contents(client):
    """Return every resource that a file became, without its time and version.

    By its id and type: the ids begin with Orthanc's id of the file.
    """
    found = {}
    for kind in ("ImagingSelection", "Observation"):
        for resource in client.pages(f"/fhir/{kind}", [("_count", "200")]):
            for key in ("versionId", "lastUpdated"):
                del resource["meta"][key]
            name = _name_of(resource)
            assert name not in found
            found[name] = resource
    return found


def _name_of(resource):
    return f"{resource['id']} {resource['resourceType']}"


def _wholes(names):
    return {f"{name} ImagingSelection" for name in names}


def convertible_ids(client):
    """Return the Orthanc ids of the instances whose SOP class is converted."""
    found = set()
    for name in client.get("/instances").json:
        uid = client.get(f"/instances/{name}/metadata/SopClassUid").body
        if uid.decode() in CONVERTIBLE:
            found.add(name)
    return found


def files_of(client):
    """Return the files of Orthanc's objects."""
    names = convertible_ids(client)
    return [client.get(f"/instances/{name}/file").body for name in names]


def version_of(client, name):
    return client.get(f"/fhir/ImagingSelection/{name}").json["meta"]["versionId"]


def made_of(files):
    """Convert files; return the resources in the form of `contents`."""
    made = {}
    for file in files:
        ids = ids_of(parse_structure_set(file))
        for draft in convert(file, ids, Choices()).drafts:
            resource = json.loads(draft.content)
            made[_name_of(resource)] = resource
    return made


def assert_follows(client):
    """Assert that each object of Orthanc has selections, and nothing else."""
    names = convertible_ids(client)
    status = client.wait_until_up_to_date(len(names))
    found = contents(client)
    assert {name[:44] for name in found} == names
    assert _wholes(names) <= found.keys()
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
    """Return the Orthanc id of an object."""
    return ids_of(parse_structure_set(file)).instance


def stream(count, senders):
    """Return the acts of some senders, and the files that Orthanc keeps at the end."""
    acts = [[] for _ in range(senders)]
    kept = []
    for number in range(count):
        mine = acts[number % senders]
        mine.append(("store", ct_image(number)))
        file = any_object(number)
        mine.append(("store", file))
        if number % 5 == 1:
            file = any_object(number, rois=3)
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


def assert_targets(client, found, names):
    """Assert that references lead to what is there, and to nothing that is gone."""
    targets = {
        each.get("reference", "")
        for resource in found.values()
        for element in ("derivedFrom", "hasMember", "focus")
        for each in resource.get(element, ())
    }
    for target in targets:
        kind, _, identity = target.partition("/")
        if kind not in {"ImagingSelection", "Observation"}:
            continue
        if identity[:44] in names:
            assert f"{identity} {kind}" in found
        else:  # deleted, or never stored
            assert client.get(f"/fhir/{target}").status in {404, 410}


def assert_same(client, files):
    """Assert that the resources are those of an undisturbed conversion of files."""
    names = convertible_ids(client)
    assert names == set(map(identity_of, files))
    status = client.wait_until_up_to_date(len(names))
    expected = made_of(files)
    found = contents(client)
    assert found == expected
    assert _wholes(names) <= expected.keys()
    assert_targets(client, found, names)
    assert status["converted"] == len(names)
    assert (status["failed"], status["problems"]) == ([], [])
