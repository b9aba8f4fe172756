"""Orthanc on one side, the plugin on the other: the parts are put together here.

`callbacks` is what Orthanc calls, `plugin` builds the parts from the configuration,
`versions` has the differences between releases of Orthanc. The `orthanc` module is an
argument: `plugin/main.py` alone imports it.
"""
