"""The content tree of a structured report, as frozen values (PS3.3 2025a, C.17.3).

No pydicom, no FHIR, no bytes. What is absent is None or an empty tuple: nothing is ever
invented. Text is decoded, without padding, and never empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imaging_selection.dicom.entities import Code, Moment, SopReference


@dataclass(frozen=True, slots=True)
class Number:
    """The value of a NUM (C.18.1).

    Attributes
    ----------
    value
        Numeric Value (0040,A30A), DS text with its digits.
    floating
        Floating Point Value (0040,A161): there when the text is not precise enough.
    unit
        Measurement Units Code Sequence (0040,08EA).
    qualifier
        Numeric Value Qualifier Code Sequence (0040,A301), such as "Not a number".
    """

    value: str | None = None
    floating: float | None = None
    unit: Code | None = None
    qualifier: Code | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """The value of a SCOORD or SCOORD3D (C.18.6, C.18.9).

    Attributes
    ----------
    graphic_type
        Graphic Type (0070,0023), as written.
    coordinates
        Graphic Data (0070,0022): columns and rows in pixels, or x, y, z in mm.
    frame_of_reference_uid
        Of a SCOORD3D (3006,0024).
    """

    graphic_type: str | None
    coordinates: tuple[float, ...]
    frame_of_reference_uid: str | None = None


@dataclass(frozen=True, slots=True)
class ContentItem:
    """One content item, with all that is below it.

    Attributes
    ----------
    position
        Its Referenced Content Item Identifier (C.17.3.2.5): the root is 1, and its
        second child 1, 2.
    relationship
        Relationship Type (0040,A010) to its parent; None at the root.
    value_type
        Value Type (0040,A040); None if the item only refers to another one.
    name
        Concept Name Code Sequence (0040,A043).
    target
        Of an item by reference: the position of the item that it refers to.
    text
        Of TEXT, DATE, TIME, DATETIME, PNAME: the value as written.
    references, segments
        Of IMAGE, COMPOSITE, WAVEFORM: instances, and Referenced Segment Numbers.
    moment
        Observation DateTime (0040,A032).
    template
        Template Identifier (0040,DB00) of a CONTAINER.
    """

    position: tuple[int, ...]
    relationship: str | None = None
    value_type: str | None = None
    name: Code | None = None
    target: tuple[int, ...] = ()
    text: str | None = None
    code: Code | None = None
    uid: str | None = None
    number: Number | None = None
    region: Region | None = None
    references: tuple[SopReference, ...] = ()
    segments: tuple[int, ...] = ()
    observation_uid: str | None = None
    moment: Moment | None = None
    template: str | None = None
    children: tuple[ContentItem, ...] = ()

    def walk(self) -> Iterator[ContentItem]:
        """Yield the item and all below it, in the order of the document."""
        yield self
        for child in self.children:
            yield from child.walk()
