"""Ask Orthanc for instances and what they are part of, by its own REST API."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from imaging_selection.errors import SourceError
from imaging_selection.ids import OrthancIds
from imaging_selection.mapping.related import StudyImage
from imaging_selection.objects import OBJECTS
from imaging_selection.sync.download import Download
from imaging_selection.sync.ports import Change, Instance, Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# UIDs of one query: Orthanc describes what it finds while every Python thread waits.
UIDS_AT_ONCE = 100

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}")
_UID = re.compile(r"[A-Za-z0-9.\-]{1,64}")
_ABSENT = {7, 17}  # orthanc.ErrorCode: INEXISTENT_ITEM, UNKNOWN_RESOURCE


class OrthancSource:
    """Orthanc, as `sync` and `api` see it; not to be used inside a callback.

    Every method raises SourceError when Orthanc does not answer. What Orthanc describes
    as JSON is returned in that form; None when the id is unknown.
    """

    def __init__(self, orthanc: Any) -> None:
        self._orthanc = orthanc
        # None: not asked so far. Orthanc loads its plugins once.
        self._own_url: str | None = None
        self._token = ""
        self._dicom_web: tuple[str, ...] | None = None

    def instance(self, orthanc_id: str) -> Instance | None:
        """Return the description of an instance; None if unknown."""
        instance = self._get("instances", orthanc_id)
        if instance is None:
            return None
        series = self._get("series", instance["ParentSeries"])
        study = series and self._get("studies", series["ParentStudy"])
        if not study:
            return None  # deleted between the calls
        ids = OrthancIds(
            patient=study["ParentPatient"],
            study=study["ID"],
            series=instance["ParentSeries"],
            instance=orthanc_id,
        )
        return Instance(
            ids,
            instance["FileUuid"],
            instance["FileSize"],
            self.kind_of(orthanc_id),
        )

    def file(self, orthanc_id: str) -> bytes:
        """Return the DICOM file of an instance."""
        content = self._fetch(f"/instances/{orthanc_id}/file")
        if content is None:
            raise SourceError("Orthanc has no file of the instance")
        return content

    def download(self, orthanc_id: str, size: int) -> Download | None:
        """Return where the DICOM file of an instance is; None without a web server.

        Parameters
        ----------
        size
            Of the file, in bytes.
        """
        generate = getattr(self._orthanc, "GenerateRestApiAuthorizationToken", None)
        if generate is None:
            return None
        if self._own_url is None:
            self._own_url = _own_url(json.loads(self._orthanc.GetConfiguration()))
            self._token = generate()
        url = f"{self._own_url}/instances/{orthanc_id}/attachments/dicom/data"
        return Download(url, self._token, size) if self._own_url else None

    def file_size(self, orthanc_id: str) -> int:
        """Return the size of the DICOM file of an instance, in bytes; 0 if unknown."""
        instance = self._get("instances", orthanc_id)
        return 0 if instance is None else int(instance["FileSize"])

    def attachment_uuid(self, orthanc_id: str) -> str | None:
        """Return Orthanc's id of the DICOM file of an instance; None if unknown."""
        instance = self._get("instances", orthanc_id)
        return None if instance is None else str(instance["FileUuid"])

    def kind_of(self, orthanc_id: str) -> str | None:
        """Return what the plugin counts an instance as; None if it is not converted."""
        sop_class_uid = self._fetch(f"/instances/{orthanc_id}/metadata/SopClassUid")
        kind = OBJECTS.get((sop_class_uid or b"").decode("ascii", "replace"))
        return kind.group if kind else None

    def series_ids(self) -> list[str]:
        """Return the ids of all series."""
        return list(json.loads(self._fetch("/series") or b"[]"))

    def series(self, series_id: str) -> Series | None:
        """Return the description of a series; None if unknown."""
        series = self._get("series", series_id)
        if series is None:
            return None
        modality = series["MainDicomTags"].get("Modality", "")
        return Series(modality.strip(), tuple(series["Instances"]))

    def changes(self, after: int, limit: int) -> list[Change]:
        """Return entries of the change log, in order, that follow a number."""
        return self._changes(f"since={after}&limit={limit}")

    def last_change(self) -> Change | None:
        """Return the last entry of the change log; None when the log is empty."""
        last = self._changes("last")
        return last[0] if last else None

    def _changes(self, query: str) -> list[Change]:
        content = self._fetch(f"/changes?{query}")
        entries = [] if content is None else json.loads(content)["Changes"]
        return [
            Change(each["Seq"], each["ChangeType"], each["ID"], each["Date"])
            for each in entries
        ]

    def measure(self, name: str, value: float) -> None:
        """Publish a metric, at `/tools/metrics-prometheus`."""
        kind = self._orthanc.MetricsType.DEFAULT
        self._orthanc.SetMetricsValue(name, float(value), kind)

    def instances_below(self, resource_type: str, orthanc_id: str) -> list[str] | None:
        """Return the convertible instances of a resource; None if unknown.

        Parameters
        ----------
        resource_type
            `series`, `studies` or `patients`.
        """
        found = self._get(resource_type, orthanc_id)
        if found is None:
            return None
        every_series = [found]
        if resource_type != "series":
            every_series = self._series_below(resource_type, orthanc_id)
        return [
            name
            for series in every_series
            for name in series["Instances"]
            if self.kind_of(name)
        ]

    def patient(self, orthanc_id: str) -> dict[str, Any] | None:
        """Return a patient as Orthanc describes it."""
        return self._get("patients", orthanc_id)

    def study(self, orthanc_id: str) -> dict[str, Any] | None:
        """Return a study as Orthanc describes it."""
        return self._get("studies", orthanc_id)

    def series_of_study(self, study_id: str) -> list[dict[str, Any]]:
        """Return the series of a study as Orthanc describes them."""
        return self._series_below("studies", study_id)

    def images_of_study(
        self, study_id: str, maximum: int
    ) -> dict[str, list[StudyImage]]:
        """Return the instances of a study by Series Instance UID.

        None of them, if there are more than the maximum: each is asked for by itself.
        """
        series = self.series_of_study(study_id)
        if sum(len(each["Instances"]) for each in series) > maximum:
            return {}
        return {
            each["MainDicomTags"].get("SeriesInstanceUID", ""): [
                self._study_image(instance)
                for instance in self._get("series", each["ID"], "/instances") or ()
            ]
            for each in series
        }

    def _study_image(self, instance: Any) -> StudyImage:
        sop_class_uid = self._fetch(f"/instances/{instance['ID']}/metadata/SopClassUid")
        return StudyImage(
            instance["MainDicomTags"].get("SOPInstanceUID", ""),
            (sop_class_uid or b"").decode("ascii", "replace").strip("\0 "),
            instance["MainDicomTags"].get("InstanceNumber", ""),
        )

    def studies_of_patient(self, patient_id: str) -> list[dict[str, Any]]:
        """Return the studies of a patient as Orthanc describes them."""
        found: Any = self._get("patients", patient_id, "/studies")
        return found or []

    def image_series(self, series_id: str) -> dict[str, Any] | None:
        """Return a series as Orthanc describes it; None if unknown."""
        return self._get("series", series_id)

    def find_images(self, uids: Iterable[str]) -> list[dict[str, Any]]:
        """Return the instances with one of these SOP Instance UIDs, of every patient.

        Orthanc's ids include the Patient ID: a UID may be that of several instances.
        """
        return self._find("Instance", "SOPInstanceUID", uids)

    def find_series(self, uids: Iterable[str]) -> list[dict[str, Any]]:
        """Return the series with one of these UIDs, of every patient."""
        return self._find("Series", "SeriesInstanceUID", uids)

    def _find(
        self, resource_type: str, keyword: str, uids: Iterable[str]
    ) -> list[dict[str, Any]]:
        wanted = list(dict.fromkeys(uids))
        return [
            each
            for start in range(0, len(wanted), UIDS_AT_ONCE)
            for each in self._find_some(
                resource_type, keyword, wanted[start : start + UIDS_AT_ONCE]
            )
        ]

    def _find_some(
        self, resource_type: str, keyword: str, uids: list[str]
    ) -> list[dict[str, Any]]:
        query = {
            "Level": resource_type,
            "Query": {keyword: "\\".join(uids)},
            "Expand": True,
        }
        try:
            content = self._orthanc.RestApiPost("/tools/find", json.dumps(query))
        except self._orthanc.OrthancException as error:
            raise _no_answer(error) from error
        found = json.loads(content)
        if len(uids) > 1 and self._is_incomplete(resource_type, len(found)):
            middle = len(uids) // 2
            return [
                *self._find_some(resource_type, keyword, uids[:middle]),
                *self._find_some(resource_type, keyword, uids[middle:]),
            ]
        # Orthanc ignores case here.
        return [each for each in found if each["MainDicomTags"][keyword] in uids]

    def _is_incomplete(self, resource_type: str, count: int) -> bool:
        """Return whether Orthanc may have found more than it may return."""
        name = f"LimitFind{'Instances' if resource_type == 'Instance' else 'Results'}"
        limit = json.loads(self._orthanc.GetConfiguration()).get(name, 0)
        return bool(limit) and count >= limit

    def studies_of_images(self, uids: Iterable[str]) -> list[str]:
        """Return the ids of the studies with one of these images, of every patient."""
        legal = [each for each in uids if _UID.fullmatch(each)]  # no wildcard
        series_ids = {each["ParentSeries"] for each in self.find_images(legal)}
        found = [self.image_series(each) for each in sorted(series_ids)]
        return sorted({each["ParentStudy"] for each in found if each})

    def tags(self, orthanc_id: str) -> dict[str, Any] | None:
        """Return the data set of an instance, by keyword; None if unknown."""
        return self._get("instances", orthanc_id, "/simplified-tags")

    def dicom_web_root(self) -> str | None:
        """Return the path of DICOMweb; None when its plugin is not loaded, or off."""
        if self._dicom_web is None:
            self._dicom_web = self._dicom_web_roots()
        return next(iter(self._dicom_web), None)

    def _dicom_web_roots(self) -> tuple[str, ...]:
        plugins = json.loads(self._fetch("/plugins") or b"[]")
        section = json.loads(self._orthanc.GetConfiguration()).get("DicomWeb", {})
        is_on = "dicom-web" in plugins and section.get("Enable", True)
        return (section.get("Root", "/dicom-web/"),) if is_on else ()

    def _series_below(
        self, resource_type: str, orthanc_id: str
    ) -> list[dict[str, Any]]:
        found: Any = self._get(resource_type, orthanc_id, "/series")
        return found or []

    def _get(
        self, resource_type: str, orthanc_id: str, part: str = ""
    ) -> dict[str, Any] | None:
        if not _ID.fullmatch(orthanc_id):
            return None
        content = self._fetch(f"/{resource_type}/{orthanc_id}{part}")
        return None if content is None else json.loads(content)

    def _fetch(self, path: str) -> bytes | None:
        try:
            content: bytes = self._orthanc.RestApiGet(path)
        except self._orthanc.OrthancException as error:
            # Any other error does not prove that the resource is gone: Orthanc's index
            # may not answer, and then nothing must be removed from the store.
            if error.args[:1] and error.args[0] in _ABSENT:
                return None
            raise _no_answer(error) from error
        return content


def _own_url(configuration: Mapping[str, Any]) -> str:
    """Return the URL of Orthanc on this machine; empty without a web server."""
    if not configuration.get("HttpServerEnabled", True):
        return ""
    scheme = "https" if configuration.get("SslEnabled") is True else "http"
    return f"{scheme}://127.0.0.1:{configuration.get('HttpPort', 8042)}"


def _no_answer(error: Exception) -> SourceError:
    code = next(iter(error.args), "unknown")
    return SourceError(f"Orthanc does not answer (error {code})")
