"""What `sync` asks of Orthanc, and the form of the answers.

An object is a DICOM instance of a kind that the plugin converts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from imaging_selection.ids import OrthancIds


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance that Orthanc holds.

    Attributes
    ----------
    attachment_uuid
        Orthanc's id of the DICOM file; it changes when the instance is overwritten.
    size
        Of the DICOM file, in bytes.
    kind
        What the plugin counts it as (`objects.Kind.group`); None if it does not convert
        instances of this SOP class.
    """

    ids: OrthancIds
    attachment_uuid: str
    size: int
    kind: str | None


@dataclass(frozen=True, slots=True)
class Series:
    """A series that Orthanc holds."""

    modality: str
    orthanc_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """An entry of Orthanc's change log; later entries have greater numbers."""

    number: int
    kind: str
    resource_id: str
    date: str


class Source(Protocol):
    """What is asked of Orthanc.

    Every method raises SourceError when Orthanc does not answer.
    """

    def instance(self, orthanc_id: str) -> Instance | None:
        """Return the description of an instance; None if unknown."""

    def attachment_uuid(self, orthanc_id: str) -> str | None:
        """Return Orthanc's id of the DICOM file of an instance; None if unknown."""

    def kind_of(self, orthanc_id: str) -> str | None:
        """Return what the plugin counts an instance as; None if it is not converted."""

    def series_ids(self) -> list[str]:
        """Return the ids of all series."""

    def series(self, series_id: str) -> Series | None:
        """Return the description of a series; None if unknown."""

    def changes(self, after: int, limit: int) -> list[Change]:
        """Return entries of the change log, in order, that follow a number."""

    def last_change(self) -> Change | None:
        """Return the last entry of the change log; None when the log is empty."""
