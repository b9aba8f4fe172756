"""The ROIs of a structure set and their observations (PS3.3 2025a C.8.8.5, C.8.8.8).

Contours and observations are joined to their ROI by Referenced ROI Number and nothing
else: not by position, not by name.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from imaging_selection.dicom.macros import (
    parse_algorithms,
    parse_anatomic_regions,
    parse_codes,
    parse_participants,
    parse_person,
    parse_primary_structures,
    parse_reference,
)
from imaging_selection.dicom.rtstruct.structure_set import (
    MAXIMUM_SHARING,
    DefinitionSource,
    Observation,
    PhysicalProperty,
    RelatedRoi,
    Roi,
    RoiContours,
)
from imaging_selection.errors import UnusableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from imaging_selection.dicom.attributes import Attributes

Referring = TypeVar("Referring", RoiContours, Observation)

MAXIMUM_ROIS = 10_000  # of a structure set; the largest real ones have a few hundred


def parse_rois(
    top: Attributes,
    contours: Sequence[RoiContours],
    observations: Sequence[Observation],
) -> tuple[Roi, ...]:
    """Read Structure Set ROI Sequence, and join what refers to each ROI.

    Raises
    ------
    UnusableError
        There are too many ROIs.
    """
    items = list(top.items("StructureSetROISequence"))
    if len(items) > MAXIMUM_ROIS:
        raise UnusableError(f"{len(items)} ROIs, which is more than {MAXIMUM_ROIS}")
    contours_of = _by_roi_number(contours)
    observations_of = _by_roi_number(observations)
    ordinals: Counter[int | None] = Counter()
    rois = []
    for item in items:
        number = item.own_roi_number("ROINumber")
        ordinals[number] += 1
        roi = _parse_roi(item, number, ordinals[number])
        if number is not None and roi.ordinal <= MAXIMUM_SHARING:
            roi = replace(
                roi,
                contours=contours_of.get(number, ()),
                observations=observations_of.get(number, ()),
            )
        rois.append(roi)
    return tuple(rois)


def _by_roi_number(referring: Iterable[Referring]) -> dict[int, tuple[Referring, ...]]:
    """Group what refers to a ROI by its number; ROIs with one number share it."""
    groups: dict[int, list[Referring]] = {}
    for one in referring:
        if one.roi_number is not None:
            groups.setdefault(one.roi_number, []).append(one)
    return {number: tuple(group) for number, group in groups.items()}


def _parse_roi(item: Attributes, number: int | None, ordinal: int) -> Roi:
    item.expect(
        type_1=("ReferencedFrameOfReferenceUID",),
        type_2=("ROIName", "ROIGenerationAlgorithm"),
    )
    volumes = item.items("ConceptualVolumeIdentificationSequence")
    return Roi(
        number=number,
        ordinal=ordinal,
        name=item.text("ROIName"),
        description=item.text("ROIDescription"),
        frame_of_reference_uid=item.uid("ReferencedFrameOfReferenceUID"),
        volume=item.decimal("ROIVolume"),
        generation_algorithm=item.text("ROIGenerationAlgorithm"),
        generation_description=item.text("ROIGenerationDescription"),
        moment=item.datetime("ROIDateTime"),
        algorithms=parse_algorithms(
            item, "ROIDerivationAlgorithmIdentificationSequence"
        ),
        derivations=parse_codes(item, "DerivationCodeSequence"),
        definition_sources=_parse_definition_sources(item),
        protocols=parse_codes(item, "RTProtocolCodeSequence"),
        creators=parse_participants(item, "ROICreatorSequence"),
        conceptual_volume_uid=next(
            (volume.uid("ConceptualVolumeUID") for volume in volumes), None
        ),
    )


def _parse_definition_sources(roi: Attributes) -> tuple[DefinitionSource, ...]:
    sources = (
        (parse_reference(item), item.binary("ReferencedSegmentNumber", "H"))
        for item in roi.items("DefinitionSourceSequence")
    )
    return tuple(
        DefinitionSource(reference, segments)
        for reference, segments in sources
        if reference is not None
    )


def parse_observations(top: Attributes) -> tuple[Observation, ...]:
    """Read RT ROI Observations Sequence."""
    return tuple(
        _parse_observation(item) for item in top.items("RTROIObservationsSequence")
    )


def _parse_observation(item: Attributes) -> Observation:
    number = item.own_roi_number("ReferencedROINumber")
    item.expect(
        type_1=("ObservationNumber",),
        type_2=("RTROIInterpretedType", "ROIInterpreter"),
    )
    return Observation(
        roi_number=number,
        number=item.integer("ObservationNumber"),
        label=item.text("ROIObservationLabel"),
        description=item.text("ROIObservationDescription"),
        interpreted_type=item.text("RTROIInterpretedType"),
        interpreter=parse_person(item, "ROIInterpreter"),
        interpreters=parse_participants(item, "ROIInterpreterSequence"),
        identification=parse_codes(
            item,
            "RTROIIdentificationCodeSequence",
            "SegmentedPropertyTypeModifierCodeSequence",
        ),
        anatomic_regions=parse_anatomic_regions(item),
        primary_structures=parse_primary_structures(item),
        property_categories=parse_codes(item, "SegmentedPropertyCategoryCodeSequence"),
        therapeutic_role_categories=parse_codes(
            item, "TherapeuticRoleCategoryCodeSequence"
        ),
        therapeutic_role_types=parse_codes(item, "TherapeuticRoleTypeCodeSequence"),
        contexts=parse_codes(item, "ROIObservationContextCodeSequence"),
        related_rois=tuple(
            RelatedRoi(
                related.integer("ReferencedROINumber", "invalid-roi-number"),
                related.text("RTROIRelationship"),
            )
            for related in item.items("RTRelatedROISequence")
        ),
        material_id=item.text("MaterialID"),
        physical_properties=tuple(_parse_physical_properties(item)),
        moment=item.datetime("ROIObservationDateTime"),
    )


def _parse_physical_properties(
    observation: Attributes,
) -> Iterator[PhysicalProperty]:
    for item in observation.items("ROIPhysicalPropertiesSequence"):
        item.expect(type_1=("ROIPhysicalProperty",))
        yield PhysicalProperty(
            item.text("ROIPhysicalProperty"),
            item.decimal("ROIPhysicalPropertyValue"),
            tuple(map(_parse_element, item.items("ROIElementalCompositionSequence"))),
        )


def _parse_element(item: Attributes) -> tuple[int | None, float | None]:
    number = item.binary("ROIElementalCompositionAtomicNumber", "H")
    fraction = item.binary("ROIElementalCompositionAtomicMassFraction", "f")
    return next(iter(number), None), next(iter(fraction), None)
