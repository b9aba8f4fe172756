"""What the pages need of Orthanc: a protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imaging_selection.ids import OrthancIds


class HeldInstance(Protocol):
    """An instance that Orthanc holds."""

    @property
    def ids(self) -> OrthancIds: ...  # noqa: D102


class ImageArchive(Protocol):
    """What Orthanc knows of instances and images; descriptions are its own JSON."""

    def instance(self, orthanc_id: str) -> HeldInstance | None:
        """Return an instance with Orthanc's ids of what it is part of, or None."""

    def study(self, orthanc_id: str) -> dict[str, Any] | None:
        """Return a study; None if unknown."""

    def studies_of_patient(self, patient_id: str) -> list[dict[str, Any]]:
        """Return the studies of a patient, each with the ids of its series."""

    def series_of_study(self, study_id: str) -> list[dict[str, Any]]:
        """Return the series of a study."""

    def image_series(self, series_id: str) -> dict[str, Any] | None:
        """Return a series by Orthanc's id; None if unknown."""

    def find_images(self, uids: Iterable[str]) -> list[dict[str, Any]]:
        """Return the instances with one of these UIDs, of every patient."""

    def find_series(self, uids: Iterable[str]) -> list[dict[str, Any]]:
        """Return the series with one of these UIDs, of every patient."""

    def tags(self, orthanc_id: str) -> dict[str, Any] | None:
        """Return the data set of an instance by keyword, values as text, or None."""
