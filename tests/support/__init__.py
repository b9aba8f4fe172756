"""Helpers of the tests.

Builders of data
    `builders` (structure sets and images, by `dicom_writer`), `reading`, `phantom`,
    `synthetic`, `example`, `selection`; `strategies` and `search_cases` (Hypothesis).
Hosts
    `fake_orthanc` (with its `fake_archive`, `fake_http` and `fake_releases`),
    `orthanc` (a real one), `postgres`, `served` (the API in process), `orthanc_image`
    (docker-compose.yml as the image reads it); `client`, `durability` and `waiting`.
Oracles, which use no code of the package
    `independent` (contours), `search_oracle`; `contour_fuzz` damages files.
What is where
    `paths`, `corpus`, `programs` (and the markers of the tests that need them).
"""
