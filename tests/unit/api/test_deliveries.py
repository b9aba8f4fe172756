import json

import pytest

INSTANCE = "-".join(["0113047a"] * 5)


def resend(served, body=b"", name="clinic-113047", **headers):
    path = f"/imaging-selection/deliveries/{name}/resend"
    headers = {"content-type": "application/json"} | headers
    return served.get(path, "POST", body, **headers)


@pytest.mark.parametrize(
    ("body", "force", "instance"),
    [
        (b"", False, None),
        (b"{}", False, None),
        (b'{"force": true}', True, None),
        (json.dumps({"instance": INSTANCE}).encode(), False, INSTANCE),
    ],
)
def test_a_delivery_is_asked_for(served, body, force, instance):
    answer = resend(served, body)

    assert (answer.status, answer.content_type) == (200, "application/json")
    assert served.orthanc.resent == [("clinic-113047", force, instance)]


@pytest.mark.parametrize(
    "body",
    [
        *(b"x", b"[]", b"1", b'{"force": 1}', b'{"Force": true}', b"\xff"),
        b'{"": {}}',
    ],
)
def test_what_cannot_be_understood_is_refused(served, body):
    answer = resend(served, body)

    assert (answer.status, answer.issue["code"]) == (400, "invalid")
    assert answer.issue["expression"] == ["http.body"]
    assert served.orthanc.resent == []


@pytest.mark.parametrize("instance", ["", "x", 7, {}, INSTANCE + "-1"])
def test_an_instance_is_named_by_orthancs_id(served, instance):
    answer = resend(served, json.dumps({"instance": instance}).encode())

    assert answer.status == 404
    assert served.orthanc.resent == []


def test_an_unknown_target_is_not_found(served):
    assert resend(served, name="other").status == 404


def test_only_a_post_has_an_effect(served):
    path = "/imaging-selection/deliveries/clinic-113047/resend"
    answer = served.get(path)

    assert answer.status == 405
    assert served.orthanc.resent == []


def test_a_page_of_another_origin_delivers_nothing(served):
    assert resend(served, sec_fetch_site="cross-site").status == 403
    assert resend(served, **{"content-type": "text/plain"}).status == 415
    assert served.orthanc.resent == []
