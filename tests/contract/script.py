"""The Python script of the Orthanc under test."""

import orthanc  # noqa: TID251 - Orthanc runs this file, nobody imports it
from probes import install

install(orthanc)
