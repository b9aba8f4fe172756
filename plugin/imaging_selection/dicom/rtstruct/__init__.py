"""RT Structure Set (PS3.3 A.19): the bytes of a file become a `StructureSet`.

Start with `reader`. `iod` is the table of what is read, `structure_set` has the values,
`contours` and `contour_items` find the contours without reading their coordinates,
`findings` compares the parts of a structure set with each other.
"""
