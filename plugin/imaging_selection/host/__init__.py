"""Connect Orthanc and the plugin: the only package that knows all the others.

`callbacks` has what Orthanc calls, `source` what is asked of Orthanc, `config` the
settings; `plugin` builds the store, the worker and the API from them. `versions` has
the differences between releases of Orthanc. The `orthanc` module is an argument:
`plugin/main.py` alone imports it.
"""
