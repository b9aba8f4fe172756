"""What is asked of a target: a transaction, and a search by identifier.

FHIR R5 http.html, alike in R4.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from imaging_selection.delivery.exchange import require_answer
from imaging_selection.errors import NotYetError, TargetError, TargetRefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imaging_selection.delivery.exchange import Answer, Exchange
    from imaging_selection.delivery.login import Login
    from imaging_selection.delivery.transaction import Entry
    from imaging_selection.fhir.datatypes import Resource

FHIR_JSON = "application/fhir+json"
MAXIMUM_TEXT = 500  # characters of what a target says about a refusal
_RESERVED = re.compile(r"[\\,$|]")  # R5 search.html 3.2.1.5.7
_ABOUT_ADDRESS = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}


class FhirClient:
    """Asks one target.

    Parameters
    ----------
    url
        The base URL of its FHIR API.
    """

    def __init__(self, url: str, exchange: Exchange, login: Login) -> None:
        self._url = url
        self._exchange = exchange
        self._login = login

    def transact(self, entries: Sequence[Entry]) -> None:
        """Have the target do all, or nothing.

        Raises
        ------
        TargetRefusedError
            It refuses.
        TargetError
            It does not answer, or not as a FHIR server: it may have done all.
        """
        body = b",".join(each.json(self._url) for each in entries)
        bundle = b'{"resourceType":"Bundle","type":"transaction","entry":[%b]}' % body
        content = self._post("", bundle, FHIR_JSON).json
        statuses = [_status_of(each) for each in _entries_of(content)]
        if content.get("type") != "transaction-response" or not _are_done(
            entries, statuses
        ):
            raise TargetError(
                "the target does not answer a transaction as FHIR says", is_down=False
            )

    def search(self, resource_type: str, system: str, value: str) -> list[Resource]:
        """Return what has an identifier.

        By POST: the URL of a GET stands in logs.

        Raises
        ------
        NotYetError
            There is more than one page.
        TargetRefusedError, TargetError
            As `transact`.
        """
        token = "|".join(_RESERVED.sub(r"\\\g<0>", each) for each in (system, value))
        body = urlencode({"identifier": token}).encode()
        form = "application/x-www-form-urlencoded"
        content = self._post(f"/{resource_type}/_search", body, form).json
        if content.get("type") != "searchset":
            raise TargetError(
                "the target does not answer a search as FHIR says", is_down=False
            )
        entries = _entries_of(content)
        if _has_more(content, len(entries)):
            raise NotYetError(
                f"the target answers with more than one page of {resource_type}"
            )
        found = (each.get("resource") for each in entries if isinstance(each, dict))
        return [
            each
            for each in found
            if isinstance(each, dict) and each.get("resourceType") == resource_type
        ]

    def _post(self, path: str, body: bytes, content_type: str) -> Answer:
        answer = self._send(path, body, content_type)
        if answer.status == HTTPStatus.UNAUTHORIZED and self._login.forget():
            answer = self._send(path, body, content_type)
        require_answer(answer)
        if answer.status < HTTPStatus.BAD_REQUEST:
            return answer
        text = text_of(answer)
        if answer.status in _ABOUT_ADDRESS and not text:
            raise TargetError(
                f"the target answers with status {answer.status}: is Url the base of"
                " a FHIR API?"
            )
        raise TargetRefusedError(f"{answer.status}: {text}", answer.status)

    def _send(self, path: str, body: bytes, content_type: str) -> Answer:
        headers = {
            "content_type": content_type,
            "accept": FHIR_JSON,
            "prefer": "return=minimal",
            "cache_control": "no-cache",  # of a search, the last answer may be old
            # HAPI keeps tags and profiles that an update does not have, but for this.
            "x_meta_snapshot_mode": "TAG,PROFILE,SECURITY_LABEL",
        }
        if login := self._login.header():
            headers["authorization"] = login
        return self._exchange.send("POST", self._url + path, body, **headers)


def text_of(answer: Answer) -> str:
    """Return what the OperationOutcome of an answer says; empty if there is none."""
    try:
        content = answer.json
    except TargetError:
        return ""
    issues = content.get("issue")
    if content.get("resourceType") != "OperationOutcome" or not isinstance(
        issues, list
    ):
        return ""
    text = "; ".join(filter(None, map(_text_of, issues)))
    printable = "".join(each if each.isprintable() else " " for each in text)
    return printable[:MAXIMUM_TEXT] or "no reason is given"


def _text_of(issue: Any) -> str:
    if not isinstance(issue, dict):
        return ""
    details = issue.get("details")
    texts = (
        issue.get("diagnostics"),
        details.get("text") if isinstance(details, dict) else None,
        issue.get("code"),
    )
    return next((each for each in texts if isinstance(each, str)), "")


def _entries_of(content: Resource) -> list[Any]:
    entries = content.get("entry", [])
    is_bundle = content.get("resourceType") == "Bundle"
    return entries if is_bundle and isinstance(entries, list) else []


def _has_more(content: Resource, count: int) -> bool:
    """Return whether a searchset has another page."""
    links, total = content.get("link"), content.get("total")
    is_next = any(
        isinstance(each, dict) and each.get("relation") == "next"
        for each in (links if isinstance(links, list) else ())
    )
    return is_next or (isinstance(total, int) and total > count)


def _status_of(entry: Any) -> int:
    """Return the status of an entry of a response; 0 if it has none."""
    response = entry.get("response") if isinstance(entry, dict) else None
    status = response.get("status") if isinstance(response, dict) else None
    found = re.match("[1-5][0-9]{2}", status) if isinstance(status, str) else None
    return int(found[0]) if found else 0


def _are_done(entries: Sequence[Entry], statuses: Sequence[int]) -> bool:
    if len(entries) != len(statuses):
        return False
    return all(
        HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
        or (entry.content is None and status in _GONE)
        for entry, status in zip(entries, statuses, strict=True)
    )
