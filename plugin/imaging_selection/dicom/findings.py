"""Findings about a DICOM object, such as a missing attribute: codes and sentences.

`FINDING_KINDS` is the one table of codes, for every kind of object. `Notes` counts what
is noticed about single values while they are read. A fact is reported once a ROI at
most, however often it occurs: a thousand ROIs have thousands of findings at worst, not
millions. Sentences hold numbers and DICOM keywords only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_MAXIMUM_LISTED: Final = 10  # numbers or keywords in one sentence; the rest is counted


class Severity(StrEnum):
    """How much a finding takes away; the codes of FHIR's issue-severity."""

    ERROR = "error"  # something that the file says could not be carried over
    WARNING = "warning"  # carried over, but a reader should know
    INFORMATION = "information"  # allowed by the standard, but worth knowing


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect or peculiarity of a DICOM object.

    Attributes
    ----------
    code
        A code of `FINDING_KINDS`, such as `no-roi`.
    text
        A sentence for people. It holds numbers and DICOM keywords, no patient data.
    roi_number
        The ROI, or the segment, that it is about; None when it is about the whole
        object.
    contours
        The contours of the ROI that it is about, by their place in file order from 1:
        the first ten.
    """

    code: str
    severity: Severity
    text: str
    roi_number: int | None = None
    contours: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class FindingKind:
    """One code of the plugin's own CodeSystem of findings: severity and display."""

    severity: Severity
    display: str


FINDING_KINDS: Final[Mapping[str, FindingKind]] = {
    code: FindingKind(severity, display)
    for code, severity, display in (
        ("no-roi", Severity.WARNING, "No ROI"),
        ("duplicate-roi-number", Severity.WARNING, "Duplicate ROI Number"),
        ("duplicate-roi-name", Severity.WARNING, "Duplicate ROI Name"),
        ("invalid-roi-number", Severity.ERROR, "ROI Number missing or no integer"),
        ("roi-without-contours", Severity.INFORMATION, "ROI without contours"),
        ("orphan-contours", Severity.ERROR, "Contours of no ROI"),
        ("orphan-observation", Severity.ERROR, "Observation of no ROI"),
        (
            "duplicate-observation-number",
            Severity.INFORMATION,
            "Duplicate Observation Number",
        ),
        (
            "several-frames-of-reference",
            Severity.INFORMATION,
            "Several frames of reference",
        ),
        (
            "unreferenced-frame-of-reference",
            Severity.WARNING,
            "Frame of reference that the structure set does not list",
        ),
        (
            "unreferenced-image",
            Severity.WARNING,
            "Image that the structure set does not list",
        ),
        ("xor-contours", Severity.WARNING, "Contours combined by exclusive or"),
        (
            "unknown-geometric-type",
            Severity.ERROR,
            "Contour Geometric Type missing or unknown",
        ),
        (
            "missing-mandatory-attribute",
            Severity.WARNING,
            "Mandatory attribute missing or empty",
        ),
        (
            "missing-type-2-attribute",
            Severity.INFORMATION,
            "Attribute missing that may be empty",
        ),
        ("invalid-date", Severity.WARNING, "Invalid date or time"),
        ("invalid-uid", Severity.WARNING, "Invalid UID"),
        ("invalid-number", Severity.WARNING, "Number invalid or written unusually"),
        ("charset", Severity.WARNING, "Text contradicts its character set"),
        (
            "contour-offset",
            Severity.WARNING,
            "Contour of a slab, which may lie beside its points",
        ),
        # About coordinates: what needs the numbers themselves is noticed when the
        # contours are asked for.
        ("empty-contour-data", Severity.ERROR, "Contour without coordinates"),
        (
            "contour-data-not-a-number",
            Severity.ERROR,
            "Coordinate that is no decimal string",
        ),
        (
            "coordinate-count-not-multiple-of-3",
            Severity.ERROR,
            "Coordinates that do not divide into x, y and z",
        ),
        (
            "point-contour-with-several-points",
            Severity.WARNING,
            "Contour of type POINT with several points",
        ),
        ("too-few-points", Severity.WARNING, "Too few points for their contour"),
        (
            "declared-point-count-wrong",
            Severity.WARNING,
            "Number of Contour Points is wrong",
        ),
        # About names, where nomenclatures are chosen.
        (
            "name-contradicts-code",
            Severity.WARNING,
            "ROI Name and code of different sides",
        ),
        (
            "name-not-in-nomenclature",
            Severity.INFORMATION,
            "ROI Name that no chosen nomenclature has",
        ),
        # About what the contours enclose: noticed when they are measured.
        (
            "contour-not-planar",
            Severity.ERROR,
            "Closed contour whose points lie on no plane",
        ),
        ("mixed-planes", Severity.ERROR, "Contours on planes that are not parallel"),
        ("gap-between-slices", Severity.WARNING, "Slices without contours in between"),
        ("duplicate-contour", Severity.WARNING, "Contour that repeats another one"),
        (
            "self-intersecting-contour",
            Severity.WARNING,
            "Contour that crosses itself",
        ),
        ("stray-contour", Severity.WARNING, "Contour tiny, or far from all others"),
        ("outside-external", Severity.WARNING, "Contour outside the EXTERNAL"),
        (
            "stated-volume-differs",
            Severity.WARNING,
            "ROI Volume that differs from the measured one",
        ),
        (
            "outside-images",
            Severity.WARNING,
            "Contour outside the extent of its images",
        ),
        ("plane-on-no-image", Severity.WARNING, "Contour on the plane of no image"),
        (
            "image-of-other-frame",
            Severity.WARNING,
            "Contour drawn on an image of another frame of reference",
        ),
        (
            "name-on-other-side",
            Severity.INFORMATION,
            "ROI on the other side of the body than its name says (a hint)",
        ),
        ("coordinate-too-large", Severity.ERROR, "Coordinate beyond a kilometre"),
        (
            "too-intricate",
            Severity.ERROR,
            "Contours too many or too tangled to be measured",
        ),
        ("no-slice-spacing", Severity.WARNING, "Contours on a single plane"),
        ("unreadable-attribute", Severity.ERROR, "Attribute that cannot be read"),
        # About segmentations.
        ("no-segment", Severity.WARNING, "No segment"),
        ("duplicate-segment-number", Severity.WARNING, "Duplicate Segment Number"),
        ("orphan-frames", Severity.ERROR, "Frames of no segment"),
        # About reports.
        ("other-template", Severity.INFORMATION, "Report of another template"),
        ("content-too-deep", Severity.ERROR, "Content items nested too deep"),
        (
            "content-left-out",
            Severity.WARNING,
            "Content that has no element, and is text alone",
        ),
        ("dangling-reference", Severity.ERROR, "Reference to no content item"),
        ("number-without-value", Severity.WARNING, "Measurement without a value"),
        ("number-without-unit", Severity.WARNING, "Measurement without a unit"),
        ("number-contradicts-itself", Severity.WARNING, "Two values of one number"),
        ("invalid-coordinates", Severity.ERROR, "Coordinates that form no region"),
        (
            "duplicate-tracking-uid",
            Severity.INFORMATION,
            "Tracking UID of several groups",
        ),
        ("other-patient", Severity.ERROR, "Observation of another patient"),
        (
            "other-subject",
            Severity.WARNING,
            "Fetus, specimen or device",
        ),
        # About the mapping: what FHIR has no element or notation for.
        (
            "number-not-representable",
            Severity.ERROR,
            "Number that FHIR cannot represent",
        ),
        (
            "repetition-left-out",
            Severity.WARNING,
            "What too many ROIs would repeat, left out of them",
        ),
        (
            "code-without-system",
            Severity.WARNING,
            "Code of a coding scheme that nothing identifies",
        ),
        (
            "unknown-approval-status",
            Severity.WARNING,
            "Approval Status that the standard does not have",
        ),
    )
}


