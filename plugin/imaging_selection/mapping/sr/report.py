"""A `Report` becomes Observations and ImagingSelections: same input, same bytes.

The content tree is walked once. A measurement report (PS3.16 TID 1500) has measurement
groups, measurements, derived measurements and evaluations; each is an Observation, and
what it was made on is an ImagingSelection. Whatever has no element in FHIR is text in
the narrative of the report's own selection, and a finding.

HL7 "DICOM SR to FHIR Resource Mapping" 1.0.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from imaging_selection.dicom.findings import finding, listed
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.fhir.xhtml import narrative_of
from imaging_selection.mapping.extensions import extension_of_finding
from imaging_selection.mapping.issued import format_moment, issued_of
from imaging_selection.mapping.object_selections import ObjectSelections, checked
from imaging_selection.mapping.selection import unsigned
from imaging_selection.mapping.sop_class import sop_class_of
from imaging_selection.mapping.sr import concepts
from imaging_selection.mapping.sr.actors import MAXIMUM_PEOPLE, actors_of, people_of
from imaging_selection.mapping.sr.concepts import key_of
from imaging_selection.mapping.sr.context import Context, context_of
from imaging_selection.mapping.sr.source_item import ORIGINAL_SOURCE
from imaging_selection.mapping.sr.tree import Tree
from imaging_selection.mapping.terminology import system_of, triplet_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.dicom.findings import Finding
    from imaging_selection.dicom.sr.content import ContentItem
    from imaging_selection.dicom.sr.report import Report
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.ids import OrthancIds
    from imaging_selection.mapping.choices import Choices, Mapped

_TEMPLATE: Final = "1500"
MAXIMUM_LINES: Final = 1000  # of content without an element, in the narrative


def is_measurement_report(report: Report) -> bool:
    """Return whether a report is of TID 1500; by its title, if it names no template."""
    template = report.root.template
    if template is not None:
        return template == _TEMPLATE
    return key_of(report.root.name) == concepts.REPORT


def map_report(report: Report, ids: OrthancIds, choices: Choices) -> Mapped:
    """Build the Observations of a report, and all that they point at.

    The selection of the report itself comes first. A report of another template has
    this one alone.

    Raises
    ------
    MappingError
        As of `checked`.
    """
    shared = ObjectSelections(report, ids, choices)
    tree = Tree(report, ids, choices, shared.subject)
    if is_measurement_report(report):
        tree.map_root()
        left_out = tuple(tree.left_out())
    else:
        left_out = ()
    findings = (*report.findings, *_findings_of(report, tree, left_out))
    elements = _elements_of(report, choices, findings, left_out)
    own = shared.build(
        identity=ids.instance,
        level="report",
        profile=None,
        findings=findings,
        elements=elements,
    )
    resources = (own, *tree.observations, *tree.sources, *tree.selections.resources)
    return checked(resources, findings)


def _findings_of(
    report: Report, tree: Tree, left_out: tuple[ContentItem, ...]
) -> Iterator[Finding]:
    """Yield what was noticed while mapping; places are content item identifiers."""
    if not is_measurement_report(report):
        text = "The report is not of TID 1500: its content is not converted"
        yield finding("other-template", text)
    for code, positions in tree.noted.items():
        places = listed(".".join(map(str, each)) for each in positions)
        yield finding(code, f"Content items: {places}")
    if tree.selections.invalid:
        places = listed(".".join(map(str, p)) for p in tree.selections.invalid)
        yield finding("invalid-coordinates", f"Content items: {places}")
    repeated = sum(count > 1 for count in tree.tracking_uids.values())
    if repeated:
        text = f"Tracking UIDs that several groups have: {repeated}"
        yield finding("duplicate-tracking-uid", text)
    codes = {
        code
        for item in report.root.walk()
        for code in (item.name, item.code, item.number.unit if item.number else None)
        if code is not None and system_of(code) is None
    }
    if codes:
        text = f"Codes of no coding scheme that FHIR could name: {len(codes)}"
        yield finding("code-without-system", text)
    people = people_of(report, context_of(report.root, Context()))
    if people > MAXIMUM_PEOPLE:
        text = f"{people} observers: each Observation has {MAXIMUM_PEOPLE} at most"
        yield finding("repetition-left-out", text)
    if left_out:
        places = listed(".".join(map(str, each.position)) for each in left_out)
        text = f"Content items that are text of the narrative alone: {places}"
        yield finding("content-left-out", text)


def _elements_of(
    report: Report,
    choices: Choices,
    findings: tuple[Finding, ...],
    left_out: tuple[ContentItem, ...],
) -> Resource:
    """Build the elements of the selection of the whole report (DCM 111040).

    It does not claim the profile source-sr-content-item, which is about one item.
    """
    context = context_of(report.root, Context())
    actors, contained = actors_of(report, context, people_of(report, context))
    performers = [*actors["performer"]]
    if "reference" in actors["device"]:
        performers.append(actors["device"])
    moments = [report.moment, report.created, report.series_moment]
    return {
        "text": _narrative(report, findings, left_out),
        "contained": contained,
        "extension": [*map(extension_of_finding, findings)],
        "identifier": [fhir.uid_identifier(report.sop_instance_uid)],
        "issued": issued_of(moments, choices.timezone),
        "performer": [{"actor": each} for each in performers],
        "code": fhir.concept(ORIGINAL_SOURCE),
        "instance": [
            fhir.without_absent(
                {
                    "uid": report.sop_instance_uid,
                    "number": unsigned(report.instance_number),
                    "sopClass": sop_class_of(report.sop_class_uid),
                }
            )
        ],
    }


def _narrative(
    report: Report, findings: tuple[Finding, ...], left_out: tuple[ContentItem, ...]
) -> Resource:
    """Describe a report, and list what has no element in FHIR."""
    title = report.root.name
    more = len(left_out) - MAXIMUM_LINES
    return narrative_of(
        (title.meaning or title.value) if title else "Structured report",
        [
            ("Date", format_moment(report.moment)),
            ("Completion", report.completion),
            ("Verification", report.verification),
            ("Preliminary", report.preliminary),
            *((f"Finding ({each.severity})", each.text) for each in findings),
            *(
                (triplet_of(each.name) if each.name else "Content", _value_of(each))
                for each in left_out[:MAXIMUM_LINES]
            ),
            ("Further content items", more if more > 0 else None),
        ],
    )


def _value_of(item: ContentItem) -> str:
    if item.code is not None:
        return triplet_of(item.code)
    if item.number is not None:
        unit = item.number.unit
        return f"{item.number.value} {(unit.meaning or unit.value) if unit else ''}"
    instances = ", ".join(each.sop_instance_uid for each in item.references)
    return item.text or item.uid or instances or item.value_type or "a reference"
