"""ImagingSelection in R4: a Basic resource with the cross-version extensions.

Package hl7.fhir.uv.xver-r5.r4 0.1.0, profile-ImagingSelection: `meta`, `text`,
`contained`, `identifier` and `subject` are elements of Basic, `status` is a modifier
extension, and every other element an extension. In its earlier state (0.0.1-snapshot-3)
all of them are inside one extension.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from imaging_selection.fhir.cross_version.extensions import (
    extensions_of,
    refuse_others,
    url_of,
)

if TYPE_CHECKING:
    from imaging_selection.fhir.cross_version.extensions import Kinds
    from imaging_selection.fhir.datatypes import Resource

#: "Extensions" for an extension an element (0.1.0), "Complex" for a single one.
Form = Literal["Extensions", "Complex"]

PROFILE = "http://hl7.org/fhir/5.0/StructureDefinition/profile-ImagingSelection"
# Both states have this URL; the later one is meant where no version is given.
_PROFILES: dict[Form, str] = {
    "Extensions": PROFILE,
    "Complex": f"{PROFILE}|0.0.1-snapshot-3",
}

_TYPE = {"system": "http://hl7.org/fhir/fhir-types", "code": "ImagingSelection"}

_REGION: Kinds = {"regionType": "Code", "coordinate": "Decimal"}
_STATUS: Kinds = {"status": "Code"}
_ELEMENTS: Kinds = {
    "issued": "Instant",
    "performer": {"function": "CodeableConcept", "actor": "Reference"},
    "basedOn": "Reference",
    "category": "CodeableConcept",
    "code": "CodeableConcept",
    "studyUid": "Id",
    "derivedFrom": "Reference",
    "endpoint": "Reference",
    "seriesUid": "Id",
    "seriesNumber": "UnsignedInt",
    "frameOfReferenceUid": "Id",
    "bodySite": "CodeableReference",
    "focus": "Reference",
    "instance": {
        "uid": "Id",
        "number": "UnsignedInt",
        "sopClass": "Coding",
        "subset": "String",
        "imageRegion2D": _REGION,
        "imageRegion3D": _REGION,
    },
}
_BEFORE = ("id", "meta", "implicitRules", "language", "text", "contained")
_AFTER = ("identifier", "code", "subject")
_KNOWN = (
    *("resourceType", *_BEFORE, "modifierExtension", *_AFTER),
    *(*_STATUS, *_ELEMENTS),
)


def basic_of(selection: Resource, form: Form) -> Resource:
    """Build the Basic resource of an ImagingSelection.

    Its `code`, which R4 demands, is that of the selection, so that a search finds it;
    the earlier profile demands the name of the type beside it.
    """
    path = "ImagingSelection"
    refuse_others(selection, path, _KNOWN)
    own = selection.get("extension", [])
    modifiers = selection.get("modifierExtension", [])
    if form == "Complex":
        kinds = {**_STATUS, **_ELEMENTS}
        inner = extensions_of(selection, kinds, path, url_of, url_of)
        extensions = [{"url": url_of(path), "extension": inner}]
    else:
        extensions = extensions_of(selection, _ELEMENTS, path)
        modifiers = [*modifiers, *extensions_of(selection, _STATUS, path)]
    basic: Resource = {"resourceType": "Basic"}
    basic |= {each: selection[each] for each in _BEFORE if each in selection}
    basic["meta"] = {**selection.get("meta", {}), "profile": [_PROFILES[form]]}
    basic["extension"] = [*own, *extensions]
    if modifiers:
        basic["modifierExtension"] = modifiers
    basic |= {each: selection[each] for each in _AFTER if each in selection}
    if form == "Complex":
        code = basic.get("code", {})
        basic["code"] = {**code, "coding": [_TYPE, *code.get("coding", [])]}
    return basic
