"""Clients that ask for much and read nothing keep nobody else waiting."""

import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from bench.inputs import structure_set as structure_set_of
from support.builders import make_rtstruct, roi

READERS = 12  # more than the answers with contours that are sent at a time


@pytest.fixture(scope="module")
def stored(start_orthanc_for_module):
    client = start_orthanc_for_module().client
    large = client.store(structure_set_of(contours=4000)).json["ID"]
    small = client.store(make_rtstruct(roi(1), SOPInstanceUID="2.25.1130471")).json
    client.wait_until_up_to_date()
    return client, large, small["ID"]


def ask(client, path):
    """Send a request on a connection whose answer nobody reads."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    address = urlsplit(client.url)
    connection.connect((address.hostname, address.port))
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()
    )
    return connection


def test_who_reads_nothing_keeps_nobody_waiting(stored):
    client, large, small = stored
    path = f"/fhir/ImagingSelection/{large}/$contours"
    with ExitStack() as connections:
        for _ in range(READERS):
            connections.enter_context(ask(client, path))
        # Each would wait for ever, and the test end with the limit of the client.
        for answered in (
            "/imaging-selection/status",
            "/fhir/metadata",
            f"/fhir/ImagingSelection/{small}",
            f"/instances/{small}/imaging-selection",
            f"/fhir/ImagingSelection?_id={small}",
            "/system",
        ):
            assert client.get(answered).status == 200
        client.store(make_rtstruct(roi(1), SOPInstanceUID="2.25.1130472"))
        client.wait_until_up_to_date()
    answer = client.get(path)
    assert answer.status == 200
    assert len(answer.json["instance"][0]["imageRegion3D"]) == 4000


def test_who_hangs_up_in_the_middle_ends_only_the_own_answer(stored):
    client, large, _ = stored
    path = f"/fhir/ImagingSelection/{large}/$contours"
    for _ in range(READERS):
        ask(client, path).close()
    assert client.get(path).status == 200
    assert client.get("/imaging-selection/status").status == 200
