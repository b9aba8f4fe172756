"""Build what delivers to other servers, from the settings and Orthanc."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imaging_selection.api.endpoint import ENDPOINT, Endpoints

if TYPE_CHECKING:
    from imaging_selection.delivery.deliveries import Deliveries
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.host.config import Settings
    from imaging_selection.host.source import OrthancSource
    from imaging_selection.store.engine import Database


def deliveries_of(
    settings: Settings, database: Database, source: OrthancSource, pause: float
) -> Deliveries | None:
    """Return what delivers to the targets of the settings; None without any.

    Its libraries take time and memory to load: only for who uses them.

    Parameters
    ----------
    pause
        As of `Sender`.
    """
    if not settings.deliver:
        return None
    from imaging_selection.delivery.deliveries import Deliveries  # noqa: PLC0415

    def endpoint() -> Resource | None:
        if not settings.public_base_url:
            return None
        origin = settings.public_base_url.removesuffix(settings.fhir_root)
        return Endpoints(source).read("Endpoint", ENDPOINT, origin)

    def exists(resource_type: str | None, orthanc_id: str) -> bool:
        if resource_type == "Patient":
            return source.patient(orthanc_id) is not None
        if resource_type == "ImagingStudy":
            return source.study(orthanc_id) is not None
        return source.attachment_uuid(orthanc_id) is not None

    return Deliveries(
        settings.deliver,
        database,
        endpoint=endpoint,
        exists=exists,
        compare_seconds=settings.reconcile_interval,
        pause=pause,
    )