def finding(
    code: str, text: str, roi_number: int | None = None, contours: Iterable[int] = ()
) -> Finding:
    """Build a finding with the severity of its kind."""
    severity = FINDING_KINDS[code].severity
    first = tuple(islice(contours, _MAXIMUM_LISTED))
    return Finding(code, severity, text, roi_number, first)


class Notes:
    """Counts what is noticed about single values.

    Attributes
    ----------
    counts
        How often, by code, ROI number and keyword.
    """

    def __init__(self) -> None:
        self.counts: dict[tuple[str, int | None, str], int] = {}

    def add(self, code: str, attribute: str, roi_number: int | None = None) -> None:
        """Count one occurrence at an attribute, given by keyword."""
        key = code, roi_number, attribute
        self.counts[key] = self.counts.get(key, 0) + 1

    def findings(self) -> Iterator[Finding]:
        """Yield one finding for each code and ROI, in the order of first occurrence."""
        attributes: dict[tuple[str, int | None], list[str]] = {}
        for (code, roi_number, attribute), count in self.counts.items():
            name = attribute if count == 1 else f"{attribute} ({count} times)"
            attributes.setdefault((code, roi_number), []).append(name)
        for (code, roi_number), names in attributes.items():
            text = f"{FINDING_KINDS[code].display}: {listed(names)}"
            yield finding(code, text, roi_number)


def listed(things: Iterable[object]) -> str:
    """List numbers or keywords for a sentence; those beyond ten are counted.

    Examples
    --------
    >>> listed([7, None]), listed(range(12))
    ('7, none', '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more')
    """
    every = ["none" if thing is None else str(thing) for thing in things]
    rest = len(every) - _MAXIMUM_LISTED
    shown = ", ".join(every[:_MAXIMUM_LISTED])
    return f"{shown} and {rest} more" if rest > 0 else shown
