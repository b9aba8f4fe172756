"""What was measured of the ROIs becomes Observations, one for each ROI.

The value is the volume; everything else is a component. An Observation is not what the
file says: it names the plugin as its device, and the method.

FHIR 5.0.0 Observation; HL7 "DICOM SR to FHIR Resource Mapping" 1.0.0, profile
imaging-measurement; UCUM.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from imaging_selection import __version__
from imaging_selection.dicom.findings import finding
from imaging_selection.fhir import canonicals
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.fhir.xhtml import narrative_of
from imaging_selection.geometry.checks import externals_of, is_other_side
from imaging_selection.geometry.images import Images
from imaging_selection.geometry.measure import Measurement, measure
from imaging_selection.ids import measurement_id, roi_selection_id
from imaging_selection.mapping.body_site import concept_of_site, name_of, sites_of
from imaging_selection.mapping.choices import Mapped
from imaging_selection.mapping.extensions import extension_of_finding
from imaging_selection.mapping.nomenclature import LATERALITIES, tg263
from imaging_selection.mapping.references import (
    based_on_of,
    derived_from_of,
    subject_of,
)
from imaging_selection.mapping.rtstruct.source_images import ImageIndex
from imaging_selection.mapping.tags import CODE_SYSTEMS, finding_tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from imaging_selection.dicom.findings import Finding
    from imaging_selection.dicom.rtstruct.structure_set import Roi, StructureSet
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.ids import OrthancIds
    from imaging_selection.mapping.choices import Choices

_VOLUME = fhir.coding(canonicals.SCT, "118565006", "Volume")
_NOT_MEASURED = fhir.coding(
    "http://terminology.hl7.org/CodeSystem/data-absent-reason",
    "not-performed",
    "Not Performed",
)
_DEVICE: Final[Resource] = {
    "resourceType": "Device",
    "id": "plugin",
    "meta": {"profile": [f"{canonicals.GUIDE}/algorithm-identification"]},
    "displayName": "Orthanc ImagingSelection",
    "version": [{"value": __version__}],
}
_DIGITS = 6  # significant ones: more than contours are drawn with
_DECIMALS = 3  # of millimetres
_NOTEWORTHY = 0.01  # relative difference of a volume by another method


def measure_structure_set(  # noqa: PLR0913, PLR0917 - those of a mapping, and more
    structure_set: StructureSet,
    data: bytes,
    ids: OrthancIds,
    choices: Choices,
    issued: datetime,
    slices: Sequence[Mapping[str, Any]] = (),
) -> Mapped:
    """Measure each ROI that has closed contours.

    Parameters
    ----------
    data
        `Dataset.data` of the structure set, in which the places of Contour Data count.
    issued
        The time of the measurement, with its zone.
    slices
        What is known of the images, as `Images` takes it.

    Returns
    -------
    Mapped
        Observations in file order, none without the selections of the ROIs that they
        are derived from (`Choices.levels`); and all findings about the contours.
    """
    if "Roi" not in choices.levels:
        return Mapped((), ())
    shared = _shared(structure_set, ids, choices, issued)
    series = (
        [image.sop_instance_uid for image in each.images]
        for each in ImageIndex(structure_set, ids.instance).all
    )
    images = Images(slices, series) if slices else None
    measured = [*_measured(structure_set, data, images)]
    return Mapped(
        tuple(_observation(roi, each, ids, shared) for roi, each in measured),
        tuple(found for _, each in measured for found in each.findings),
    )


def _measured(
    structure_set: StructureSet, data: bytes, images: Images | None
) -> Iterator[tuple[Roi, Measurement]]:
    rois = structure_set.rois
    counts = Counter(roi.number for roi in rois)
    found = measure(data, rois, images)
    externals = externals_of(rois)
    external = found[rois.index(externals[0])] if len(externals) == 1 else None
    for roi, measurement in zip(rois, found, strict=True):
        if measurement is None:
            continue
        if counts[roi.number] > 1:
            text = "Not measured: the contours are those of several ROIs"
            shared = finding("duplicate-roi-number", text, roi.number)
            yield roi, Measurement(findings=(shared,))
        else:
            hints = tuple(_side_of(roi, measurement, external))
            yield roi, replace(measurement, findings=measurement.findings + hints)


def _side_of(
    roi: Roi, measurement: Measurement, external: Measurement | None
) -> Iterator[Finding]:
    match = tg263().find(name_of(roi) or "")
    side = LATERALITIES.get((match and match.entry.laterality) or "")
    if side not in {"Left", "Right"} or external is None:
        return
    here, middle = measurement.centroid, external.centroid
    if here and middle and is_other_side(side, here[0], middle[0]):
        text = f"ROI Name says {side.lower()}, x of the centroid the other side: a hint"
        yield finding("name-on-other-side", text, roi.number)


def _shared(
    structure_set: StructureSet, ids: OrthancIds, choices: Choices, issued: datetime
) -> Resource:
    """Build what all Observations of a structure set have in common."""
    return {
        "contained": [_DEVICE],
        "basedOn": based_on_of(
            structure_set.accession, choices.accession_number_system
        ),
        "partOf": derived_from_of(structure_set.study_instance_uid, structure_set, ids),
        "status": "final",
        "code": fhir.concept(_VOLUME),
        "subject": subject_of(
            structure_set.patient, ids, choices.patient_identifier_system
        ),
        "issued": issued.isoformat(timespec="seconds"),
        "device": {"reference": "#plugin", "type": "Device"},
    }


def _observation(
    roi: Roi, measurement: Measurement, ids: OrthancIds, shared: Resource
) -> Resource:
    selection_id = roi_selection_id(ids.instance, roi.number, roi.ordinal)
    volume = measurement.volume
    codes = dict.fromkeys(each.code for each in measurement.findings)
    profile = f"{canonicals.GUIDE}/imaging-measurement"
    unordered: Resource = {
        "resourceType": "Observation",
        "id": measurement_id(selection_id),
        "meta": {
            "profile": [] if volume is None else [profile],
            "tag": [*map(finding_tag, codes)],
        },
        "text": _narrative(roi, measurement),
        "extension": [*map(extension_of_finding, measurement.findings)],
        **shared,
        "valueQuantity": _quantity(volume, "cm3"),
        "dataAbsentReason": fhir.concept(_NOT_MEASURED) if volume is None else None,
        "note": [{"text": text} for text in _notes(measurement)],
        "bodySite": concept_of_site(sites_of(roi), name_of(roi)),
        "method": fhir.concept(_own("slabs")),
        "derivedFrom": [
            {
                "reference": f"ImagingSelection/{selection_id}",
                "type": "ImagingSelection",
            }
        ],
        "component": [
            {"code": fhir.concept(_own(code)), "valueQuantity": quantity}
            for code, quantity in _components(measurement)
            if quantity
        ],
    }
    return fhir.without_absent({key: unordered[key] for key in _ORDER})


# The order of elements in R5's definition of the resource.
_ORDER: Final = (
    *("resourceType", "id", "meta", "text", "contained", "extension", "basedOn"),
    *("partOf", "status", "code", "subject", "issued", "valueQuantity"),
    *("dataAbsentReason", "note", "bodySite", "method", "device", "derivedFrom"),
    "component",
)


def _own(code: str) -> Resource:
    system = canonicals.MEASUREMENT_SYSTEM
    return fhir.coding(system, code, CODE_SYSTEMS[system].codes[code].display)


def _components(measurement: Measurement) -> Iterator[tuple[str, Resource | None]]:
    for name, vector in (
        ("centroid", measurement.centroid),
        ("extent", measurement.extent),
    ):
        for axis, value in zip("xyz", vector or (), strict=False):
            yield f"{name}-{axis}", _quantity(value, "mm")
    yield "slices", _quantity(measurement.slices, "1")
    yield "slice-spacing", _quantity(measurement.spacing, "mm")
    yield "parts", _quantity(measurement.parts, "1")


def _quantity(value: float | None, unit: str) -> Resource | None:
    if value is None:
        return None
    quantity: Resource = {
        "value": _rounded(value) if unit == "cm3" else round(value, _DECIMALS) + 0,
        "unit": unit,
        "system": canonicals.UCUM,
        "code": unit,
    }
    if unit == "1":
        del quantity["unit"]
    return quantity


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _notes(measurement: Measurement) -> Iterator[str]:
    """Yield what other methods measure, where it is something else."""
    volume = measurement.volume
    for words, other in (measurement.alternatives or {}).items():
        if volume and abs(other - volume) > _NOTEWORTHY * volume:
            yield f"The volume {words}: {_rounded(other)} cm3"


def _narrative(roi: Roi, measurement: Measurement) -> Resource:
    volume = measurement.volume
    return narrative_of(
        "Measured from the contours of a ROI",
        [
            ("ROI", name_of(roi)),
            ("Volume in cm3", "not measured" if volume is None else _rounded(volume)),
            *(("Note", text) for text in _notes(measurement)),
            *(("Finding", each.text) for each in measurement.findings),
        ],
    )
