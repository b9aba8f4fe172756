"""RT Structure Set: `StructureSet` becomes ImagingSelection resources.

Start with `imaging_selection`. `instance`, `source_images`, `narrative` and `findings`
build parts of the resources. `contours_operation` and `image_region_3d` fill in the
coordinates when a client asks for them.
"""
