"""The section `ImagingSelection` of Orthanc's configuration, read and checked.

pydantic checks the values; the sentences about what is wrong are the plugin's own, with
the key in each.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
)
from pydantic.alias_generators import to_pascal

from imaging_selection.delivery.target import Target, TargetFault, parse_targets
from imaging_selection.dicom.character_sets import DEFAULT_ENCODINGS, LATIN_1
from imaging_selection.errors import ConfigError, DictionaryError
from imaging_selection.fhir.datatypes import identifier_system
from imaging_selection.mapping.choices import Names
from imaging_selection.mapping.nomenclature import parse_dictionary
from imaging_selection.store.sqlite import SQLITE_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

SECTION = "ImagingSelection"

# First parts of the paths of Orthanc's own REST API, 1.10.1 to 1.13.0.
_ORTHANC_ROOTS = frozenset(
    {
        *("app", "changes", "exports", "instances", "jobs", "modalities", "patients"),
        *("peers", "plugins", "queries", "series", "statistics", "storage", "studies"),
        *("system", "tools", "transforms"),
    }
)


def _root(value: str) -> str:
    parts = value.strip().strip("/").split("/")
    if parts[0] in _ORTHANC_ROOTS or not all(part.isidentifier() for part in parts):
        raise ValueError
    return "/" + "/".join(parts)


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - pydantic expects this one
    return value.strip() or None


def _url(value: str | None) -> str | None:
    if value and not value.startswith(("http://", "https://")):
        raise ValueError
    return value and value.rstrip("/")


def _system(value: str | None) -> str | None:
    if value != identifier_system(value):
        raise ValueError
    return value


def _zone(value: object) -> ZoneInfo | None:
    name = _text(value)
    try:
        return ZoneInfo(name) if name else None
    except (LookupError, OSError) as cause:
        raise ValueError from cause


def _names(value: object) -> Names:
    """Read the setting `Names`, and the file that it names."""
    keys = {"TG-263": False, "Dictionary": None, "Report": False}
    if not isinstance(value, dict) or value.keys() - keys:
        raise ValueError
    tg263, path, report = ({**keys, **value}[key] for key in keys)
    if not (isinstance(tg263, bool) and isinstance(report, bool)):
        raise ValueError  # noqa: TRY004 - pydantic expects this one
    dictionary = read_dictionary(Path(path)) if (path := _text(path or "")) else None
    return Names(tg263=tg263, dictionary=dictionary, report=report)


class DictionaryFault(ValueError):  # noqa: N818 - pydantic expects a ValueError
    """What is wrong with a dictionary of names."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"has a Dictionary {fault}")


def read_dictionary(path: Path) -> str:
    """Read a site's dictionary, and check it.

    Raises
    ------
    DictionaryFault
        It cannot be read, or a line of it is wrong.
    """
    try:
        text = path.read_text("utf-8")
        parse_dictionary(text)
    except OSError as cause:
        raise DictionaryFault("that cannot be read") from cause
    except UnicodeDecodeError as cause:
        raise DictionaryFault("that is not UTF-8") from cause
    except DictionaryError as cause:
        raise DictionaryFault(f"of which {cause}") from cause
    return text


Level = Literal["StructureSet", "Roi", "SourceImages"]
LEVELS: tuple[Level, ...] = get_args(Level)


