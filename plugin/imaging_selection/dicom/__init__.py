"""DICOM bytes become frozen values, in the words of DICOM (PS3.3, PS3.5, PS3.10).

Start with `file` and `elements`, which find where values are. `values` and
`character_sets` decode them, `attributes` reads them by keyword, `macros` reads what
several modules of the standard share, `entities` has the results. A kind of object is a
folder, such as `rtstruct`. FHIR, Orthanc and SQL never enter. pydicom is imported here
and in `mapping.terminology` alone.
"""
