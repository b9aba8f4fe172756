"""The data set of a structured report becomes a `Report` (PS3.3 2025a, A.35, C.17).

Everything is optional here, except the three UIDs of the instance, its series and its
study. What is missing or wrong becomes a finding, and costs nothing but itself.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from imaging_selection.dicom.character_sets import LATIN_1
from imaging_selection.dicom.composite import read_object
from imaging_selection.dicom.elements import ElementPlace
from imaging_selection.dicom.entities import Participant
from imaging_selection.dicom.file import sop_class_uid_of
from imaging_selection.dicom.macros import (
    parse_codes,
    parse_first_code,
    parse_participants,
    parse_reference,
)
from imaging_selection.dicom.referenced_instances import parse_referenced_instances
from imaging_selection.dicom.sr.content import ContentItem, Number, Region
from imaging_selection.dicom.sr.iod import REPORT, TYPE_2
from imaging_selection.dicom.sr.report import Report
from imaging_selection.dicom.values import TAGS
from imaging_selection.errors import UnusableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from imaging_selection.dicom.attributes import Attributes
    from imaging_selection.dicom.elements import Dataset

MAXIMUM_ITEMS: Final = 100_000  # content items; the largest real reports: thousands


def read_report(dataset: Dataset, default_encoding: str = LATIN_1) -> Report:
    """Read the data set of a structured report.

    Raises
    ------
    MalformedError, UnusableError
        As of `read_object`; or there are too many content items.
    """
    top, general = read_object(
        dataset,
        default_encoding,
        REPORT,
        type_1=("ConceptNameCodeSequence", "CompletionFlag", "VerificationFlag"),
        type_2=TYPE_2,
    )
    report = Report(
        **general,
        sop_class_uid=sop_class_uid_of(dataset),
        moment=top.moment("ContentDate", "ContentTime"),
        completion=top.text("CompletionFlag"),
        verification=top.text("VerificationFlag"),
        preliminary=top.text("PreliminaryFlag"),
        verifiers=tuple(_verifiers(top)),
        authors=(
            *parse_participants(top, "AuthorObserverSequence"),
            *parse_participants(top, "ParticipantSequence"),
        ),
        evidence=parse_referenced_instances(top, general["study_instance_uid"]),
        root=_Tree().item(top, (1,)),
    )
    return replace(report, findings=tuple(top.reading.notes.findings()))


def _verifiers(top: Attributes) -> Iterator[Participant]:
    for item in top.items("VerifyingObserverSequence"):
        yield Participant(
            name=item.name("VerifyingObserverName"),
            identification=parse_codes(
                item, "VerifyingObserverIdentificationCodeSequence"
            ),
        )


class _Tree:
    """Reads a content tree, and counts its items."""

    def __init__(self) -> None:
        self._count = 0

    def item(self, attributes: Attributes, position: tuple[int, ...]) -> ContentItem:
        """Read a content item, and those below it."""
        self._count += 1
        if self._count > MAXIMUM_ITEMS:
            raise UnusableError(f"more than {MAXIMUM_ITEMS} content items")
        target = attributes.binary("ReferencedContentItemIdentifier", "I")
        value_type = attributes.text("ValueType")
        if value_type is None and not target:
            attributes.note("missing-mandatory-attribute", "ValueType")
        parse_value = _VALUES.get(value_type or "", _parse_template)
        return ContentItem(
            position=position,
            relationship=attributes.text("RelationshipType"),
            value_type=value_type,
            name=parse_first_code(attributes, "ConceptNameCodeSequence"),
            target=target,
            observation_uid=attributes.uid("ObservationUID"),
            moment=attributes.datetime("ObservationDateTime"),
            children=tuple(self._children(attributes, position)),
            **parse_value(attributes),
        )

    def _children(
        self, attributes: Attributes, position: tuple[int, ...]
    ) -> Iterator[ContentItem]:
        place = attributes.fields.get(TAGS["ContentSequence"])
        if isinstance(place, ElementPlace):
            attributes.note("content-too-deep", "ContentSequence")
            return
        for number, child in enumerate(attributes.items("ContentSequence"), 1):
            yield self.item(child, (*position, number))


def _parse_references(attributes: Attributes) -> dict[str, Any]:
    references = []
    segments: list[int] = []
    for each in attributes.items("ReferencedSOPSequence"):
        reference = parse_reference(each)
        if reference is not None:
            references.append(reference)
            segments += each.binary("ReferencedSegmentNumber", "H")
    if not references:
        attributes.note("missing-mandatory-attribute", "ReferencedSOPSequence")
    return {"references": tuple(references), "segments": tuple(segments)}


def _parse_number(attributes: Attributes) -> Number:
    qualifier = parse_first_code(attributes, "NumericValueQualifierCodeSequence")
    for measured in attributes.items("MeasuredValueSequence"):
        floating = measured.binary("FloatingPointValue", "d")
        return Number(
            value=measured.decimal("NumericValue"),
            floating=next(filter(math.isfinite, floating), None),
            unit=parse_first_code(measured, "MeasurementUnitsCodeSequence"),
            qualifier=qualifier,
        )
    return Number(qualifier=qualifier)


def _parse_region(attributes: Attributes) -> Region:
    return Region(
        graphic_type=attributes.text("GraphicType"),
        coordinates=attributes.binary("GraphicData", "f"),
        frame_of_reference_uid=attributes.uid("ReferencedFrameOfReferenceUID"),
    )


def _parse_template(attributes: Attributes) -> dict[str, Any]:
    templates = attributes.items("ContentTemplateSequence")
    identifiers = (each.text("TemplateIdentifier") for each in templates)
    return {"template": next(identifiers, None)}


# Value type -> how to read the value (C.17.3, Table C.17.3-7); all others: CONTAINER.
_VALUES: Final[Mapping[str, Callable[[Attributes], dict[str, Any]]]] = {
    "TEXT": lambda item: {"text": item.text("TextValue")},
    "DATE": lambda item: {"text": item.text("Date")},
    "TIME": lambda item: {"text": item.text("Time")},
    "DATETIME": lambda item: {"text": item.text("DateTime")},
    "PNAME": lambda item: {"text": item.name("PersonName")},
    "UIDREF": lambda item: {"uid": item.uid("UID")},
    "CODE": lambda item: {"code": parse_first_code(item, "ConceptCodeSequence")},
    "NUM": lambda item: {"number": _parse_number(item)},
    "SCOORD": lambda item: {"region": _parse_region(item)},
    "SCOORD3D": lambda item: {"region": _parse_region(item)},
    "IMAGE": _parse_references,
    "COMPOSITE": _parse_references,
    "WAVEFORM": _parse_references,
}