def _in_order(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    return tuple(level for level in LEVELS if level in levels)


Text = Annotated[str | None, BeforeValidator(_text)]
System = Annotated[Text, AfterValidator(_system)]
Number = Annotated[int, Field(strict=True, gt=0)]
Origin = Annotated[str, Field(pattern=r"^(\*|https?://[A-Za-z0-9.\-\[\]:]+)$")]

_BOOLEAN = "true or false"
_NUMBER = "a whole number above 0"
_SYSTEM = "a URI, such as urn:oid:1.2.3"


# Errors that say themselves what is wrong with a value.
_FAULTS = (DictionaryFault, TargetFault)


class Settings(BaseModel):
    """The settings, checked; `docs/configuration.md` explains each.

    A key is the field's name in PascalCase. The description of a field ends the
    sentence "the value must be ...". The last two have no key, as they follow from
    Orthanc's own settings: `default_encoding` from `DefaultEncoding`, and `scheme`, by
    which Orthanc is reached, from `SslEnabled`.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_pascal,
        validate_by_name=True,
        validate_by_alias=True,
    )

    enable: StrictBool = Field(default=True, description=_BOOLEAN)
    fhir_root: Annotated[str, AfterValidator(_root)] = Field(
        default="/fhir",
        description="a path such as /fhir, and not one of Orthanc's own",
    )
    public_base_url: Annotated[Text, AfterValidator(_url)] = Field(
        default=None, description="an http:// or https:// address"
    )
    trust_forwarded_headers: StrictBool = Field(default=False, description=_BOOLEAN)
    levels: Annotated[tuple[Level, ...], AfterValidator(_in_order)] = Field(
        default=LEVELS,
        min_length=1,
        description=f"a list of some of {', '.join(LEVELS)}",
    )
    sop_class_coding: Literal["Profile", "Dicom"] = Field(
        default="Profile", description="Profile or Dicom"
    )
    timezone: Annotated[ZoneInfo | None, BeforeValidator(_zone)] = Field(
        default=None, description="an IANA zone, such as Europe/Brussels"
    )
    measurements: StrictBool = Field(default=False, description=_BOOLEAN)
    names: Annotated[Names | None, BeforeValidator(_names)] = Field(
        default=None,
        description="an object with TG-263 and Report (true or false) and Dictionary"
        " (the path of a CSV file)",
    )
    patient_identifier_system: System = Field(default=None, description=_SYSTEM)
    accession_number_system: System = Field(default=None, description=_SYSTEM)
    database_url: Text = Field(default=None, description="text")
    reconcile_interval: Number = Field(default=300, description=_NUMBER)
    search_seconds: Number = Field(default=10, description=_NUMBER)
    maximum_page_size: Number = Field(default=500, description=_NUMBER)
    workers: Annotated[int, Field(strict=True, ge=0, le=64)] | None = Field(
        default=None, description="a whole number up to 64; 0 for no processes"
    )
    worker_memory: Annotated[int, Field(strict=True, ge=128)] = Field(
        default=1024, description="a whole number of megabytes, 128 or more"
    )
    worker_seconds: Number = Field(default=60, description=_NUMBER)
    worker_python: Text = Field(default=None, description="the path of a program")
    export_megabytes: Annotated[int, Field(strict=True, ge=0)] = Field(
        default=2048, description="a whole number of megabytes; 0 for no exports"
    )
    export_hours: Number = Field(default=24, description=_NUMBER)
    cors_origins: tuple[Origin, ...] = Field(
        default=(), description="a list of origins, such as https://example.org, or *"
    )
    deliver: Annotated[tuple[Target, ...], BeforeValidator(parse_targets)] = Field(
        default=(), description="a list of objects"
    )
    default_encoding: str = LATIN_1
    scheme: Literal["http", "https"] = "http"


_OF_ORTHANC = {"default_encoding", "scheme"}
# Key of the section -> field.
KEYS = {
    to_pascal(name): name for name in Settings.model_fields if name not in _OF_ORTHANC
}


def parse_settings(configuration: Mapping[str, Any]) -> Settings:
    """Read the plugin's section of Orthanc's whole configuration.

    Raises
    ------
    ConfigError
        A key is unknown, or a value cannot be used. It names every such key, and holds
        the settings without them.
    """
    section = configuration.get(SECTION, {})
    if not isinstance(section, dict):
        raise ConfigError((f"{SECTION} must be a JSON object",), Settings())
    inherited = {
        "default_encoding": _default_encoding(configuration.get("DefaultEncoding")),
        "scheme": "https" if configuration.get("SslEnabled") is True else "http",
    }
    values = {key: value for key, value in section.items() if key in KEYS}
    wrong: set[object] = section.keys() - KEYS.keys()
    sentences: dict[object, str] = {}
    try:
        settings = Settings.model_validate({**values, **inherited})
    except ValidationError as error:
        wrong |= {each["loc"][0] for each in error.errors()}
        sentences = {
            each["loc"][0]: str(fault)
            for each in error.errors()
            if isinstance(fault := each.get("ctx", {}).get("error"), _FAULTS)
        }
        right = {key: value for key, value in values.items() if key not in wrong}
        settings = Settings.model_validate({**right, **inherited})
    if wrong:
        problems = (
            f"{SECTION}.{key} {sentences.get(key) or _problem(key)}"
            for key in section
            if key in wrong
        )
        raise ConfigError(tuple(problems), settings)
    return settings


def _default_encoding(value: object) -> str:
    """Return Orthanc's default encoding, in the spelling of our table.

    Orthanc ignores case, and does not start with a name that it does not know. One that
    only a later Orthanc knows stands for no statement at all.
    """
    if not value:
        return LATIN_1
    names = {name.lower(): name for name in DEFAULT_ENCODINGS}
    return names.get(str(value).lower(), "Ascii")


def _problem(key: str) -> str:
    if key not in KEYS:
        return f"is not known (known: {', '.join(KEYS)})"
    return f"must be {Settings.model_fields[KEYS[key]].description}"


def database_url(
    settings: Settings, configuration: Mapping[str, Any], configuration_path: str
) -> str:
    """Return the URL of the store, in the form that `Database` takes.

    As configured; else Orthanc's own PostgreSQL, if its index is there; else SQLite in
    Orthanc's index folder.

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
    folder = _index_folder(configuration, configuration_path)
    return f"sqlite:///{folder / SQLITE_FILE}"


def export_folder(configuration: Mapping[str, Any], configuration_path: str) -> Path:
    """Return the folder for exports, which no other Orthanc uses.

    It is in Orthanc's index folder, which several Orthancs may share: the name of the
    machine and the port are in its name.
    """
    folder = _index_folder(configuration, configuration_path)
    port = configuration.get("HttpPort", 8042)
    return folder / f"imaging-selection-exports-{platform.node()}-{port}"


def _index_folder(configuration: Mapping[str, Any], configuration_path: str) -> Path:
    path = Path(configuration_path).absolute()
    base = path if path.is_dir() else path.parent
    name = configuration.get("IndexDirectory") or configuration.get("StorageDirectory")
    return base / str(name or "OrthancStorage")


def _postgresql_url(server: Mapping[str, Any]) -> str:
    """Format the options of Orthanc's PostgreSQL plugin as a URL."""
    user, password, host, database = (
        quote(str(server.get(key, default)), safe="")
        for key, default in zip(
            ("Username", "Password", "Host", "Database"),
            ("", "", "localhost", ""),
            strict=True,
        )
    )
    login = f"{user}:{password}@" if password else f"{user}@" if user else ""
    mode = "require" if server.get("EnableSsl", False) else "disable"
    port = server.get("Port", 5432)
    return f"postgresql://{login}{host}:{port}/{database}?sslmode={mode}"
