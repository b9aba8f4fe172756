"""What the selections of every kind of object have in common.

FHIR 5.0.0 ImagingSelection; HL7 "DICOM SR to FHIR Resource Mapping" 1.0.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.dicom.values import parse_integer
from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.mapping.tags import (
    approval_tag,
    finding_tag,
    is_approval_status,
    level_tag,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imaging_selection.dicom.findings import Finding
    from imaging_selection.fhir.datatypes import Resource

# The order of elements in R5's definition of the resource.
ORDER = (
    "resourceType",
    "id",
    "meta",
    "text",
    "contained",
    "extension",
    "identifier",
    "status",
    "subject",
    "issued",
    "performer",
    "basedOn",
    "category",
    "code",
    "studyUid",
    "derivedFrom",
    "endpoint",
    "seriesUid",
    "seriesNumber",
    "frameOfReferenceUid",
    "bodySite",
    "focus",
    "instance",
)


def build_selection(  # noqa: PLR0913 - what every selection has
    *,
    identity: str,
    level: str,
    profile: str | None,
    subject: Resource,
    approval_status: str | None,
    findings: Iterable[Finding],
    elements: Resource,
) -> Resource:
    """Build an ImagingSelection, its elements in the order of R5.

    Parameters
    ----------
    identity
        Its id.
    profile
        The profile of HL7's guide that it claims; None if it does not conform.
    approval_status
        Approval Status (300E,0002) of the DICOM object.
    elements
        All other elements; absent and empty ones are left out.
    """
    tags = [level_tag(level)]
    if approval_status is not None and is_approval_status(approval_status):
        tags.append(approval_tag(approval_status))
    tags += map(finding_tag, dict.fromkeys(each.code for each in findings))
    unordered = {
        "resourceType": "ImagingSelection",
        "id": identity,
        "meta": {
            "profile": [f"{canonicals.GUIDE}/{profile}"] if profile else [],
            "tag": tags,
        },
        "status": "available",
        "subject": subject,
        **elements,
    }
    return fhir.without_absent({key: unordered.get(key) for key in ORDER})


def unsigned_of(text: str) -> int | None:
    """Parse an IS, as another system gives it, as FHIR's unsignedInt; None if none.

    Examples
    --------
    >>> unsigned_of("7.0"), unsigned_of("-1"), unsigned_of("A")
    (7, None, None)
    """
    try:
        return unsigned(parse_integer(text.encode()))
    except ValueError:
        return None


def unsigned(number: int | None) -> int | None:
    """Return a number that fits FHIR's unsignedInt, else None: IS may be negative."""
    return number if number is not None and number >= 0 else None
