"""The setting `Deliver`: the targets, read and checked.

No secret stands in the configuration: it names a file or an environment variable.
"""

from __future__ import annotations

import hashlib
import os
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Union
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_pascal

from imaging_selection.errors import TargetError
from imaging_selection.fhir.datatypes import identifier_system

MAXIMUM_TARGETS = 10
_MAXIMUM_SECRET = 1 << 16  # characters

FhirVersion = Literal["5.0", "4.0"]
ResourceType = Literal["ImagingSelection", "Observation"]


def _url(value: str) -> str:
    parts = urlsplit(value)
    has_secret = "@" in parts.netloc  # would stand in the status
    if parts.scheme not in {"http", "https"} or not parts.hostname or has_secret:
        raise ValueError
    if parts.query or parts.fragment or not value.isascii() or not value.isprintable():
        raise ValueError
    _ = parts.port  # raises ValueError
    return value.rstrip("/")


def is_private(url: str) -> bool:
    """Return whether nobody else reads what is sent to a URL: TLS, or this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def _file(value: object) -> Path:
    path = Path(str(value))
    if not isinstance(value, str) or not path.is_file():
        raise ValueError
    return path


def _certificates(value: object) -> Path:
    path = _file(value)
    try:
        ssl.create_default_context(cafile=path)
    except OSError as cause:  # SSLError is one
        raise ValueError from cause
    return path


def _system(value: str) -> str:
    if value != identifier_system(value):
        raise ValueError
    return value


Url = Annotated[str, AfterValidator(_url)]
File = Annotated[Path, BeforeValidator(_file)]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Words = Annotated[
    str, Field(pattern=r"^[\x21-\x7e]+( [\x21-\x7e]+)*$", max_length=1000)
]

_FILE = "the path of a file that can be read"
_VARIABLE = "the name of an environment variable"
_URL = "an http:// or https:// address without user, query and fragment"
_WORDS = "text without blanks at its ends"
_BOOLEAN = "true or false"


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_pascal,
    )


class Secret(_Section):
    """Where a secret is: in a file, which is read each time, or in a variable."""

    file: File | None = Field(default=None, description=_FILE)
    variable: Variable | None = Field(default=None, description=_VARIABLE)

    @model_validator(mode="after")
    def _is_one(self) -> Secret:
        if (self.file is None) == (self.variable is None):
            raise ValueError
        return self

    def read(self) -> str:
        """Return the secret.

        Raises
        ------
        TargetError
            There is none.
        """
        try:
            if self.file is not None:
                with self.file.open(encoding="utf-8") as file:
                    text = file.read(_MAXIMUM_SECRET).strip()
            else:
                text = os.environ.get(self.variable or "", "").strip()
        except (OSError, UnicodeDecodeError):
            text = ""
        if not text:
            raise TargetError("a secret is missing: its file or variable is empty")
        return text


_Secret = Annotated[
    Secret,
    Field(
        description="an object with either File or Variable, such as"
        ' {"File": "/run/secrets/fhir"}'
    ),
]


class Nobody(_Section):
    """No authentication."""

    type: Literal["None"] = "None"


class Basic(_Section):
    """RFC 7617."""

    type: Literal["Basic"]
    username: Words = Field(description=_WORDS)
    password: _Secret


class Bearer(_Section):
    """A token that somebody else renews (RFC 6750)."""

    type: Literal["Bearer"]
    token: _Secret


class ClientCredentials(_Section):
    """OAuth 2.0 client credentials, with a client secret (RFC 6749 4.4)."""

    type: Literal["ClientCredentials"]
    token_url: Url = Field(description=_URL)
    client_id: Words = Field(description=_WORDS)
    client_secret: _Secret
    scope: Words | None = Field(default=None, description=_WORDS)


class SmartBackendServices(_Section):
    """SMART App Launch 2.2.0, Backend Services: a token for a signed assertion.

    Without `token_url`, the target's `.well-known/smart-configuration` names it.
    """

    type: Literal["SmartBackendServices"]
    token_url: Url | None = Field(default=None, description=_URL)
    client_id: Words = Field(description=_WORDS)
    private_key: _Secret
    key_id: Words | None = Field(default=None, description=_WORDS)
    scope: Words = Field(default="system/*.cruds", description=_WORDS)


_KINDS = (Nobody, Basic, Bearer, ClientCredentials, SmartBackendServices)
_TYPES = tuple(each.__name__ for each in _KINDS[1:])


def _type_of(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("Type", value.get("type", "")))
    return str(getattr(value, "type", ""))


Authentication = Annotated[
    Union[  # noqa: UP007 - a discriminator needs the tags
        Annotated[Nobody, Tag("None")],
        Annotated[Basic, Tag("Basic")],
        Annotated[Bearer, Tag("Bearer")],
        Annotated[ClientCredentials, Tag("ClientCredentials")],
        Annotated[SmartBackendServices, Tag("SmartBackendServices")],
    ],
    Discriminator(_type_of),
]


class Target(_Section):
    """A FHIR server that is to hold what the store holds.

    A key is the field's name in PascalCase; `docs/delivery.md` explains each. The
    description of a field ends the sentence "the value must be ...".
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")] = Field(
        description="1 to 32 letters, digits, - and _"
    )
    url: Url = Field(description=_URL)
    fhir_version: FhirVersion = Field(default="5.0", description='"5.0" or "4.0"')
    authentication: Authentication = Field(
        default=Nobody(),
        description=f"an object with Type: None, {', '.join(_TYPES)}",
    )
    types: tuple[ResourceType, ...] = Field(
        default=("ImagingSelection", "Observation"),
        min_length=1,
        description="a list of some of ImagingSelection, Observation",
    )
    patient_identifier_system: Annotated[str, AfterValidator(_system)] | None = Field(
        default=None, description="a URI, such as urn:oid:1.2.3"
    )
    on_unknown_patient: Literal["wait", "create", "identifier"] = Field(
        default="wait", description="wait, create or identifier"
    )
    on_unknown_study: Literal["create", "identifier"] = Field(
        default="identifier", description="create or identifier"
    )
    ca_file: Annotated[Path, BeforeValidator(_certificates)] | None = Field(
        default=None, description="the path of a PEM file of certificates"
    )
    r4_form: Literal["Extensions", "Complex"] = Field(
        default="Extensions", alias="R4Form", description="Extensions or Complex"
    )
    radiotherapy_volume: StrictBool = Field(default=False, description=_BOOLEAN)

    @property
    def digest(self) -> str:
        """A digest of what decides what the target is to hold.

        Where the target is, and not who this server is to it.
        """
        return hashlib.sha256(
            self.model_dump_json(exclude={"authentication", "ca_file"}).encode()
        ).hexdigest()


