"""A selection with its contours: `imageRegion3D` spliced into the JSON of the resource.

The coordinates never become numbers and never stand in memory as a whole: what comes
out are chunks of JSON, each made when its turn comes. So what is noticed about the
coordinates is known last, and `meta`, `extension` and `contained`, which tell of it,
are written last; the order of members means nothing in JSON.

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

CHUNK = 1 << 18  # bytes; about what is made in a millisecond

#: The extension that points at the contained OperationOutcome; the API serves it.
CONTOUR_FINDINGS = f"{canonicals.OWN}/StructureDefinition/contour-findings"

_LAST = ("meta", "contained", "extension")
_EMPTY = b'"imageRegion3D":[]'  # cannot stand in a JSON string: its quotes would not


def with_contours(selection: Resource, file: bytes) -> Iterator[bytes]:
    """Write a selection as JSON, with the contours of its ROIs in file order.

    Parameters
    ----------
    selection
        Of a structure set or a ROI. Its `subset` names the ROIs; contours of no ROI
        are in neither, which the finding `orphan-contours` tells.
    file
        The structure set that it was made from.

    Returns
    -------
    iterator of bytes
        Chunks of about `CHUNK` bytes, but for a contour that is larger. It does not
        raise: what can be wrong with the file has been met before it is returned.

    Raises
    ------
    WithoutContoursError
        The selection is one of source images.
    DicomError
        The file cannot be followed to its contours.
    """
    if level_tag("source-images") in _tags(selection):
        raise WithoutContoursError(
            "a selection of source images has no contours; those of the structure set"
            " and of its ROIs have"
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
    if contours:
        with suppress(WithoutContoursError):
            return with_contours(resource, file)
    return (fhir.dumps(resource),)


def _tags(selection: Resource) -> list[Resource]:
    tags: list[Resource] = selection["meta"].get("tag", [])
    return tags


def _splice(selection: Resource, regions: list[Regions]) -> Iterator[bytes]:
    """Write the parts of the JSON, to be joined by nothing."""
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
    """Write the regions, ROI by ROI; what is known of a ROI goes as the text grows."""
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
    """Tag a selection with what was noticed, and add the sentences.

    They stand in a contained OperationOutcome: a tag holds a code alone. What is
    contained must be referred to (dom-3), hence the extension.
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
