import json

import pytest
from imaging_selection.delivery.exchange import Answer
from imaging_selection.delivery.fhir_client import MAXIMUM_TEXT, FhirClient, text_of
from imaging_selection.delivery.login import Login
from imaging_selection.delivery.target import parse_targets
from imaging_selection.delivery.transaction import Entry
from imaging_selection.errors import NotYetError, TargetError, TargetRefusedError

PUT = Entry("Observation/a", b'{"resourceType":"Observation","id":"a"}')
DELETE = Entry("Observation/b")


@pytest.fixture
def client(target, new_exchange):
    (settings,) = parse_targets([{"Name": "clinic", "Url": target.url}])
    exchange = new_exchange()
    return FhirClient(settings.url, exchange, Login(settings, exchange))


@pytest.fixture
def say(target):
    """Has the target answer something."""

    def answer(content, status=200):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        target.behave = lambda handler, *_: handler.send(status, body) or True

    return answer


def response(*statuses):
    entries = [{"response": {"status": each}} for each in statuses]
    return {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}


def test_a_transaction_puts_and_deletes(client, target):
    client.transact([PUT])
    client.transact([DELETE])

    assert target.resources == {
        "Observation/a": {"resourceType": "Observation", "id": "a"}
    }
    ((_, path, headers, body), _) = target.requests
    assert path == "/fhir"
    assert headers["content-type"] == "application/fhir+json"
    assert "authorization" not in headers
    assert json.loads(body)["type"] == "transaction"


@pytest.mark.parametrize(
    "statuses",
    [("200 OK", "204"), ("201 Created", "404"), ("200", "410 Gone"), ("200", "200")],
)
def test_what_was_gone_already_is_deleted(client, say, statuses):
    say(response(*statuses))

    client.transact([PUT, DELETE])


@pytest.mark.parametrize(
    "content",
    [
        response("200"),
        response("200", "204", "204"),
        response("404", "204"),
        response("200", "500"),
        response("", "204"),
        response(200, 204),
        {**response("200", "204"), "type": "searchset"},
        {**response("200", "204"), "resourceType": "Parameters"},
        {**response(), "entry": "x"},
        {**response(), "entry": [1, None]},
        {**response(), "entry": [{"response": "200"}, {"response": None}]},
        {},
        b"",
        b"null",
    ],
)
def test_an_answer_that_is_no_response_to_it_says_nothing(client, say, content):
    say(content)

    with pytest.raises(TargetError) as error:
        client.transact([PUT, DELETE])
    assert not error.value.is_down


def searchset(*resources, **more):
    entries = [{"resource": each} for each in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries, **more}


PATIENT = {"resourceType": "Patient", "id": "a"}


def test_a_search_is_a_post_with_an_escaped_token(client, target, say):
    say(searchset(PATIENT, {"resourceType": "OperationOutcome"}, None, 7))

    found = client.search("Patient", "urn:a", "x|y,z$\\ &")

    assert found == [PATIENT]
    ((method, path, _, body),) = target.requests
    assert (method, path) == ("POST", "/fhir/Patient/_search")
    assert body == b"identifier=urn%3Aa%7Cx%5C%7Cy%5C%2Cz%5C%24%5C%5C+%26"


def test_a_search_that_finds_nothing_has_no_entries(client, say):
    say({"resourceType": "Bundle", "type": "searchset", "total": 0})

    assert client.search("Patient", "urn:a", "x") == []


@pytest.mark.parametrize(
    "more",
    [
        {"link": [{"relation": "next", "url": "x"}]},
        {"total": 2},
    ],
)
def test_of_more_than_one_page_none_is_taken(client, say, more):
    say(searchset(PATIENT, **more))

    with pytest.raises(NotYetError, match="more than one page"):
        client.search("Patient", "urn:a", "x")


@pytest.mark.parametrize(
    "content", [b"", {}, response("200"), {"resourceType": "Patient"}, []]
)
def test_an_answer_that_is_no_searchset_says_nothing(client, say, content):
    say(content)

    with pytest.raises(TargetError):
        client.search("Patient", "urn:a", "x")


def outcome(*issues):
    return {"resourceType": "OperationOutcome", "issue": list(issues)}


@pytest.mark.parametrize("status", [400, 404, 409, 412, 413, 422])
def test_a_refusal_has_the_words_of_the_target(client, say, status):
    say(outcome({"diagnostics": "no"}, {"details": {"text": "never"}}), status)

    with pytest.raises(TargetRefusedError) as error:
        client.transact([PUT])
    assert (str(error.value), error.value.status) == (f"{status}: no; never", status)


@pytest.mark.parametrize("status", [404, 405])
def test_what_is_no_fhir_server_is_not_blamed_on_what_was_sent(client, say, status):
    say(b"<html>", status)

    with pytest.raises(TargetError, match="is Url the base") as error:
        client.transact([PUT])
    assert error.value.is_down


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (outcome({"diagnostics": "a\u202e\x00\nb"}), "a   b"),
        (outcome({"diagnostics": "x" * 10_000}), "x" * MAXIMUM_TEXT),
        (outcome({"code": "invalid"}), "invalid"),
        (outcome({"diagnostics": 7, "details": 8, "code": None}), "no reason is given"),
        (outcome(), "no reason is given"),
        (outcome(None, "x", 7), "no reason is given"),
        ({"resourceType": "OperationOutcome", "issue": "x"}, ""),
        ({"resourceType": "Patient", "issue": []}, ""),
        ([], ""),
    ],
)
def test_the_text_of_an_outcome_is_short_and_printable(content, text):
    assert text_of(Answer(400, {}, json.dumps(content).encode())) == text
