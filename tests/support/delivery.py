"""A real Orthanc that delivers to a FHIR server by others, and what both hold."""

import json
import random
import time
from contextlib import ExitStack
from xml.etree.ElementTree import canonicalize

from support.durability import Sender
from support.orthanc import free_port
from support.waiting import wait_until

TYPES = ("Patient", "ImagingStudy", "ImagingSelection", "Observation")
NAME = "hapi-113047"
SECONDS = 600  # until everything is delivered


class Hapi:
    """A server that can be restarted with its data.

    Parameters
    ----------
    start
        The fixture `start_hapi`.
    """

    def __init__(self, start, version, folder):
        self._start = start
        self._version = version
        self._options = {"port": free_port(), "folder": folder}
        self._running = ExitStack()
        self.begin()

    def begin(self):
        server = self._start(self._version, **self._options)
        self.client = self._running.enter_context(server)

    def end(self):
        self._running.close()

    @property
    def url(self):
        return f"{self.client.url}/fhir"


def target_of(url, **keys):
    """Return the settings of a target that gets everything that it needs."""
    return {
        "Name": NAME,
        "Url": url,
        "OnUnknownPatient": "create",
        "OnUnknownStudy": "create",
        **keys,
    }


def delivering(url, **keys):
    """Return the configuration of an Orthanc that delivers to a server."""
    section = {"Deliver": [target_of(url, **keys)]}
    return {"OverwriteInstances": True, "ImagingSelection": section}


def delivery_of(client):
    (status,) = wait_until(lambda: client.status().get("deliveries"))
    return status


def resend(client, **options):
    path = f"/imaging-selection/deliveries/{NAME}/resend"
    headers = {"Content-Type": "application/json"}
    answer = client.request("POST", path, json.dumps(options).encode(), headers)
    assert answer.status == 200, answer.body


def wait_until_delivered(client, count=None):
    """Wait until the target has everything; return the status of the delivery."""
    client.wait_until_up_to_date(count)
    poked = time.monotonic()

    def done():
        nonlocal poked
        status = delivery_of(client)
        if time.monotonic() > poked + 10:  # no test waits for a long delay
            poked = time.monotonic()
            resend(client)
        is_all = count in {None, status["delivered"]}
        return is_all and not status["waiting"] and status

    return wait_until(done, seconds=SECONDS, poll=0.1)


def held_by(client, root="/fhir", types=TYPES):
    """Return what a server holds by type and id, without what is its own.

    Tags have no order, and HAPI writes narratives in its own way. A reference to a
    selection that is not there is one by identifier, as a target must have it.
    """
    found = {}
    for kind in types:
        for resource in client.pages(f"{root}/{kind}", [("_count", "200")]):
            meta = resource.get("meta", {})
            for key in ("versionId", "lastUpdated", "source"):
                meta.pop(key, None)
            if "tag" in meta:
                meta["tag"].sort(key=json.dumps)
            if not meta:
                resource.pop("meta", None)
            if "text" in resource:
                resource["text"]["div"] = canonicalize(resource["text"]["div"])
            found[f"{kind}/{resource['id']}"] = resource
    return {name: _without_dangling(each, found) for name, each in found.items()}


def _without_dangling(value, found):
    if isinstance(value, list):
        return [_without_dangling(each, found) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _without_dangling(each, found) for key, each in value.items()}
    reference = str(kept.get("reference"))
    is_selection = reference.startswith("ImagingSelection/")
    if is_selection and reference not in found and "identifier" in kept:
        del kept["reference"]
    return kept


def disturbed(orthanc, hapi, files, *, kills, restarts):
    """Store files while Orthanc is killed and the target restarted."""
    chance = random.Random(113047)  # noqa: S311 - the same moments in each run
    sender = Sender([orthanc.client], [("store", each) for each in files])
    disturbances = [orthanc] * kills + [hapi] * restarts
    chance.shuffle(disturbances)
    for number, disturbed_one in enumerate(disturbances, 1):
        share = len(files) * number // (len(disturbances) + 1)
        wait_until(lambda share=share: sender.done >= share, poll=0.001)
        time.sleep(chance.uniform(0, 0.5))
        if disturbed_one is orthanc:
            orthanc.kill()
            orthanc.start()
        else:
            hapi.end()
            hapi.begin()
    sender.join(300)
    assert sender.done == len(files)
