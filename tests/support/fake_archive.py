"""The archive of the fake Orthanc: its instances, its change log, its REST answers.

A path or a query that has not been measured on a real Orthanc is NotImplementedError.
"""

import hashlib
import io
import json
import re
import threading
import uuid
import warnings
from dataclasses import dataclass, field

import pydicom

PATIENT, STUDY, SERIES, INSTANCE, NONE = range(5)
COLLECTIONS = ("patients", "studies", "series", "instances")
TYPES = ("Patient", "Study", "Series", "Instance")
# As many of Orthanc's main DICOM tags as the plugin reads.
MAIN_TAGS = {
    STUDY: ("StudyInstanceUID", "StudyDate", "StudyDescription"),
    SERIES: ("SeriesInstanceUID", "Modality", "SeriesDescription", "SeriesNumber"),
    INSTANCE: ("SOPInstanceUID",),
}
DELETED, NEW_CHILD_INSTANCE, NEW_INSTANCE = 1, 2, 3
NEW = {PATIENT: 4, SERIES: 5, STUDY: 6, INSTANCE: NEW_INSTANCE}

UNKNOWN_RESOURCE = (17, "Unknown resource")
INEXISTENT_ITEM = (7, "Accessing an inexistent item")
BAD_REQUEST = (8, "Bad request")


class OrthancException(Exception):  # noqa: N818 - the host's own name
    """`orthanc.OrthancException`: its arguments are a code and a text."""


@dataclass
class StoredInstance:
    """An instance of the archive: its ids from patient to instance, and its file."""

    ids: tuple[str, str, str, str]
    file: bytes
    modality: str
    sop_class_uid: str
    tags: dict
    file_uuid: str = field(default_factory=lambda: str(uuid.uuid4()))


