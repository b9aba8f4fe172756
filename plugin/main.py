"""The script that Orthanc runs: `"PythonScript": "plugin/main.py"`."""

import orthanc
from imaging_selection.orthanc_glue import install

install(orthanc)