class TargetFault(ValueError):  # noqa: N818 - pydantic expects a ValueError
    """What is wrong with the setting."""


def parse_targets(value: object) -> tuple[Target, ...]:
    """Read the setting.

    Raises
    ------
    TargetFault
        A key is unknown, or a value cannot be used. It names the first such key, and
        no value.
    """
    if not isinstance(value, list | tuple) or len(value) > MAXIMUM_TARGETS:
        raise TargetFault(f"must be a list of at most {MAXIMUM_TARGETS} objects")
    targets = tuple(_target(each, number) for number, each in enumerate(value))
    names = [each.name.lower() for each in targets]
    if len({*names}) < len(names):
        raise TargetFault("has two targets of the same Name")
    return targets


def _target(value: object, number: int) -> Target:
    place = f"has [{number}]"
    if not isinstance(value, dict):
        raise TargetFault(f"{place}, which must be a JSON object")
    try:
        target = Target.model_validate(value)
    except ValidationError as error:
        raise TargetFault(f"{place}{_fault(error)}") from None
    used = [target.url, getattr(target.authentication, "token_url", None)]
    if target.authentication.type != "None" and not all(
        is_private(each) for each in used if each
    ):
        raise TargetFault(
            f"{place}.Authentication, which needs https:// for Url and TokenUrl:"
            " others could read the secret"
        )
    if target.fhir_version != "4.0" and target.radiotherapy_volume:
        raise TargetFault(f'{place}.RadiotherapyVolume, which needs FhirVersion "4.0"')
    return target


def _fault(error: ValidationError) -> str:
    """Describe the first error: the key, and what its value must be."""
    first = error.errors(include_url=False, include_input=False)[0]
    keys = [each for each in first["loc"] if each not in {*_TYPES, "None"}]
    path = "".join(f".{each}" if isinstance(each, str) else "" for each in keys)
    if first["type"] == "extra_forbidden":
        return f"{path}, which is not known"
    if first["type"] == "missing":
        return f"{path}, which is missing"
    return f"{path}, which must be {_description(keys)}"


def _description(keys: list[Any]) -> str:
    """Return the description of the field that a path leads to."""
    sections: tuple[type[BaseModel], ...] = (Target, *_KINDS, Secret)
    wanted = next((each for each in reversed(keys) if isinstance(each, str)), "")
    for section in sections:
        for name, field in section.model_fields.items():
            if wanted in {name, field.alias} and field.description:
                return field.description
    return "another value"
