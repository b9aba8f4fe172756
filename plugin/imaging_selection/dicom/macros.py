"""The macros that several modules share (DICOM PS3.3 2025a, 8 and 10).

Each function takes the attributes of one item, or those that hold the sequence.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from imaging_selection.dicom.attributes import Attributes, Reading
from imaging_selection.dicom.entities import (
    Algorithm,
    Code,
    Equipment,
    Participant,
    SopReference,
)
from imaging_selection.dicom.values import TAGS

if TYPE_CHECKING:
    from imaging_selection.dicom.elements import Fields

_INSTANCE: Final = TAGS["ReferencedSOPInstanceUID"]
_CLASS: Final = TAGS["ReferencedSOPClassUID"]
_FRAMES: Final = TAGS["ReferencedFrameNumber"]


def parse_codes(
    holder: Attributes, keyword: str, modifier_keyword: str = ""
) -> tuple[Code, ...]:
    """Read a code sequence (8.8), each item with the codes of its modifier sequence."""
    codes = (_parse_code(item, modifier_keyword) for item in holder.items(keyword))
    return tuple(code for code in codes if code is not None)


def parse_first_code(holder: Attributes, keyword: str) -> Code | None:
    """Read a code sequence that has one item at most."""
    return next(iter(parse_codes(holder, keyword)), None)


def _parse_code(item: Attributes, modifier_keyword: str) -> Code | None:
    urn = item.text("URNCodeValue")
    other = item.text("CodeValue") or item.text("LongCodeValue")
    value = other or urn
    if value is None:
        item.note("missing-mandatory-attribute", "CodeValue")
        return None
    designator = item.text("CodingSchemeDesignator")
    is_urn = other is None
    if designator is None and not is_urn:
        item.note("missing-mandatory-attribute", "CodingSchemeDesignator")
    return Code(
        value=value,
        designator=designator,
        meaning=item.text("CodeMeaning"),
        version=item.text("CodingSchemeVersion"),
        scheme_uid=item.uid("CodingSchemeUID")
        or item.reading.scheme_uids.get(designator or ""),
        modifiers=parse_codes(item, modifier_keyword) if modifier_keyword else (),
        is_urn=is_urn,
    )


def parse_anatomic_regions(holder: Attributes) -> tuple[Code, ...]:
    """Read Anatomic Region Sequence (10.5), each with its modifiers."""
    return parse_codes(
        holder, "AnatomicRegionSequence", "AnatomicRegionModifierSequence"
    )


def parse_primary_structures(holder: Attributes) -> tuple[Code, ...]:
    """Read Primary Anatomic Structure Sequence (10.5), each with its modifiers."""
    return parse_codes(
        holder,
        "PrimaryAnatomicStructureSequence",
        "PrimaryAnatomicStructureModifierSequence",
    )


def parse_references(holder: Attributes, keyword: str) -> tuple[SopReference, ...]:
    """Read a sequence of references to SOP Instances (10.8, 10.3).

    One that names no instance refers to nothing, and is left out.
    """
    references = []
    for fields in holder.made(keyword):
        reference, faults = read_reference(holder.reading, fields)
        for fault in faults:
            holder.note(*fault)
        if reference is not None:
            references.append(reference)
    return tuple(references)


def parse_reference(item: Attributes) -> SopReference | None:
    """Read a reference to a SOP Instance; None where it names none."""
    reference, faults = read_reference(item.reading, item.fields)
    for fault in faults:
        item.note(*fault)
    return reference


# A reference, and what is wrong with it: codes of findings and keywords.
_ReadReference = tuple[SopReference | None, tuple[tuple[str, str], ...]]


def read_reference(reading: Reading, fields: Fields) -> _ReadReference:
    """Read a reference to a SOP Instance, without a note of what is wrong with it.

    References with equal bytes share the object: a structure set names each image in
    its list of images, and again in its contours.

    Returns
    -------
    reference
        None where it names no instance.
    faults
        Codes of findings, and the keywords that they are about.
    """
    places: list[Any] = [*fields.values()]
    try:
        # From the header of the first value, which has 8 or 12 bytes, to the last
        # value: equal bytes are the same reference.
        key = reading.data[places[0].start - 12 : places[-1].stop]
    except (AttributeError, IndexError):  # unreadable, or nothing at all
        return _read_reference(reading, fields)
    known: _ReadReference | None = reading.references.get(key)
    if known is None:
        known = reading.references[key] = _read_reference(reading, fields)
    return known


def _read_reference(reading: Reading, fields: Fields) -> _ReadReference:
    uid, fault = reading.uid_at(fields.get(_INSTANCE))
    if uid is None:
        code = fault or "missing-mandatory-attribute"
        return None, ((code, "ReferencedSOPInstanceUID"),)
    faults = [(fault, "ReferencedSOPInstanceUID")] if fault else []
    sop_class_uid, fault = reading.uid_at(fields.get(_CLASS))
    if fault:
        faults.append((fault, "ReferencedSOPClassUID"))
    frames: tuple[int, ...] = ()
    if _FRAMES in fields:
        item = Attributes(Reading(reading.data), fields)
        frames = item.integers("ReferencedFrameNumber")
        faults += ((code, keyword) for code, _, keyword in item.reading.notes.counts)
    return SopReference(sop_class_uid, uid, frames), tuple(faults)


def parse_issuer(holder: Attributes, keyword: str) -> tuple[str | None, str | None]:
    """Read who issued an identifier: the local name, and the OID or URI.

    The HL7v2 Hierarchic Designator (10.14) has other types of universal entity, such
    as DNS names. FHIR has no system for those, so they are used as names.
    """
    for item in holder.items(keyword):
        local = item.text("LocalNamespaceEntityID")
        universal = item.text("UniversalEntityID")
        if item.text("UniversalEntityIDType") in {"ISO", "URI"}:
            return local, universal
        return local or universal, None
    return None, None


def parse_equipment(item: Attributes) -> Equipment:
    """Read General Equipment (C.7.5.1), or the device of an observer item."""
    return Equipment(
        manufacturer=item.text("Manufacturer"),
        model_name=item.text("ManufacturerModelName"),
        device_uid=item.uid("DeviceUID"),
        serial_number=item.text("DeviceSerialNumber"),
        software_versions=tuple(item.texts("SoftwareVersions")),
        station_name=item.text("StationName"),
        institution_name=item.text("InstitutionName"),
        udis=tuple(
            udi
            for each in item.items("UDISequence")
            if (udi := each.text("UniqueDeviceIdentifier")) is not None
        ),
    )


def parse_participants(holder: Attributes, keyword: str) -> tuple[Participant, ...]:
    """Read a sequence of identified persons or devices (10.34)."""
    return tuple(_parse_participant(item) for item in holder.items(keyword))


def _parse_participant(item: Attributes) -> Participant:
    item.expect(type_1=("ObserverType",))
    kind = item.text("ObserverType")
    name = item.name("PersonName")
    equipment = parse_equipment(item)
    is_made = equipment.manufacturer is not None  # as devices alone are (10.34)
    return Participant(
        is_device=kind == "DEV" or (kind is None and name is None and is_made),
        name=name,
        identification=parse_codes(item, "PersonIdentificationCodeSequence"),
        organizational_role=parse_first_code(item, "OrganizationalRoleCodeSequence"),
        equipment=None if equipment == Equipment() else equipment,
    )


def parse_person(item: Attributes, keyword: str) -> Participant | None:
    """Read a person of whom an attribute has the name alone (PN)."""
    name = item.name(keyword)
    return None if name is None else Participant(name=name)


def parse_operators(item: Attributes) -> tuple[Participant, ...]:
    """Read Operators' Name and Operator Identification Sequence (C.7.3.1).

    Both have the same number and order. If they do not, the identifications cannot be
    assigned, and are left out.
    """
    names = item.names("OperatorsName")
    identified = [
        parse_codes(operator, "PersonIdentificationCodeSequence")
        for operator in item.items("OperatorIdentificationSequence")
    ]
    if names and identified and len(names) != len(identified):
        item.note("unreadable-attribute", "OperatorIdentificationSequence")
        identified = []
    return tuple(
        Participant(name=name, identification=identification or ())
        for name, identification in zip_longest(names, identified)
    )


def parse_algorithms(holder: Attributes, keyword: str) -> tuple[Algorithm, ...]:
    """Read a sequence of algorithm identifications (10.16)."""
    return tuple(
        Algorithm(
            name=item.text("AlgorithmName"),
            version=item.text("AlgorithmVersion"),
            family=parse_first_code(item, "AlgorithmFamilyCodeSequence"),
            name_code=parse_first_code(item, "AlgorithmNameCodeSequence"),
            parameters=item.text("AlgorithmParameters"),
            source=item.text("AlgorithmSource"),
        )
        for item in holder.items(keyword)
    )
