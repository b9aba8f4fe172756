"""docker-compose.yml as the image `orthancteam/orthanc` and Compose read it.

The image turns environment variables into Orthanc's configuration: ORTHANC__ in front,
two underscores before a key of a section, one underscore before a capital letter
(Orthanc Book, "orthancteam/orthanc Docker images"); a list has the exceptions. Then it
adds secrets, then the defaults of the image and of each plugin that is enabled.
"""

import json
import re

import yaml
from support.paths import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]

# env-var-non-standards.json of the image, as far as this file uses it
EXCEPTIONS = {
    "ORTHANC__ORTHANC_EXPLORER_2__IS_DEFAULT_ORTHANC_UI": (
        "OrthancExplorer2.IsDefaultOrthancUI"
    ),
    "ORTHANC__POSTGRESQL__ENABLE_INDEX": "PostgreSQL.EnableIndex",
    "ORTHANC__POSTGRESQL__ENABLE_STORAGE": "PostgreSQL.EnableStorage",
    "ORTHANC__POSTGRESQL__HOST": "PostgreSQL.Host",
    "ORTHANC__POSTGRESQL__DATABASE": "PostgreSQL.Database",
    "ORTHANC__POSTGRESQL__USERNAME": "PostgreSQL.Username",
    "ORTHANC__POSTGRESQL__PASSWORD": "PostgreSQL.Password",
    "ORTHANC__POSTGRESQL__LOCK": "PostgreSQL.Lock",
    "ORTHANC__POSTGRESQL__TRANSACTION_MODE": "PostgreSQL.TransactionMode",
}
# Variables that enable a plugin, and the user that the image makes of a password.
ENABLING = {
    "DICOM_WEB_PLUGIN_ENABLED": "DicomWeb",
    "ORTHANC_EXPLORER_2_ENABLED": "OrthancExplorer2",
}
PASSWORD = "ORTHANC_PASSWORD"  # noqa: S105 - a variable's name

# orthanc-defaults.json and plugins-def.json of the image, likewise
DEFAULTS = {
    "StorageDirectory": "/var/lib/orthanc/db",
    "RemoteAccessAllowed": True,
    "AuthenticationEnabled": True,
    "HttpsCACertificates": "/etc/ssl/certs/ca-certificates.crt",
}
PLUGIN_DEFAULTS = {
    "DicomWeb": {"Enable": True},
    "OrthancExplorer2": {"Enable": True, "IsDefaultOrthancUI": False},
    "PostgreSQL": {"EnableSsl": False, "Port": 5432},
}
LIBRARIES = {
    "PythonScript": ["libOrthancPython.so"],
    "DicomWeb": ["libOrthancDicomWeb.so"],
    "OrthancExplorer2": ["libOrthancExplorer2.so"],
    "PostgreSQL": ["libOrthancPostgreSQLIndex.so", "libOrthancPostgreSQLStorage.so"],
}
IN_DEBIAN = LIBRARIES.keys() - {"OrthancExplorer2"}


def setting(variable):
    """Return the setting of a variable, as a path in orthanc.json."""
    levels = variable.removeprefix("ORTHANC__").split("__")
    path = ".".join("".join(map(str.capitalize, level.split("_"))) for level in levels)
    return EXCEPTIONS.get(variable, path)


def interpolated(text, environment):
    """Replace variables in a text as Compose does: `${NAME:-default}`; `$$` is $."""

    def replaced(match):
        name, default = match.groups()
        return "$" if name is None else environment.get(name) or default

    return re.sub(r"\$(?:\$|\{(\w+):-([^}]*)\})", replaced, text)


def configuration(service, environment=None, secrets=None):
    """Return the configuration that the image passes to Orthanc."""
    result = {}
    for variable, value in SERVICES[service]["environment"].items():
        content = interpolated(value, environment or {})
        if variable == PASSWORD:
            result["RegisteredUsers"] = {"orthanc": content}
        elif variable in ENABLING:
            result.setdefault(ENABLING[variable], {})
        else:
            _set(result, *_named(service, variable, content, secrets or {}))
    for section, defaults in PLUGIN_DEFAULTS.items():
        if section in result:
            result[section] = {**defaults, **result[section]}
    return {**DEFAULTS, **result}


def _named(service, variable, content, secrets):
    """Return a variable's name and content, read from the secret if it names one."""
    if variable.endswith("_SECRET"):
        assert content in COMPOSE["secrets"]
        assert content in SERVICES[service]["secrets"]
        return variable.removesuffix("_SECRET"), secrets[content]
    return variable, content


def _set(result, variable, content):
    assert variable.startswith("ORTHANC__")
    *path, key = setting(variable).split(".")
    for step in path:
        result = result.setdefault(step, {})
    try:
        result[key] = json.loads(content)
    except ValueError:
        result[key] = content


def libraries(configured, kinds=LIBRARIES):
    """Return the paths of the libraries that the image enables for a configuration."""
    return [
        f"/usr/share/orthanc/plugins/{library}"
        for section, names in LIBRARIES.items()
        if section in configured and section in kinds
        for library in names
    ]


def nginx_configuration():
    """Return the configuration of the proxy as its container reads it."""
    return interpolated(COMPOSE["configs"]["nginx"]["content"], {})


def instructions():
    """Return the instructions of the Dockerfile: name and argument."""
    text = SERVICES["orthanc"]["build"]["dockerfile_inline"]
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(" ", 1)) for line in joined.splitlines()]
