"""Reports and segmentations as highdicom reads them, to compare with.

No code of the package is used. Codes are pydicom's: two are equal if they name the same
concept, such as the older and the newer code of SNOMED.
"""

import warnings
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO

import pytest
from pydicom.sr.coding import Code

# highdicom depends on pyjpegls, which has no package for the newest Python at once.
hd = pytest.importorskip("highdicom", reason="highdicom is not installed")

GROUP = Code("125007", "DCM", "Measurement Group")
# What highdicom takes for a measurement and for evaluations, and is context.
TIME_POINT_ORDER = Code("126073", "DCM", "Time Point Order")
NO_EVALUATIONS = (
    Code("276214006", "SCT", "Finding category"),
    Code("121071", "DCM", "Finding"),
    Code("126072", "DCM", "Time Point Type"),
)


@dataclass(frozen=True)
class Measurement:
    """A NUM: its concept, value, the same as highdicom's float, and unit."""

    name: Code
    value: Decimal | None
    floating: float | None
    unit: str


@dataclass(frozen=True)
class Group:
    """A measurement group (PS3.16 TID 1501)."""

    tracking: tuple[str | None, str | None]
    finding: Code | None
    category: Code | None
    sites: list[Code]
    method: Code | None
    measurements: list[Measurement]
    evaluations: list[tuple[Code, Code]]


def read_report(data):
    """Read a report, as highdicom's class for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hd.sr.srread(BytesIO(data))


def read_segmentation(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hd.seg.segread(BytesIO(data))


def walk(items):
    """Yield the content items of a sequence, and all below them."""
    for item in items:
        yield item
        yield from walk(getattr(item, "ContentSequence", ()))


def code_of(concept):
    if concept is None:
        return None
    return Code(concept.value, concept.scheme_designator, concept.meaning)


def groups_of(report):
    """Read each measurement group by highdicom's template of it."""
    return [
        _group(item)
        for item in walk(report.content)
        if item.value_type.name == "CONTAINER" and code_of(item.name) == GROUP
    ]


def _group(container):
    group = hd.sr.MeasurementsAndQualitativeEvaluations.from_sequence([container])
    return Group(
        tracking=(group.tracking_identifier, group.tracking_uid),
        finding=code_of(group.finding_type),
        category=code_of(group.finding_category),
        sites=[code_of(site.value) for site in group.finding_sites],
        method=code_of(group.method),
        measurements=[
            _measurement(each[0])
            for each in group.get_measurements()
            if code_of(each.name) != TIME_POINT_ORDER
        ],
        evaluations=[
            (code_of(each.name), code_of(each.value))
            for each in group.get_qualitative_evaluations()
            if code_of(each.name) not in NO_EVALUATIONS
        ],
    )


def _measurement(item):
    (measured,) = item.MeasuredValueSequence
    written = Decimal(measured.NumericValue.original_string)
    floating = measured.get("FloatingPointValue")
    return Measurement(
        code_of(item.name),
        # The text has 16 characters at most.
        written if floating is None else Decimal(repr(floating)),
        item.value,
        item.unit.value,
    )


def regions_of(report):
    """Return the regions on images, and those in space, as FHIR's types name them."""
    on_images, in_space = [], []
    for item in walk(report.content):
        if item.value_type.name == "SCOORD":
            kind = item.graphic_type.name
            # R5 has no region of several points.
            several = item.value if kind == "MULTIPOINT" else [item.value]
            name = "point" if kind == "MULTIPOINT" else kind.lower()
            on_images.append([(name, each.flatten().tolist()) for each in several])
        elif item.value_type.name == "SCOORD3D":
            in_space.append(
                (item.graphic_type.name.lower(), item.value.flatten().tolist())
            )
    return on_images, in_space


def segments_of(report):
    """Return the SOP Instance UID and number of each segment that is referred to."""
    return {
        (item.referenced_sop_instance_uid, number)
        for item in walk(report.content)
        if item.value_type.name == "IMAGE" and not item.referenced_frame_numbers
        for number in _numbers(
            # highdicom's own property fails on a plain list of pydicom.
            item.ReferencedSOPSequence[0].get("ReferencedSegmentNumber")
        )
    }


def _numbers(value):
    if value is None:
        return []
    return [value] if isinstance(value, int) else [*value]
