"""A selection with its contours: `imageRegion3D` is inserted into its JSON text.

The coordinates never become numbers, and are never in memory as a whole: the result is
an iterator of chunks of JSON. Findings about coordinates are known at the end, so
`meta`, `extension` and `contained`, which carry them, are written last. The order of
members has no meaning in JSON.

FHIR 5.0.0, ImagingSelection.instance.imageRegion3D; json.html.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from imaging_selection.dicom.file import open_dataset
from imaging_selection.dicom.findings import Severity
from imaging_selection.dicom.rtstruct.contours import (
    parse_contours,
    parse_contours_of_roi,
)
from imaging_selection.errors import WithoutContoursError
from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.mapping.rtstruct.image_region_3d import Regions
from imaging_selection.mapping.tags import finding_tag, level_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imaging_selection.dicom.findings import Finding
    from imaging_selection.fhir.datatypes import Resource

CHUNK = 1 << 18  # bytes; made in about a millisecond

#: The extension that refers to the contained OperationOutcome; the API serves it.
CONTOUR_FINDINGS = f"{canonicals.OWN}/StructureDefinition/contour-findings"

_LAST = ("meta", "contained", "extension")
_WITH_CONTOURS = (level_tag("structure-set"), level_tag("roi"))
_EMPTY = b'"imageRegion3D":[]'  # not in a JSON string: quotes are escaped there


def with_contours(selection: Resource, file: bytes) -> Iterator[bytes]:
    """Write a selection as JSON, with the contours of its ROIs in file order.

    Parameters
    ----------
    selection
        Of a structure set or a ROI. Its `subset` has the numbers of the ROIs. Contours
        of no ROI are in neither; they have the finding `orphan-contours`.
    file
        The structure set that it was made from.

    Returns
    -------
    iterator of bytes
        Chunks of about `CHUNK` bytes, or of one contour if that is larger. Iterating
        does not raise: the file is checked before the iterator is returned.

    Raises
    ------
    WithoutContoursError
        The selection is neither of a structure set nor of a ROI.
    DicomError
        The file cannot be followed to its contours.
    """
    if not any(tag in _tags(selection) for tag in _WITH_CONTOURS):
        raise WithoutContoursError(
            "only the selections of a structure set and of its ROIs have contours"
        )
    dataset = open_dataset(file)
    wanted = {int(number) for number in selection["instance"][0].get("subset", ())}
    drawn = (
        parse_contours_of_roi(dataset, *wanted)
        if len(wanted) == 1
        else parse_contours(dataset)
    )
    regions = [Regions(dataset, roi) for roi in drawn if roi.roi_number in wanted]
    return _chunks(_splice(selection, regions))


def json_of(resource: Resource, file: bytes, *, contours: bool) -> Iterable[bytes]:
    """Write a resource as JSON, in parts; with its contours, if it has any."""
    if contours and resource["resourceType"] == "ImagingSelection":
        with suppress(WithoutContoursError):
            return with_contours(resource, file)
    return (fhir.dumps(resource),)


def _tags(selection: Resource) -> list[Resource]:
    tags: list[Resource] = selection["meta"].get("tag", [])
    return tags


def _splice(selection: Resource, regions: list[Regions]) -> Iterator[bytes]:
    """Yield the parts of the JSON, to be joined without a separator."""
    first = {key: each for key, each in selection.items() if key not in _LAST}
    [instance] = selection["instance"]
    findings: list[Finding] = []
    every = _written(regions, findings)
    region = next(every, None)
    if region is None:
        first["instance"] = [instance]
        yield fhir.dumps(first)[:-1]
    else:
        first["instance"] = [instance | {"imageRegion3D": []}]
        head, mark, tail = fhir.dumps(first).partition(_EMPTY)
        yield head + mark[:-1] + region
        for region in every:
            yield b","
            yield region
        yield b"]" + tail[:-1]
    yield b"," + fhir.dumps(_last_of(selection, findings))[1:]


def _written(regions: list[Regions], findings: list[Finding]) -> Iterator[bytes]:
    """Yield the regions, ROI by ROI; a ROI is released once it is written."""
    while regions:
        each = regions.pop(0)
        yield from each
        findings += each.findings()


def _chunks(parts: Iterable[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size >= CHUNK:
            yield b"".join(waiting)
            waiting.clear()
            size = 0
    yield b"".join(waiting)


def _last_of(selection: Resource, findings: list[Finding]) -> Resource:
    """Add the findings: their codes as tags, their sentences as an OperationOutcome.

    It is contained, and the extension refers to it, as every contained resource must be
    referred to (dom-3).
    """
    last = {key: selection[key] for key in _LAST if key in selection}
    if not findings:
        return last
    known = _tags(selection)
    codes = dict.fromkeys(each.code for each in findings)
    tags = [finding_tag(code) for code in codes]
    last["meta"] = selection["meta"] | {
        "tag": [*known, *(tag for tag in tags if tag not in known)]
    }
    outcome = {
        "resourceType": "OperationOutcome",
        "id": "contour-findings",
        "issue": [_issue_of(each) for each in findings],
    }
    last["contained"] = [*selection.get("contained", ()), outcome]
    pointer = {
        "url": CONTOUR_FINDINGS,
        "valueReference": {
            "reference": "#contour-findings",
            "type": "OperationOutcome",
        },
    }
    last["extension"] = [*selection.get("extension", ()), pointer]
    return last


def _issue_of(finding: Finding) -> Resource:
    left_out = finding.severity is Severity.ERROR
    return {
        "severity": finding.severity.value,
        "code": "incomplete" if left_out else "informational",
        "details": {
            "coding": [finding_tag(finding.code)],
            "text": f"ROI {finding.roi_number}: {finding.text}",
        },
        "expression": ["ImagingSelection.instance.imageRegion3D"],
    }
