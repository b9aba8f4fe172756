"""The section `ImagingSelection` of Orthanc's configuration, read once and checked.

Every problem names its key; one problem is enough to run degraded, none is swallowed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from imaging_selection.errors import ConfigError
from imaging_selection.fhir.datatypes import identifier_system
from imaging_selection.store.sqlite import SQLITE_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SECTION = "ImagingSelection"
LEVELS = ("StructureSet", "Roi", "SourceImages")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the plugin was told, checked and with every default filled in.

    Attributes
    ----------
    fhir_root
        The path below which the FHIR API is served, such as `/fhir`.
    public_base_url
        The address of `fhir_root` as clients see it; None: taken from each request.
    levels
        Which selections are made: `StructureSet`, `Roi`, `SourceImages`.
    sop_class_coding
        `Profile` (the published code) or `Dicom` (the true UID, no profile claim).
    timezone
        Where times without a zone were taken; None: such times are left out.
    reconcile_interval
        Seconds between two sweeps.
    maximum_page_size
        The most matches that one page of a search holds.
    cors_origins
        Origins whose pages may read the FHIR API, such as `https://viewer.example.org`;
        `*`: every one.
    """

    enable: bool = True
    fhir_root: str = "/fhir"
    public_base_url: str | None = None
    trust_forwarded_headers: bool = False
    levels: tuple[str, ...] = LEVELS
    sop_class_coding: str = "Profile"
    timezone: ZoneInfo | None = None
    patient_identifier_system: str | None = None
    accession_number_system: str | None = None
    database_url: str | None = None
    reconcile_interval: int = 300
    maximum_page_size: int = 500
    cors_origins: tuple[str, ...] = ()


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - one kind for all
    return value


def _positive(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("must be a whole number above 0")
    return value


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004
    return value.strip() or None


def _root(value: Any) -> str:
    root = "/" + (_text(value) or "").strip("/")
    parts = root[1:].split("/")
    if root == "/" or not all(part.isidentifier() for part in parts):
        raise ValueError("must be a path such as /fhir")
    if parts[0] in _ORTHANC_ROOTS:
        raise ValueError(f"must be a path of its own: /{parts[0]} is Orthanc's")
    return root


# First parts of the paths of Orthanc's own REST API, 1.10.1 to 1.13.0.
_ORTHANC_ROOTS = frozenset(
    {
        *("app", "changes", "exports", "instances", "jobs", "modalities", "patients"),
        *("peers", "plugins", "queries", "series", "statistics", "storage", "studies"),
        *("system", "tools", "transforms"),
    }
)


def _url(value: Any) -> str | None:
    url = _text(value)
    if url and not url.startswith(("http://", "https://")):
        raise ValueError("must be an http:// or https:// address")
    return url and url.rstrip("/")


def _system(value: Any) -> str | None:
    system = _text(value)
    if system and identifier_system(system) != system:
        raise ValueError("must be a URI, such as urn:oid:1.2.3")
    return system


def _timezone(value: Any) -> ZoneInfo | None:
    name = _text(value)
    try:
        return ZoneInfo(name) if name else None
    except (LookupError, ValueError, OSError) as cause:
        raise ValueError("must be an IANA zone, such as Europe/Brussels") from cause


def _levels(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not {*map(str, value)} <= {*LEVELS}:
        raise ValueError(f"must be a list of some of {', '.join(LEVELS)}")
    return tuple(level for level in LEVELS if level in value)


def _origins(value: Any) -> tuple[str, ...]:
    origins = value if isinstance(value, list) else [None]
    if not all(isinstance(each, str) and _ORIGIN.fullmatch(each) for each in origins):
        raise ValueError("must be a list of origins, such as https://example.org, or *")
    return tuple(origins)


_ORIGIN = re.compile(r"\*|https?://[A-Za-z0-9.\-\[\]:]+")


def _sop_class_coding(value: Any) -> str:
    if value not in ("Profile", "Dicom"):
        raise ValueError("must be Profile or Dicom")
    return str(value)


# Settings field -> how its value is read. The keys follow Orthanc's habit (PascalCase).
_READERS: dict[str, Callable[[Any], Any]] = {
    "enable": _boolean,
    "fhir_root": _root,
    "public_base_url": _url,
    "trust_forwarded_headers": _boolean,
    "levels": _levels,
    "sop_class_coding": _sop_class_coding,
    "timezone": _timezone,
    "patient_identifier_system": _system,
    "accession_number_system": _system,
    "database_url": _text,
    "reconcile_interval": _positive,
    "maximum_page_size": _positive,
    "cors_origins": _origins,
}

# Key as written in orthanc.json -> Settings field.
KEYS = {
    "".join(map(str.capitalize, each.name.split("_"))): each.name
    for each in fields(Settings)
}


def parse_settings(configuration: Mapping[str, Any]) -> Settings:
    """Read the plugin's section of Orthanc's whole configuration.

    Raises
    ------
    ConfigError
        A key that does not exist, or a value that cannot be used; all of them at once.
    """
    section = configuration.get(SECTION, {})
    if not isinstance(section, dict):
        raise ConfigError((f"{SECTION} must be a JSON object",), Settings())
    problems = []
    values = {}
    for key, value in section.items():
        if key not in KEYS:
            problems.append(f"{SECTION}.{key} is not known (known: {', '.join(KEYS)})")
            continue
        try:
            values[KEYS[key]] = _READERS[KEYS[key]](value)
        except ValueError as error:
            problems.append(f"{SECTION}.{key} {error}")
    if problems:
        raise ConfigError(tuple(problems), Settings(**values))
    return Settings(**values)


def database_url(
    settings: Settings, configuration: Mapping[str, Any], configuration_path: str
) -> str:
    """Say where the store is, as `store.engine` reads it.

    As configured; else in Orthanc's own PostgreSQL, if its index is there; else SQLite
    in Orthanc's index folder.

    Parameters
    ----------
    configuration
        Orthanc's whole configuration.
    configuration_path
        The file or folder that it was read from; relative paths start there, as in
        Orthanc itself.
    """
    if settings.database_url:
        return settings.database_url
    server = configuration.get("PostgreSQL", {})
    if not isinstance(server, dict):
        raise ConfigError(("PostgreSQL must be a JSON object",), settings)
    if server.get("EnableIndex", False):
        return str(server.get("ConnectionUri") or _postgresql_url(server))
    path = Path(configuration_path).absolute()
    base = path if path.is_dir() else path.parent
    name = configuration.get("IndexDirectory") or configuration.get("StorageDirectory")
    return f"sqlite:///{base / str(name or 'OrthancStorage') / SQLITE_FILE}"


def _postgresql_url(server: Mapping[str, Any]) -> str:
    """Spell the options of Orthanc's PostgreSQL plugin as one URL."""
    user, password, host, database = (
        quote(str(server.get(key, default)), safe="")
        for key, default in (
            ("Username", ""),
            ("Password", ""),
            ("Host", "localhost"),
            ("Database", ""),
        )
    )
    login = f"{user}:{password}@" if password else f"{user}@" if user else ""
    mode = "require" if server.get("EnableSsl", False) else "disable"
    port = server.get("Port", 5432)
    return f"postgresql://{login}{host}:{port}/{database}?sslmode={mode}"
