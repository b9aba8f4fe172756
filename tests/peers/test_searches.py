"""The same searches asked of the plugin and of a HAPI FHIR JPA server.

HAPI is filled with everything that a real Orthanc with the plugin serves. Every
difference has its reason in `differences`.
"""

from dataclasses import dataclass

import pytest
from peers.answers import ask, put_all
from peers.differences import DIFFERENCES
from peers.searches import SEARCHES, STORED, values_of
from support.client import Client
from support.synthetic_reports import CASES as REPORTS
from support.synthetic_segmentations import CASES as SEGMENTATIONS
from support.waiting import wait_until

# Orthanc itself ends when it is sent one of these.
TOO_DEEP = {"a_thousand_levels", "a_thousand_levels_of_undefined_length"}
ZONE = {"ImagingSelection": {"Timezone": "Europe/Berlin"}}


@dataclass(frozen=True)
class Servers:
    """Two servers with the same content."""

    ours: Client
    peer: Client
    values: dict


def other_objects():
    """Reports and segmentations, each with a SOP Instance UID of its own."""
    for number, (name, make) in enumerate({**REPORTS, **SEGMENTATIONS}.items()):
        if name not in TOO_DEEP:
            own = f"2.25.91304{number:04}".encode()
            file = make().replace(b"2.25.113047320", own)
            yield file.replace(b"2.25.113047310", own)


def everything_of(client):
    return {
        kind: sorted(
            client.pages(f"/fhir/{kind}", [("_count", "500")]),
            key=lambda each: each["id"],
        )
        for kind in STORED
    }


def fill(ours, files):
    """Store files; return everything that is served, by type."""
    for file in files:
        ours.store(file)
    ours.wait_until_up_to_date()
    referred = {"Patient", "ImagingStudy"}

    def is_complete():
        every = everything_of(ours)
        known = {f"{kind}/{e['id']}" for kind in referred for e in every[kind]}
        subjects = {e["subject"]["reference"] for e in every["ImagingSelection"]}
        return subjects <= known and every

    return wait_until(is_complete)


@pytest.fixture(scope="module")
def servers(corpus, start_orthanc_for_module, start_hapi):
    ours = start_orthanc_for_module(ZONE).client
    files = [path.read_bytes() for path in corpus.values()]
    every = fill(ours, [*files, *other_objects()])
    parameters = [*ours.pages("/fhir/SearchParameter")]
    with start_hapi("R5") as peer:
        put_all(peer, parameters)
        own = "/fhir/ImagingSelection?roi-name=a&category=b"
        wait_until(lambda: peer.get(own).status == 200)
        order = ("Patient", "ImagingStudy", "ImagingSelection", "Observation")
        put_all(peer, [each for kind in order for each in every[kind]])
        yield Servers(ours, peer, values_of(every))


def test_every_listed_difference_is_asked():
    assert DIFFERENCES.keys() <= {*SEARCHES}
    assert len(SEARCHES) > 300


@pytest.mark.parametrize("search", SEARCHES)
def test_both_find_the_same_or_the_reason_is_known(servers, search):
    ours = ask(servers.ours, search, servers.values)
    theirs = ask(servers.peer, search, servers.values)

    reason = DIFFERENCES.get(search)
    if reason is None:
        assert ours == theirs, f"{ours} and {theirs} of the peer"
    else:
        assert ours != theirs, f"no longer different: {reason}"
