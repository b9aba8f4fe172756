"""Extensions of ImagingSelection: what programs need and R5 has no element for.

HL7's own extensions where there are any, else the plugin's, which the API serves. What
only people need is in the narrative.

FHIR 5.0.0 extensibility.html; HL7's extension pack 1.0.0 (artifact-title,
artifact-description, artifact-relatedArtifact). DICOM PS3.3 2025a, C.8.8.5, C.8.8.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.fhir import canonicals
from imaging_selection.mapping.decimal_strings import decimal_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imaging_selection.dicom.findings import Finding
    from imaging_selection.dicom.rtstruct.structure_set import Roi, StructureSet
    from imaging_selection.fhir.datatypes import Resource

_HL7 = "http://hl7.org/fhir/StructureDefinition"
ARTIFACT_TITLE = f"{_HL7}/artifact-title"
ARTIFACT_DESCRIPTION = f"{_HL7}/artifact-description"
RELATED_ARTIFACT = f"{_HL7}/artifact-relatedArtifact"

_OWN = f"{canonicals.OWN}/StructureDefinition"
FINDING = f"{_OWN}/finding"
CONCEPT_MODIFIER = f"{_OWN}/concept-modifier"
ROI_DISPLAY_COLOR = f"{_OWN}/roi-display-color"
ROI_GENERATION_ALGORITHM = f"{_OWN}/roi-generation-algorithm"
ROI_VOLUME = f"{_OWN}/roi-volume"


def extensions_of_set(
    structure_set: StructureSet,
    findings: Iterable[Finding],
    predecessors: Iterable[Resource] = (),
) -> list[Resource]:
    """Build label, description, predecessors and findings of a structure set.

    Parameters
    ----------
    predecessors
        References to them.
    """
    return [
        *extension_of(ARTIFACT_TITLE, "valueString", structure_set.label),
        *extension_of(ARTIFACT_DESCRIPTION, "valueMarkdown", structure_set.description),
        *map(_predecessor, predecessors),
        *map(extension_of_finding, findings),
    ]


def extensions_of_roi(roi: Roi, findings: Iterable[Finding]) -> list[Resource]:
    """Build how a ROI was made, its volume and its colors, and its findings.

    The volume (cm³) is the text of a FHIR decimal. It is a string, because JSON
    libraries do not preserve the digits of a number.
    """
    volume = decimal_text(roi.volume) if roi.volume else None
    colors = [item.display_color for item in roi.contours if item.display_color]
    return [
        *extension_of(
            ROI_GENERATION_ALGORITHM, "valueString", roi.generation_algorithm
        ),
        *extension_of(ROI_VOLUME, "valueString", volume),
        *(
            extension
            for color in dict.fromkeys(colors)
            for extension in extension_of(
                ROI_DISPLAY_COLOR, "valueString", "#{:02X}{:02X}{:02X}".format(*color)
            )
        ),
        *map(extension_of_finding, findings),
    ]


def extension_of(url: str, kind: str, value: str | None) -> list[Resource]:
    """Build an extension; none without a value."""
    return [{"url": url, kind: value}] if value else []


def _predecessor(reference: Resource) -> Resource:
    """Build that this is the predecessor; in `focus` there are other references too."""
    related = {"type": "predecessor", "resourceReference": reference}
    return {"url": RELATED_ARTIFACT, "valueRelatedArtifact": related}


def extension_of_finding(finding: Finding) -> Resource:
    """Build a finding: its code, severity, ROI or segment, contours, and sentence."""
    parts: list[Resource] = [
        {"url": "code", "valueCode": finding.code},
        {"url": "severity", "valueCode": finding.severity.value},
    ]
    if finding.roi_number is not None:
        parts.append({"url": "roiNumber", "valueInteger": finding.roi_number})
    parts += [
        {"url": "contour", "valuePositiveInt": number} for number in finding.contours
    ]
    parts.append({"url": "text", "valueString": finding.text})
    return {"url": FINDING, "extension": parts}
