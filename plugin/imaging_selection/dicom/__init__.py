"""DICOM bytes become frozen values, in the words of DICOM (PS3.3, PS3.5, PS3.10).

`file` and `elements` find where values are, `values` decodes them, `attributes` reads
them by keyword, `macros` what several modules share. A kind of object is a folder:
`rtstruct`. Nothing of FHIR, Orthanc or SQL enters. pydicom is imported here, and
besides in `mapping.terminology`.
"""
