"""Canonical URLs: of HL7's guide, of terminologies, and of the plugin's definitions.

`api.definitions` serves the plugin's definitions.
"""

GUIDE = "http://hl7.org/fhir/uv/dicom-sr/StructureDefinition"
REGION_IN_SPACE = f"{GUIDE}/region-in-space"
SOURCE_IMAGES = f"{GUIDE}/source-image-for-segmentation"

OWN = "https://orthanc-imaging-selection.github.io/fhir"
# Code systems of the tags (`meta.tag`).
LEVEL_SYSTEM = f"{OWN}/CodeSystem/selection-level"
APPROVAL_SYSTEM = f"{OWN}/CodeSystem/approval-status"
FINDING_SYSTEM = f"{OWN}/CodeSystem/finding"

MEASUREMENT_SYSTEM = f"{OWN}/CodeSystem/roi-measurement"

SCT = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
DICOM_UID = "urn:dicom:uid"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
URI = "urn:ietf:rfc:3986"
SCT = "http://snomed.info/sct"
UMLS = "http://terminology.hl7.org/CodeSystem/umls"
UCUM = "http://unitsofmeasure.org"
DATA_ABSENT_REASON = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
V2_0203 = "http://terminology.hl7.org/CodeSystem/v2-0203"
