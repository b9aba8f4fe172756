"""Bundles and OperationOutcomes: the resources that a response is made of.

FHIR R5 http.html, search.html, bundle.html, operationoutcome.html.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from imaging_selection.fhir.datatypes import Resource, dumps

if TYPE_CHECKING:
    from collections.abc import Iterable


def operation_outcome(
    issue_type: str,
    diagnostics: str,
    *,
    severity: str = "error",
    expression: str | None = None,
) -> Resource:
    """Build an OperationOutcome with one issue (R5 OperationOutcome)."""
    issue: Resource = {
        "severity": severity,
        "code": issue_type,
        "diagnostics": diagnostics,
    }
    if expression:
        issue["expression"] = [expression]
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def warning(issue_type: str, diagnostics: str) -> Resource:
    """Build an OperationOutcome for a search that succeeds all the same."""
    return operation_outcome(issue_type, diagnostics, severity="warning")


def searchset_bundle(  # noqa: PLR0913 - the parts of a searchset
    entries: Iterable[tuple[str, Resource]],
    *,
    self_link: str,
    next_link: str | None = None,
    total: int | None = None,
    included: Iterable[tuple[str, Resource]] = (),
    outcomes: Iterable[Resource] = (),
) -> Resource:
    """Build a searchset Bundle (R5 http.html, search.html).

    Parameters
    ----------
    entries
        (full URL, resource) of each match, in order.
    self_link
        The search as it was applied; mandatory (bdl-18).
    included
        (full URL, resource) of what the matches refer to.
    outcomes
        OperationOutcomes about the search, none more severe than a warning.
    """
    links = [{"relation": "self", "url": self_link}]
    if next_link:
        links.append({"relation": "next", "url": next_link})
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset"}
    if total is not None:
        bundle["total"] = total
    bundle["link"] = links
    entry = [
        *(_entry("match", *each) for each in entries),
        *(_entry("include", *each) for each in included),
        *(_entry("outcome", _urn(dumps(each).decode()), each) for each in outcomes),
    ]
    if entry:  # FHIR JSON has no empty array
        bundle["entry"] = entry
    return bundle


def _urn(name: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, name).urn


def _entry(mode: str, url: str, resource: Resource) -> Resource:
    return {"fullUrl": url, "resource": resource, "search": {"mode": mode}}


def full_url_of(resource: Resource) -> str:
    """Return a URL for a resource that no server serves: the same one each time."""
    return _urn(f"{resource['resourceType']}/{resource['id']}")


def collection_bundle(resources: Iterable[Resource]) -> Resource:
    """Build a collection Bundle, for resources that no server serves.

    Each entry needs a `fullUrl` (bdl-15).
    """
    return collection_of((full_url_of(each), each) for each in resources)


def collection_of(entries: Iterable[tuple[str, Resource]]) -> Resource:
    """Build a collection Bundle of resources, each with its full URL."""
    entry = [{"fullUrl": url, "resource": resource} for url, resource in entries]
    bundle: Resource = {"resourceType": "Bundle", "type": "collection"}
    return {**bundle, "entry": entry} if entry else bundle


def history_bundle(
    self_link: str,
    entries: list[Resource],
    *,
    next_link: str | None = None,
    total: int | None = None,
    issues: Resource | None = None,
) -> Resource:
    """Build a history (R5 http.html 3.2.0.13), with the last change first.

    Parameters
    ----------
    issues
        An OperationOutcome about all of it.
    """
    links = [{"relation": "self", "url": self_link}]
    if next_link:
        links.append({"relation": "next", "url": next_link})
    bundle: Resource = {"resourceType": "Bundle", "type": "history"}
    if total is not None:
        bundle["total"] = total
    bundle["link"] = links
    if entries:
        bundle["entry"] = entries
    return {**bundle, "issues": issues} if issues else bundle
