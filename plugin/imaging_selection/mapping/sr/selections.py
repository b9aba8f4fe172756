"""What a report was made on, as ImagingSelections: regions, segments, images, maps.

A ROI of a structure set, and a segment of a segmentation, have selections of their own
already. The report refers to these, if its lists say in which series they are; else it
has a selection of its own, as for everything else that it refers to.

HL7 "DICOM SR to FHIR Resource Mapping" 1.0.0; PS3.16 2025a, TID 1410, 1411.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from imaging_selection.dicom.rtstruct.structure_set import STRUCTURE_SETS
from imaging_selection.dicom.seg.segmentation import SEGMENTATIONS
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.fhir.xhtml import narrative_of
from imaging_selection.ids import content_item_id
from imaging_selection.mapping.places import Place, Places
from imaging_selection.mapping.references import derived_from_of
from imaging_selection.mapping.rtstruct.instance import sop_class_of_structure_set
from imaging_selection.mapping.selection import build_selection
from imaging_selection.mapping.sop_class import sop_class_of
from imaging_selection.mapping.sr import concepts
from imaging_selection.mapping.sr.concepts import child_named, key_of
from imaging_selection.mapping.sr.profiles import code_of, name_of, profile_of
from imaging_selection.mapping.sr.regions import plane_regions_of, space_regions_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imaging_selection.dicom.entities import SopReference
    from imaging_selection.dicom.sr.content import ContentItem
    from imaging_selection.dicom.sr.report import Report
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.ids import OrthancIds
    from imaging_selection.mapping.choices import Choices

#: Value types of content items that select something.
SELECTING: Final = frozenset({"IMAGE", "COMPOSITE", "SCOORD", "SCOORD3D"})

#: Images that the coordinates of one region may be repeated for.
MAXIMUM_IMAGES: Final = 100


class Selections:
    """Builds the selections of one report, each once.

    Attributes
    ----------
    resources
        Those that were built so far, in the order of their first use.
    invalid
        Positions of the items whose coordinates form no region.
    """

    def __init__(
        self, report: Report, ids: OrthancIds, choices: Choices, subject: Resource
    ) -> None:
        self._report = report
        self._ids = ids
        self._choices = choices
        self._subject = subject
        self._places = Places(report, report.evidence)
        self._items = {item.position: item for item in report.root.walk()}
        self._built: dict[tuple[int, ...], list[Resource]] = {}
        self._profiles: dict[str, str | None] = {}  # by reference
        self.resources: list[Resource] = []
        self.invalid: list[tuple[int, ...]] = []

    def item_at(self, position: tuple[int, ...]) -> ContentItem | None:
        """Return the content item that another one refers to."""
        return self._items.get(position)

    def references_to(
        self, item: ContentItem, sources: Sequence[Resource] = ()
    ) -> list[Resource]:
        """Return references to what an item selects; build it, if it is not served.

        Parameters
        ----------
        sources
            References to the source images of a segmentation.
        """
        if item.position not in self._built:
            self._built[item.position] = [*self._references(item, sources)]
        return self._built[item.position]

    def has_own(self, references: Sequence[Resource]) -> bool:
        """Return whether one of these is a selection of the report itself."""
        prefix = f"ImagingSelection/{self._ids.instance}"
        return any(each["reference"].startswith(prefix) for each in references)

    def may_be_claimed(self, references: Sequence[Resource]) -> bool:
        """Return whether the profiles of an Observation admit these references.

        `derivedFrom` may have one selection of each profile.
        """
        profiles = [self._profiles.get(each["reference"]) for each in references]
        known = [each for each in profiles if each]
        return len(known) == len(set(known))

    def _references(
        self, item: ContentItem, sources: Sequence[Resource]
    ) -> Iterator[Resource]:
        key = key_of(item.name)
        if key == concepts.REGION_IN_SPACE and item.references:
            yield self._region_in_space(item)
        elif item.segments and key != concepts.SEGMENTATION_FRAME:
            for segment in item.segments:
                yield self._segment(item, segment, sources)
        elif item.value_type == "SCOORD":
            yield self._add(item, self._plane(item), sources)
        elif item.value_type == "SCOORD3D":
            yield self._add(item, self._space(item), sources)
        elif item.value_type == "UIDREF":
            yield self._add(item, {"seriesUid": item.uid}, ())
        elif item.references:
            takes_sources = key == concepts.SEGMENTATION_FRAME
            instances = [_instance(each) for each in item.references]
            yield self._add(
                item,
                self._located(item.references, instances),
                sources if takes_sources else (),
            )

    def _region_in_space(self, item: ContentItem) -> Resource:
        """Refer to a ROI (PS3.16 TID 1411 row 12b), by its number."""
        reference = item.references[0]
        identifier = child_named(item, concepts.ROI_IDENTIFIER)
        number = _number_of(identifier.text if identifier else None)
        identity = self._places.selection_id_of(reference, STRUCTURE_SETS, number)
        if identity and number is not None:
            return self._served(identity, reference, f"ROI {number}", "region-in-space")
        instance = _instance(reference)
        if reference.sop_class_uid in STRUCTURE_SETS:
            coding = self._choices.sop_class_coding
            instance["sopClass"] = sop_class_of_structure_set(coding)
        if number is not None:
            instance["subset"] = [str(number)]
        return self._add(item, self._located([reference], [instance]), ())

    def _segment(
        self, item: ContentItem, number: int, sources: Sequence[Resource]
    ) -> Resource:
        reference = item.references[0]
        identity = self._places.selection_id_of(reference, SEGMENTATIONS, number)
        if identity:
            return self._served(
                identity, reference, f"Segment {number}", "referenced-segment"
            )
        instance = _instance(reference) | {"subset": [str(number)]}
        elements = self._located([reference], [instance])
        part = number if len(item.segments) > 1 else ""
        return self._add(item, elements, sources, part)

    def _plane(self, item: ContentItem) -> Resource:
        """Build the elements of a region on images (SCOORD), which are below it."""
        assert item.region is not None  # noqa: S101 - as the reader makes a SCOORD
        references = [
            reference
            for child in item.children
            if (image := self._items.get(child.target, child)).value_type == "IMAGE"
            for reference in image.references
        ]
        # It is selected from one image (PS3.16 TID 1410); of very many, each would
        # repeat the coordinates.
        is_too_much = len(references) > MAXIMUM_IMAGES
        regions = [] if is_too_much else plane_regions_of(item.region)
        if not regions:
            self.invalid.append(item.position)
        instances = [
            _instance(each) | ({"imageRegion2D": regions} if regions else {})
            for each in references
        ]
        return self._located(references, instances)

    def _space(self, item: ContentItem) -> Resource:
        """Build the elements of a region in a frame of reference (SCOORD3D).

        Its coordinates are in the report itself, which so is its instance.
        """
        assert item.region is not None  # noqa: S101 - as the reader makes a SCOORD3D
        report = self._report
        regions = space_regions_of(item.region)
        if not regions:
            self.invalid.append(item.position)
        instance = {
            "uid": report.sop_instance_uid,
            "sopClass": sop_class_of(report.sop_class_uid),
            "imageRegion3D": regions,
        }
        return {
            "studyUid": report.study_instance_uid,
            "seriesUid": report.series_instance_uid,
            "frameOfReferenceUid": item.region.frame_of_reference_uid,
            "instance": [instance] if regions else [],
        }

    def _located(
        self, references: Sequence[SopReference], instances: list[Resource]
    ) -> Resource:
        place = self._places.of(references) if references else Place()
        return {
            "studyUid": place.study,
            "seriesUid": place.series,
            "instance": _merged(instances),
        }

    def _add(
        self,
        item: ContentItem,
        elements: Resource,
        sources: Sequence[Resource],
        part: int | str = "",
    ) -> Resource:
        identity = content_item_id(self._ids.instance, item.position, part)
        code = code_of(item)
        profile = profile_of(item, elements)
        selection = build_selection(
            identity=identity,
            level="region",
            profile=profile,
            subject=self._subject,
            approval_status=None,
            findings=(),
            elements={
                **elements,
                "text": narrative_of(
                    "What a report refers to",
                    [
                        ("Concept", name_of(code)),
                        *(("Instance", e["uid"]) for e in elements.get("instance", ())),
                    ],
                ),
                "code": code,
                "derivedFrom": derived_from_of(
                    elements.get("studyUid"), self._report, self._ids
                ),
                "focus": [*sources],
            },
        )
        self.resources.append(selection)
        made = _reference(identity)
        self._profiles[made["reference"]] = profile
        return made

    def _served(
        self, identity: str, reference: SopReference, display: str, profile: str
    ) -> Resource:
        """Refer to a selection of another DICOM object, stored or not."""
        made = _reference(identity)
        self._profiles[made["reference"]] = profile
        identifier = fhir.uid_identifier(reference.sop_instance_uid)
        return made | {"identifier": identifier, "display": display}


def _reference(identity: str) -> Resource:
    return {"reference": f"ImagingSelection/{identity}", "type": "ImagingSelection"}


def _instance(reference: SopReference) -> Resource:
    uid = reference.sop_class_uid
    return fhir.without_absent(
        {
            "uid": reference.sop_instance_uid,
            "sopClass": sop_class_of(uid) if uid and fhir.is_oid_of_uid(uid) else None,
            "subset": [str(frame) for frame in reference.frames],
        }
    )


def _merged(instances: list[Resource]) -> list[Resource]:
    """Drop repeated instances."""
    return list({fhir.dumps(each): each for each in instances}.values())


def _number_of(text: str | None) -> int | None:
    """Parse the ROI Number that stands there as text; None if it is none."""
    try:
        return int(text) if text and text.isascii() else None
    except ValueError:
        return None
