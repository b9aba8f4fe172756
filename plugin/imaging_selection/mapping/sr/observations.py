"""Measurement groups, measurements and evaluations as Observations.

HL7 "DICOM SR to FHIR Resource Mapping" 1.0.0, profiles imaging-measurement-group,
imaging-measurement, imaging-qualitative-evaluation and derived-imaging-measurement.
FHIR 5.0.0 Observation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.fhir.xhtml import narrative_of
from imaging_selection.ids import content_item_id
from imaging_selection.mapping.extensions import CONCEPT_MODIFIER
from imaging_selection.mapping.issued import format_moment, instant_of
from imaging_selection.mapping.references import based_on_of, derived_from_of
from imaging_selection.mapping.sr.actors import UNKNOWN, actors_of
from imaging_selection.mapping.sr.ranges import quantity_of_item
from imaging_selection.mapping.sr.sites import Site, elements_of
from imaging_selection.mapping.tags import level_tag
from imaging_selection.mapping.terminology import concept_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imaging_selection.dicom.entities import Code, Moment
    from imaging_selection.dicom.sr.content import ContentItem
    from imaging_selection.dicom.sr.report import Report
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.ids import OrthancIds
    from imaging_selection.mapping.choices import Choices
    from imaging_selection.mapping.sr.context import Context

# The order of elements in R5's definition of the resource.
_ORDER: Final = (
    "resourceType",
    "id",
    "meta",
    "text",
    "contained",
    "extension",
    "identifier",
    "basedOn",
    "partOf",
    "status",
    "category",
    "code",
    "subject",
    "focus",
    "effectiveDateTime",
    "issued",
    "_issued",
    "performer",
    "valueQuantity",
    "valueCodeableConcept",
    "dataAbsentReason",
    "interpretation",
    "bodySite",
    "bodyStructure",
    "method",
    "device",
    "referenceRange",
    "hasMember",
    "derivedFrom",
)
# Level -> the guide's profile, and the category that it fixes.
_KINDS: Final = {
    "measurement-group": (
        "imaging-measurement-group",
        fhir.coding(canonicals.DCM, "125007", "Measurement Group"),
    ),
    "measurement": ("imaging-measurement", None),
    "derived-measurement": (
        "derived-imaging-measurement",
        fhir.coding(canonicals.DCM, "126011", "Derived Imaging Measurements"),
    ),
    "evaluation": (
        "imaging-qualitative-evaluation",
        fhir.coding(canonicals.UMLS, "C0034375", "Qualitative Evaluations"),
    ),
}
_OBSERVATION_UID: Final = fhir.coding(
    "http://hl7.org/fhir/uv/dicom-sr/CodeSystem/dicom-identifier-type",
    "observation-uid",
    "Observation UID",
)


class Observations:
    """Builds Observations; what all of one report share is built once."""

    def __init__(
        self, report: Report, ids: OrthancIds, choices: Choices, subject: Resource
    ) -> None:
        self._report = report
        self._ids = ids
        self._choices = choices
        self._subject = subject
        own_study = report.study_instance_uid
        self._shared = {
            "resourceType": "Observation",
            "basedOn": based_on_of(report.accession, choices.accession_number_system),
            "partOf": derived_from_of(own_study, report, ids),
            "status": status_of(report),
            "subject": subject,
        }

    def reference_to(self, item: ContentItem) -> Resource:
        """Build the reference to the Observation of a content item."""
        identity = content_item_id(self._ids.instance, item.position)
        return {"reference": f"Observation/{identity}", "type": "Observation"}

    def build(  # noqa: PLR0913 - what the kinds differ in
        self,
        item: ContentItem,
        level: str,
        context: Context,
        site: Site,
        *,
        code: Code | None,
        modifiers: Iterable[ContentItem],
        elements: Resource,
        conforms: bool = True,
    ) -> Resource:
        """Build the Observation of a content item.

        Parameters
        ----------
        code
            What was observed; None: the concept of its kind.
        modifiers
            Items that change or describe the concept, and have no element.
        elements
            Values, members and what it is derived from.
        conforms
            It has what the profile demands beyond what every Observation has here.
        """
        profile, category = _KINDS[level]
        actors, contained = actors_of(self._report, context)
        at_site, structure = elements_of(site, self._subject)
        modifiers = [*modifiers]
        concept = concept_of(code) if code else _concept_of_kind(level)
        identifiers = _observation_identifiers(item) + at_site.pop("identifier", [])
        unordered: dict[str, Any] = {
            **self._shared,
            "id": content_item_id(self._ids.instance, item.position),
            "meta": {
                "profile": [f"{canonicals.GUIDE}/{profile}"] if conforms else [],
                "tag": [level_tag(level)],
            },
            "text": _narrative(item, concept, modifiers, elements, context),
            "contained": [*contained, *([structure] if structure else [])],
            "extension": [_modifier(each) for each in modifiers],
            "identifier": identifiers,
            "category": [fhir.concept(category)] if category else [],
            "code": concept,
            "focus": _focus(context),
            **self._times(context.moment or self._report.moment),
            **actors,
            **at_site,
            **elements,
        }
        return fhir.without_absent({key: unordered.get(key) for key in _ORDER})

    def _times(self, moment: Moment | None) -> Resource:
        """Build `effectiveDateTime` and `issued`, which the profiles demand.

        Without a zone there is no instant: then `issued` says that it is unknown, and
        the effective time is the date alone.
        """
        instant = instant_of(moment, self._choices.timezone) if moment else None
        if instant is not None:
            return {"effectiveDateTime": instant, "issued": instant}
        date = format_moment(moment and _date_of(moment))
        return {"effectiveDateTime": date, "_issued": UNKNOWN}


def _concept_of_kind(level: str) -> Resource:
    _, category = _KINDS[level]
    return fhir.concept(category) if category else fhir.concept(text="Measurement")


def status_of(report: Report) -> str:
    """Return the status: of the Preliminary Flag, else of the other flags (C.17.2).

    A report that nobody verified may still change; without any flag it is unknown.
    """
    by_flag = {"PRELIMINARY": "preliminary", "FINAL": "final"}
    if report.preliminary in by_flag:
        return by_flag[report.preliminary]
    if report.verification == "VERIFIED":
        return "final"
    known = report.verification == "UNVERIFIED" or report.completion == "PARTIAL"
    return "preliminary" if known else "unknown"


def _date_of(moment: Moment) -> Moment:
    return replace(moment, time=None, utc_offset=None)


def _observation_identifiers(item: ContentItem) -> list[Resource]:
    uid = item.observation_uid
    kind = fhir.concept(_OBSERVATION_UID)
    return [fhir.uid_identifier(uid, kind)] if uid else []


def _focus(context: Context) -> list[Resource]:
    """Build `focus`: what was observed, if it is not the patient."""
    code = context.subject_class
    return [{"display": code.meaning or code.value}] if code else []


def value_concept_of(item: ContentItem) -> Resource:
    """Build the concept that an item has as its value: a code, or a text alone."""
    code = item.code or (item.number.qualifier if item.number else None)
    if code is not None:
        return concept_of(code)
    return fhir.concept(text=item.text or item.uid)


def _modifier(item: ContentItem) -> Resource:
    name = concept_of(item.name) if item.name else fhir.concept(text="without a name")
    quantity = quantity_of_item(item)
    value = value_concept_of(item) or fhir.concept(text="without a value")
    return {
        "url": CONCEPT_MODIFIER,
        "extension": [
            {"url": "name", "valueCodeableConcept": name},
            {"url": "value", "valueQuantity": quantity}
            if quantity
            else {"url": "value", "valueCodeableConcept": value},
        ],
    }


def text_of_concept(concept: Resource) -> str:
    """Return what people call a concept."""
    coding: Resource = next(iter(concept.get("coding", ())), {})
    return str(concept.get("text") or coding.get("display") or coding.get("code", ""))


def text_of_quantity(quantity: Resource) -> str | None:
    """Return a quantity as people write it; None if it is empty."""
    if not quantity:
        return None
    return f"{quantity['value']} {quantity.get('unit', '')}".strip()


def _text_of_range(reference_range: Resource) -> str:
    """Return a range as people write it: from where to where, and its text."""
    low, high = (
        text_of_quantity(reference_range.get(each, {})) for each in ("low", "high")
    )
    limits = f"{low or '…'} to {high or '…'}" if low or high else None
    return "; ".join(filter(None, (limits, reference_range.get("text"))))


def _narrative(
    item: ContentItem,
    concept: Resource,
    modifiers: list[ContentItem],
    elements: Resource,
    context: Context,
) -> Resource:
    quantity = elements.get("valueQuantity", {})
    value = elements.get("valueCodeableConcept") or elements.get("dataAbsentReason")
    number = item.number
    unit = number.unit if number else None
    return narrative_of(
        text_of_concept(concept) or "Observation",
        [
            ("Value", f"{quantity['value']}" if quantity else None),
            ("Value", text_of_concept(value) if value else None),
            ("Unit", (unit.meaning or unit.value) if unit else None),
            ("Method", text_of_concept(elements.get("method", {}))),
            *(
                (
                    (each.name.meaning or each.name.value) if each.name else "Modifier",
                    text_of_quantity(quantity_of_item(each))
                    or text_of_concept(value_concept_of(each)),
                )
                for each in modifiers
            ),
            *(
                ("Normal range", _text_of_range(each))
                for each in elements.get("referenceRange", ())
            ),
            ("Observed", format_moment(context.moment)),
        ],
    )
