"""Contours become numbers: planes, areas, volumes, and what is wrong with them.

Start with `measure`. `points` reads coordinates, `planes` finds the parallel planes
that contours lie on, `regions` combines the contours of a plane. Nothing here runs
while a structure set is stored: only when somebody asks for measurements. FHIR, Orthanc
and SQL never enter. numpy and shapely are imported here alone.

Coordinates are in millimetres, in the patient coordinate system (DICOM PS3.3 C.7.6.2).
They are numbers of 64 bits: a coordinate of a metre is exact to 0.000 000 000 2 mm.
"""
