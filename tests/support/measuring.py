"""Streams of structure sets to an Orthanc that measures, and what was measured."""

import json
import time
from datetime import UTC, datetime

from imaging_selection import objects
from imaging_selection.mapping.choices import Choices
from support.builders import contour, make_rtstruct, roi
from support.durability import contents, identity_of, made_of, version_of
from support.solids import disc
from support.waiting import PATIENCE, wait_until

SECTION = {"ImagingSelection": {"Measurements": True}, "StableAge": 1}


def round_rois(number, rois=4, slices=12):
    """Build a structure set whose ROIs take some time to measure."""
    drawn = [contour(disc(3 * k, 10 + number)) for k in range(slices)]
    return make_rtstruct(
        *(roi(k, f"roi-{number}-{k}", contours=drawn) for k in range(1, rois + 1)),
        PatientID=f"patient-{number}",
        StudyInstanceUID=f"2.25.2230{number}",
        SeriesInstanceUID=f"2.25.2231{number}",
        SOPInstanceUID=f"2.25.2232{number}",
    )


def observations(client):
    """Return every Observation by id, without its version and times."""
    found = {}
    for each in client.pages("/fhir/Observation", [("_count", "200")]):
        for key in ("versionId", "lastUpdated"):
            del each["meta"][key]
        if not each["meta"]:
            del each["meta"]
        del each["issued"]
        found[each["id"]] = each
    return found


def measured_of(files):
    made = {}
    for file in files:
        measured = objects.measure(file, Choices(), None, datetime.now(UTC))
        for resource in measured.resources:
            each = json.loads(json.dumps(resource))
            del each["issued"]
            made[each["id"]] = each
    return made


def wait_until_measured(client, count, seconds=PATIENCE):
    def measured():
        status = client.status()
        found = status["measurements"]
        if found is None or found["waiting"] or status["waiting"]:
            return None
        return found["measured"] + len(found["failed"]) == count and status

    return wait_until(measured, seconds=seconds)


def _is_selection(resource):
    return resource["resourceType"] == "ImagingSelection"


def measure_through_kills(orthanc, count, every, seconds=PATIENCE):
    """Store structure sets, kill Orthanc now and then; all is measured in the end.

    Parameters
    ----------
    every
        How many are stored between two kills.
    """
    client = orthanc.client
    files = [round_rois(number) for number in range(count)]
    for number, file in enumerate(files):
        assert client.store(file).status == 200
        if number % every == 1:
            # Some are converted and not measured, one is measured at this moment.
            time.sleep(0.2 * (number % 7))
            orthanc.kill()
            orthanc.start()

    status = wait_until_measured(client, len(files), seconds)

    assert (status["failed"], status["measurements"]["failed"]) == ([], [])
    assert observations(client) == measured_of(files)
    found = contents(client)
    assert {name: each for name, each in found.items() if _is_selection(each)} == (
        made_of(files)
    )
    names = [identity_of(file) for file in files]
    assert {version_of(client, name) for name in names} == {"1"}
    return names
