"""R5 elements in R4: HL7's package hl7.fhir.uv.xver-r5.r4. No resource enters whole.

`imaging_selection` first: the table of the type that R4 does not have. `differences` is
for the types that both have, `extensions` for how an element becomes an extension.
`fhir.r4` is the way in.
"""
