"""Measurement reports (PS3.16 TID 1500) as Observations, and what they were made on.

Begin with `report`. By the ConceptMaps and profiles of HL7's guide "DICOM SR to FHIR
Resource Mapping" 1.0.0.
"""
