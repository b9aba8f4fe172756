"""RT Structure Set: `StructureSet` becomes ImagingSelection resources.

Start with `imaging_selection`. `source_images` and `narrative` make parts of the
resources; `image_region_3d`, `decimal_strings` and `contours_operation` fill in the
coordinates when a client asks for them.
"""
