"""Many files converted without Orthanc, for the command `imaging-selection convert`.

`inputs` finds the files, in folders, zip files and DICOMDIR; `conversion` converts them
one after the other, or in several processes.
"""
