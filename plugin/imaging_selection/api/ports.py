"""What the API needs of the store and of Orthanc, and nothing more of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imaging_selection.search.criteria import Position, Query, TokenMatch


class StoredSelection(Protocol):
    """A selection as the store has it; `resource` is its JSON as it is served."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def orthanc_id(self) -> str: ...  # noqa: D102
    @property
    def deleted(self) -> bool: ...  # noqa: D102
    @property
    def version_id(self) -> int: ...  # noqa: D102
    @property
    def last_updated(self) -> str: ...  # noqa: D102
    @property
    def resource(self) -> bytes: ...  # noqa: D102


class Page(Protocol):
    """Matches of a search, and the place after which more follow, if any do."""

    @property
    def matches(self) -> tuple[StoredSelection, ...]: ...  # noqa: D102
    @property
    def next_after(self) -> Position | None: ...  # noqa: D102


class SelectionReader(Protocol):
    """Where selections are read."""

    def read(self, selection_id: str) -> StoredSelection | None:
        """Find a selection by its id; a deleted one too."""

    def search(self, query: Query) -> Page:
        """Find a page of selections."""

    def count(self, query: Query) -> int:
        """Count the selections that a search finds."""

    def below(self, orthanc_ids: Iterable[str]) -> tuple[StoredSelection, ...]:
        """List the selections of some structure sets."""

    def referenced(
        self,
        parameter: str,
        kind: str,
        identifiers: tuple[TokenMatch, ...],
        after: str,
        limit: int,
    ) -> list[str]:
        """List the ids that selections refer to, in their order, from one on."""


class Entry(Protocol):
    """What became of a structure set; the reason of a failure."""

    @property
    def reason(self) -> str | None: ...  # noqa: D102


class Catalogue(Protocol):
    """The structure sets, as far as requests touch on their conversion."""

    def is_waiting(self, orthanc_id: str) -> bool:
        """Tell whether the store may be behind Orthanc on a structure set."""

    def entry(self, orthanc_id: str) -> Entry | None:
        """Tell what became of a structure set, after converting it if that is due.

        None when Orthanc holds no structure set of this id.
        """

    def file(self, orthanc_id: str) -> bytes:
        """Fetch the DICOM file of a structure set."""

    def below(self, level: str, orthanc_id: str) -> list[str] | None:
        """List the structure sets of a series, study or patient; None if unknown."""

    def status(self) -> dict[str, Any]:
        """Tell how complete the store is (route `status`)."""

    def reconcile(self, *, force: bool) -> None:
        """Ask for a sweep now."""


class Archive(Protocol):
    """What Orthanc knows of patients and studies, in its own JSON."""

    def patient(self, orthanc_id: str) -> dict[str, Any] | None:
        """Describe a patient; None if unknown."""

    def study(self, orthanc_id: str) -> dict[str, Any] | None:
        """Describe a study; None if unknown."""

    def series_of_study(self, study_id: str) -> list[dict[str, Any]]:
        """Describe the series of a study."""

    def image_series(self, uid: str) -> list[dict[str, Any]]:
        """Describe the series with this UID, or that hold the image with this UID."""

    def instances_of_series(self, series_id: str) -> list[str] | None:
        """List the instances of a series; None if unknown."""

    def tags(self, orthanc_id: str) -> dict[str, Any] | None:
        """Give the data set of an instance by keyword, values as text; None if none."""

    def dicom_web_root(self) -> str | None:
        """Name the path of DICOMweb; None when that plugin is not loaded."""