def read_instance(file):
    """Read a DICOM file as Orthanc does: what is no UID is taken too."""
    dataset = pydicom.dcmread(io.BytesIO(file), force=True, stop_before_pixels=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = (
            dataset.PatientID,
            dataset.StudyInstanceUID,
            dataset.SeriesInstanceUID,
            dataset.SOPInstanceUID,
        )
    digests = [
        hashlib.sha1("|".join(names[: k + 1]).encode(), usedforsecurity=False)
        for k in range(4)
    ]
    ids = tuple("-".join(re.findall(".{8}", each.hexdigest())) for each in digests)
    return StoredInstance(
        ids, file, dataset.Modality, str(dataset.SOPClassUID), _simplified(dataset)
    )


class Archive:
    """The instances, in the order in which they were stored.

    A change is (kind, resource type, Orthanc id), as a callback gets it.
    """

    def __init__(self):
        self._instances = {}
        self._log = []
        self._number = 0  # of the last change
        self._lock = threading.RLock()

    def store(self, instance, *, overwrite):
        """Add an instance; return whether it is kept, and the changes."""
        orthanc_id = instance.ids[INSTANCE]
        with self._lock:
            known = orthanc_id in self._instances
            if known and not overwrite:
                return False, []
            deletions = self.delete(orthanc_id) if known else []
            additions = self._add(instance)
            self._write_log(additions)
            return True, deletions + additions

    def delete(self, orthanc_id):
        """Delete an instance, and what is empty without it; return the changes."""
        with self._lock:
            ids = self._instances.pop(orthanc_id).ids
            left = {name for each in self._instances.values() for name in each.ids}
            # The log loses the entries of what is deleted.
            self._log = [each for each in self._log if each["ID"] in left]
        return [
            (DELETED, depth, name) for depth, name in enumerate(ids) if name not in left
        ]

    def get(self, path):
        """Answer `RestApiGet`."""
        path, _, query = path.partition("?")
        parts = path.strip("/").split("/")
        with self._lock:
            if parts == ["changes"]:
                return self._changes(query)
            if parts == ["series"] and not query:
                every = self._instances.values()
                return to_json([*dict.fromkeys(each.ids[SERIES] for each in every)])
            return self._resource(*parts)

    def find(self, body, configuration):
        """Answer `POST /tools/find`.

        Of a limit that is configured, Orthanc 1.10.1 returns one more.
        """
        try:
            query = json.loads(body)
            resource_type, wanted = query["Level"], query["Query"]
        except (ValueError, KeyError, TypeError):
            raise OrthancException(*BAD_REQUEST) from None
        depth = {"Series": SERIES, "Instance": INSTANCE}.get(resource_type, NONE)
        names = {"Modality"} if depth == INSTANCE else set()
        if depth == NONE or not wanted.keys() <= names | {*MAIN_TAGS[depth][:1]}:
            raise NotImplementedError(f"this query has not been measured: {query}")
        with self._lock:
            found = dict.fromkeys(
                each.ids[depth]
                for each in self._instances.values()
                if all(_is_one_of(each.tags[k], text) for k, text in wanted.items())
            )
            name = "LimitFindInstances" if depth == INSTANCE else "LimitFindResults"
            limit = configuration.get(name, 0)
            kept = [*found][: limit or None]
            if query.get("Expand"):
                kept = [_describe(depth, self._within(depth, each)) for each in kept]
            return to_json(kept)

    def _add(self, instance):
        known = {name for each in self._instances.values() for name in each.ids}
        self._instances[instance.ids[INSTANCE]] = instance
        upwards = (INSTANCE, SERIES, STUDY, PATIENT)
        ids = instance.ids
        return [
            *((NEW[d], d, ids[d]) for d in upwards if ids[d] not in known),
            *((NEW_CHILD_INSTANCE, d, ids[d]) for d in upwards[1:]),
        ]

    def _write_log(self, changes):
        for kind, depth, orthanc_id in changes:
            if kind == NEW_CHILD_INSTANCE:
                continue  # callbacks get it, the log does not
            self._number += 1
            entry = {
                "ChangeType": f"New{TYPES[depth]}",
                "Date": "20210304T050607",
                "ID": orthanc_id,
                "Path": _path(depth, orthanc_id),
                "ResourceType": TYPES[depth],
                "Seq": self._number,
            }
            self._log.append(entry)

    def _changes(self, query):
        log = self._log
        if query == "last":
            return to_json({"Changes": log[-1:], "Done": True, "Last": _last(log)})
        asked = dict(pair.split("=") for pair in query.split("&"))
        if asked.keys() != {"since", "limit"}:
            raise NotImplementedError(f"this has not been measured: {query}")
        following = [each for each in log if each["Seq"] > int(asked["since"])]
        page = following[: int(asked["limit"])]
        done = len(page) == len(following)
        return to_json({"Changes": page, "Done": done, "Last": _last(page or log)})

    def _resource(self, collection, orthanc_id="", *rest):
        depth = _depth(collection)
        within = [
            each
            for each in self._instances.values()
            if orthanc_id in each.ids[depth:][:1]
        ]
        if not within:
            raise OrthancException(*UNKNOWN_RESOURCE)
        if not rest:
            return to_json(_describe(depth, within))
        if depth == INSTANCE and rest == ("series",):
            name = within[0].ids[SERIES]
            return to_json(_describe(SERIES, self._within(SERIES, name)))
        if depth == INSTANCE:
            return _instance_part(within[0], *rest)
        child = _depth(rest[0])
        if child <= depth or child == NONE or len(rest) > 1:
            raise OrthancException(*UNKNOWN_RESOURCE)
        children = dict.fromkeys(each.ids[child] for each in within)
        return to_json([_describe(child, self._within(child, c)) for c in children])

    def _within(self, depth, orthanc_id):
        every = self._instances.values()
        return [each for each in every if each.ids[depth] == orthanc_id]


def to_json(value):
    """Format JSON as Orthanc does."""
    return json.dumps(value, indent=3).encode()


def _depth(collection):
    return COLLECTIONS.index(collection) if collection in COLLECTIONS else NONE


def _path(depth, orthanc_id):
    return f"/{COLLECTIONS[depth]}/{orthanc_id}"


def _last(entries):
    return entries[-1]["Seq"] if entries else 0


def _describe(depth, within):
    """Describe a resource by the instances within it."""
    first = within[0]
    described = {"ID": first.ids[depth], "Type": TYPES[depth]}
    if depth > PATIENT:
        described[f"Parent{TYPES[depth - 1]}"] = first.ids[depth - 1]
    if depth < INSTANCE:
        children = COLLECTIONS[depth + 1].capitalize()
        described[children] = [*dict.fromkeys(e.ids[depth + 1] for e in within)]
    else:
        described["FileSize"] = len(first.file)
        described["FileUuid"] = first.file_uuid
    described["MainDicomTags"] = {
        name: first.tags[name]
        for name in MAIN_TAGS.get(depth, ())
        if name in first.tags
    }
    return described


def _is_one_of(value, texts):
    """Match a value with those of a query: several are separated by a backslash."""
    return value.upper() in texts.upper().split("\\")


def _instance_part(instance, *path):
    if path == ("file",):
        return instance.file
    if path == ("metadata", "SopClassUid"):
        return instance.sop_class_uid.encode()
    if path == ("simplified-tags",):
        return to_json(instance.tags)
    if path[0] == "metadata":
        raise OrthancException(*INEXISTENT_ITEM)
    raise NotImplementedError(f"this has not been measured: {path}")


def _simplified(dataset):
    """Return a data set by keyword: values as text, items as such, no bytes."""
    return {
        element.keyword: [_simplified(item) for item in element.value]
        if element.VR == "SQ"
        else "\\".join(map(_as_text, _values(element)))
        for element in dataset
        if not element.tag.is_private and element.VR not in {"OB", "OW", "UN"}
    }


def _values(element):
    return element.value if element.VM > 1 else [element.value]


def _as_text(value):
    return str(getattr(value, "original_string", "" if value is None else value))
