"""DICOM codes become FHIR codings; the codes of RT ROI Interpreted Type.

Codes and their meanings are looked up by keyword in pydicom's dictionaries of PS3.16.

DICOM PS3.16 2025a, 8 (Table 8-1, coding schemes); PS3.3 2025a, C.8.8.8.3.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

# The tables of `pydicom.sr.codedict`, which itself searches by name.
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts
from pydicom.sr._snomed_dict import mapping as snomed

from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir

if TYPE_CHECKING:
    from imaging_selection.dicom.entities import Code
    from imaging_selection.fhir.datatypes import Resource

# Scheme -> keyword -> code value -> (meaning, context groups); pydicom's own type is
# less exact.
_CONCEPTS = cast("dict[str, dict[str, dict[str, tuple[str, list[int]]]]]", concepts)

# Coding Scheme Designator -> FHIR system: the URI that HL7 or the scheme's owner gives;
# else the Coding Scheme UID of Table 8-1, as FHIR's terminologies-systems.html says.
SYSTEMS = {
    "DCM": canonicals.DCM,
    "SCT": "http://snomed.info/sct",
    "LN": "http://loinc.org",
    "UCUM": "http://unitsofmeasure.org",
    "FMA": "http://purl.org/sig/ont/fma",
    "NCIt": "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
    "UMLS": "http://terminology.hl7.org/CodeSystem/umls",
    "RADLEX": "http://radlex.org",
    "RXNORM": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "NDC": "http://hl7.org/fhir/sid/ndc",
    "C4": "http://www.ama-assn.org/go/cpt",
    "CD2": "http://www.ada.org/cdt",
    "I10": "http://hl7.org/fhir/sid/icd-10",
    "I10C": "http://hl7.org/fhir/sid/icd-10-cm",
    "I10P": "http://www.cms.gov/Medicare/Coding/ICD10",
    "I9C": "http://hl7.org/fhir/sid/icd-9-cm",
    "ICDO3": "http://terminology.hl7.org/CodeSystem/icd-o-3",
    "MDC": "urn:iso:std:iso:11073:10101",
    "RFC3066": "urn:ietf:bcp:47",
    "RFC5646": "urn:ietf:bcp:47",
    "ACR": "urn:oid:2.16.840.1.113883.6.76",
    "ASTM-sigpurpose": "urn:oid:1.2.840.10065.1.12",
    "C5": "urn:oid:2.16.840.1.113883.6.82",
    "caDSR": "urn:oid:2.16.840.1.113883.3.26.2",
    "CTV3": "urn:oid:2.16.840.1.113883.6.6",
    "DC": "urn:oid:1.2.840.10008.2.16.10",
    "DCMUID": "urn:oid:1.2.840.10008.2.6.1",
    "HPC": "urn:oid:2.16.840.1.113883.6.14",
    "I11": "urn:oid:1.2.840.10008.2.16.16",
    "I9": "urn:oid:2.16.840.1.113883.6.42",
    "IBSI": "urn:oid:1.2.840.10008.2.16.13",
    "ISO3166_1": "urn:oid:2.16.1",
    "ISO639_1": "urn:oid:2.16.840.1.113883.6.99",
    "ISO639_2": "urn:oid:2.16.840.1.113883.6.100",
    "ITIS_TSN": "urn:oid:1.2.840.10008.2.16.7",
    "MA": "urn:oid:1.2.840.10008.2.16.5",
    "MAYOASRG": "urn:oid:1.2.840.10008.2.16.12",
    "MGI": "urn:oid:1.2.840.10008.2.16.8",
    "MSH": "urn:oid:2.16.840.1.113883.6.177",
    "NEU": "urn:oid:2.16.840.1.113883.6.210",
    "NICIP": "urn:oid:2.16.840.1.113883.2.1.3.2.4.21",
    "NYUMCCG": "urn:oid:1.2.840.10008.2.16.11",
    "PATHLEX": "urn:oid:1.3.6.1.4.1.19376.1.8.2.1",
    "POS": "urn:oid:2.16.840.1.113883.6.50",
    "PUBCHEM_CID": "urn:oid:1.2.840.10008.2.16.9",
    "RADELEMENT": "urn:oid:1.2.840.10008.2.16.15",
    "RO": "urn:oid:1.2.840.10008.2.16.14",
    "RRID": "urn:oid:1.2.840.10008.2.16.18",
    "UBERON": "urn:oid:1.2.840.10008.2.16.6",
    "UNS": "urn:oid:1.2.840.10008.2.16.17",
    "UPC": "urn:oid:2.16.840.1.113883.6.55",
}

# Older designators of SNOMED codes such as T-A0100 (PS3.16 8.1): one table for all.
_LEGACY_SNOMED = frozenset({"SRT", "SNM3", "99SDM"})

# RT ROI Interpreted Type (3006,00A4) -> keywords in pydicom of its own code, and of its
# group's (C.8.8.8.3). Some terms have a group only; ORGAN has no code at all.
_TERMS: dict[str, tuple[str | None, str]] = {
    "EXTERNAL": (None, "DCM ExternalBodyModel"),
    "PTV": ("SCT PTV", "DCM RTTarget"),
    "CTV": ("SCT CTV", "DCM RTTarget"),
    "GTV": ("SCT GTV", "DCM RTTarget"),
    "TREATED_VOLUME": ("DCM TreatedVolume", "DCM RTTarget"),
    "IRRAD_VOLUME": ("SCT IrradiatedVolume", "DCM RTTarget"),
    "OAR": ("DCM OrganAtRisk", "DCM RTDoseCalculationStructure"),
    "AVOIDANCE": ("DCM AvoidanceVolume", "DCM RTDoseCalculationStructure"),
    "CONTROL": (None, "DCM RTDoseCalculationStructure"),
    "REGISTRATION": (None, "DCM RTRegistrationMark"),
    "BOLUS": ("SCT SurfaceBolus", "DCM PatientAttachedDoseControlObject"),
    "MARKER": (None, "DCM RadiotherapyFiducial"),
    "ISOCENTER": ("DCM IsocentricTreatmentLocationPoint", "DCM RTGeometricInformation"),
    "CONTRAST_AGENT": ("SCT ContrastAgent", "SCT Substance"),
    "CAVITY": ("SCT BodyCavity", "SCT AnatomicalStructure"),
    "BRACHY_CHANNEL": ("DCM BrachytherapyChannel", "DCM BrachytherapyDevice"),
    "BRACHY_SRC_APP": ("DCM BrachytherapySourceApplicator", "DCM BrachytherapyDevice"),
    "BRACHY_CHNL_SHLD": ("DCM BrachytherapyChannelShield", "DCM BrachytherapyDevice"),
    "BRACHY_ACCESSORY": (None, "DCM BrachytherapyDevice"),
    "SUPPORT": (None, "DCM FixationOrPositioningDevice"),
    "FIXATION": (None, "DCM FixationOrPositioningDevice"),
    "DOSE_REGION": (None, "DCM RadiotherapyDoseRegion"),
    "DOSE_MEASUREMENT": (None, "SCT PhysicalObject"),
}


@cache
def coding_by_keyword(keyword: str) -> Resource:
    """Build the coding that pydicom's dictionary has under `<scheme> <keyword>`.

    Examples
    --------
    >>> coding_by_keyword("DCM RTTarget")["code"]
    '130041'
    """
    scheme, name = keyword.split()
    ((value, (meaning, _)),) = _CONCEPTS[scheme][name].items()
    return fhir.coding(SYSTEMS[scheme], value, meaning)


def codings_of_interpreted_type(term: str) -> list[Resource]:
    """Return the codings of an interpreted type, the most specific first."""
    return [coding_by_keyword(each) for each in _TERMS.get(term, ()) if each]


def system_of(code: Code) -> str | None:
    """Return the FHIR system of a code; None when it is not known."""
    if not fhir.is_code(code.value):  # blanks that are illegal in FHIR's type code
        return None
    if code.is_urn:
        return canonicals.URI if ":" in code.value else None
    if code.designator is None:
        return None
    if code.designator in SYSTEMS:
        return SYSTEMS[code.designator]
    if code.designator in _LEGACY_SNOMED:
        return SYSTEMS["SCT"] if code.value in snomed["SRT"] else None
    return fhir.identifier_system(code.scheme_uid)


def coding_of(code: Code) -> Resource | None:
    """Build the coding of a DICOM code; None when its system is not known.

    Codes of the older SNOMED designators become their SNOMED CT equals (PS3.16 8.1).
    """
    system = system_of(code)
    if system is None:
        return None
    legacy = code.designator in _LEGACY_SNOMED and not code.is_urn
    value = snomed["SRT"][code.value] if legacy else code.value
    coding = fhir.coding(system, value, code.meaning)
    if code.version and not legacy:
        coding["version"] = code.version
    return coding


def concept_of(code: Code, text: str | None = None) -> Resource:
    """Build the concept of a DICOM code.

    Without a known system its coding has none: the value is kept, and no system is
    invented.
    """
    coding = coding_of(code)
    if coding is None and fhir.is_code(code.value):
        coding = fhir.coding(None, code.value, code.meaning)
    codings = [coding] if coding else []
    return fhir.concept(*codings, text=text or code.meaning or code.value)


def triplet_of(code: Code) -> str:
    """Format a code for people, as DICOM does: meaning, value and designator.

    Examples
    --------
    >>> from imaging_selection.dicom.entities import Code
    >>> triplet_of(Code("T-28000", "SRT", "Lung"))
    'Lung (T-28000, SRT)'
    """
    parts = ", ".join(filter(None, (code.value, code.designator)))
    return f"{code.meaning} ({parts})" if code.meaning else parts


# The SNOMED CT codes of laterality (CID 244).
_LATERALITIES = frozenset(
    value
    for scheme, keywords in cid_concepts[244].items()
    for keyword in keywords
    for value in _CONCEPTS[scheme][keyword]
)


def is_laterality(code: Code) -> bool:
    """Return whether a modifier is a laterality, such as left (CID 244)."""
    coding = coding_of(code)
    return (
        coding is not None
        and coding["system"] == SYSTEMS["SCT"]
        and coding["code"] in _LATERALITIES
    )
