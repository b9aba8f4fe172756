"""What the API needs of the configuration, of the store and of Orthanc: protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from imaging_selection.search.parameters import IMAGING_SELECTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import tzinfo

    from imaging_selection.mapping.related import StudyImage
    from imaging_selection.search.criteria import Position, Query


class SiteSettings(Protocol):
    """The settings that the API reads; `host.config` explains each."""

    @property
    def scheme(self) -> str: ...  # noqa: D102
    @property
    def fhir_root(self) -> str: ...  # noqa: D102
    @property
    def public_base_url(self) -> str | None: ...  # noqa: D102
    @property
    def trust_forwarded_headers(self) -> bool: ...  # noqa: D102
    @property
    def maximum_page_size(self) -> int: ...  # noqa: D102
    @property
    def cors_origins(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def timezone(self) -> tzinfo | None: ...  # noqa: D102


class StoredSelection(Protocol):
    """A resource in the store; `resource` is its JSON as it is served."""

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


class SearchPage(Protocol):
    """Matches of a search; and the place after which more follow, if any do."""

    @property
    def matches(self) -> tuple[StoredSelection, ...]: ...  # noqa: D102
    @property
    def next_after(self) -> Position | None: ...  # noqa: D102


class Change(Protocol):
    """The last change of a resource: it was stored, or deleted."""

    @property
    def resource_type(self) -> str: ...  # noqa: D102
    @property
    def stored(self) -> StoredSelection: ...  # noqa: D102


class SelectionReader(Protocol):
    """Reads resources from the store."""

    def limited(self) -> AbstractContextManager[None]:
        """Limit the time of everything that this thread reads in a `with` block."""

    def read(self, resource_id: str, resource_type: str) -> StoredSelection | None:
        """Return a resource by its id, a deleted one too; None if there is none."""

    def search(self, query: Query) -> SearchPage:
        """Return a page of the resources that match."""

    def history(
        self,
        types: tuple[str, ...],
        span: tuple[int, int],
        count: int,
        after: Position | None,
    ) -> tuple[Sequence[Change], Position | None]:
        """Return the last change of each resource of some types, the last one first.

        `span` is the first moment, and the first after it, in microseconds since 1970;
        with the position the next page begins.
        """

    def count(self, query: Query) -> int:
        """Return how many resources match."""

    def below(
        self, orthanc_ids: Iterable[str], resource_type: str = IMAGING_SELECTION
    ) -> tuple[StoredSelection, ...]:
        """Return the resources of one type that some instances became."""


class Entry(Protocol):
    """The outcome of the conversion of an object: its kind, the reason of a failure."""

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def reason(self) -> str | None: ...  # noqa: D102


class Catalogue(Protocol):
    """The structure sets of Orthanc, and the state of their conversion."""

    def is_waiting(self, orthanc_id: str) -> bool:
        """Return whether the store may be out of date for this structure set."""

    def entry(self, orthanc_id: str) -> Entry | None:
        """Return the outcome for a structure set; convert it first if that is due.

        None if Orthanc has no structure set of this id.
        """

    def refresh(self, resource_type: str, resource_id: str) -> None:
        """Make a Patient or ImagingStudy again from Orthanc, if something refers to it.

        Afterwards the store has it as Orthanc knows it, or not at all.
        """

    def contours(self, selection: StoredSelection) -> Iterator[bytes]:
        """Write a selection with its contours, as JSON in parts.

        Raises
        ------
        WithoutContoursError
            The selection is one of source images.
        DicomError
            The file cannot be followed to its contours.
        ExceededError, BusyError
            There is too much to do, in this file or altogether.
        """

    def compare(self, before: str, after: str) -> dict[str, Any]:
        """Compare two structure sets, given by Orthanc's ids.

        Raises
        ------
        DicomError
            A file cannot be read, or they are of two patients.
        ExceededError, BusyError
            There is too much to do, in these files or altogether.
        """

    def below(self, resource_type: str, orthanc_id: str) -> list[str] | None:
        """Return the structure sets of a series, study or patient; None if unknown.

        `resource_type` is as in Orthanc's paths: `series`, `studies` or `patients`.
        """

    def status(self) -> dict[str, Any]:
        """Return how complete the store is (route `status`)."""

    def reconcile(self, *, force: bool) -> None:
        """Start a sweep now; with `force`, one that converts everything again."""

    def resend(self, name: str, *, force: bool, orthanc_id: str | None) -> bool:
        """Deliver to a target again what could not be delivered.

        Parameters
        ----------
        force
            Deliver everything again.
        orthanc_id
            Deliver this object again, and no other.

        Returns
        -------
        bool
            Whether there is such a target.
        """


class Archive(Protocol):
    """What the API itself asks of Orthanc."""

    def images_of_study(
        self, study_id: str, maximum: int
    ) -> Mapping[str, Sequence[StudyImage]]:
        """Return the instances of a study by Series Instance UID.

        None of them, if there are more than the maximum.

        Raises
        ------
        SourceError
            Orthanc does not answer.
        """

    def dicom_web_root(self) -> str | None:
        """Return the path of DICOMweb; None if that plugin is not loaded."""

    def studies_of_images(self, uids: Iterable[str]) -> list[str]:
        """Return Orthanc's ids of the studies that have an image with one of the UIDs.

        Raises
        ------
        SourceError
            Orthanc does not answer.
        """
