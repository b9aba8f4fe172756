"""The example structure set that `make run` stores in an empty Orthanc.

A head-and-neck plan of no real patient: ellipses on nine slices, with each feature of
the mapping once or twice. `make example` writes the file that the plugin ships; a test
compares the two.
"""

import math

from support.builders import (
    Item,
    code,
    contour,
    make_rtstruct,
    observation,
    referenced_frame,
    roi,
)
from support.paths import EXAMPLE_FILE

STUDY = "2.25.260826901"
STRUCTURE_SET_SERIES = "2.25.260826902"
STRUCTURE_SET = "2.25.260826903"
FRAME = "2.25.260826904"
CT_SERIES = "2.25.260826905"
VOLUME = "2.25.260826906"
IN_FRAME = {"ReferencedFrameOfReferenceUID": FRAME}

Pair = tuple[float, float]

SLICES = range(-12, 13, 3)  # z in mm
IMAGES = {z: f"2.25.26082691{index:02}" for index, z in enumerate(SLICES, start=1)}

LEFT = code("7771000", "SCT", "Left")
RIGHT = code("24028007", "SCT", "Right")
ANATOMY = code("91723000", "SCT", "Anatomical Structure")
TARGET = code("130041", "DCM", "RT Target")
AT_RISK = {
    "SegmentedPropertyCategoryCodeSequence": ANATOMY,
    "TherapeuticRoleCategoryCodeSequence": code(
        "130042", "DCM", "RT Dose Calculation Structure"
    ),
    "TherapeuticRoleTypeCodeSequence": code("130060", "DCM", "Organ At Risk"),
}


def ellipse(center: Pair, axes: Pair, z: float, points: int = 32) -> str:
    """Return an ellipse with these semi-axes, in mm, as Contour Data.

    Two decimals: the last digits of sine and cosine differ between machines.
    """
    turns = (2 * math.pi * k / points for k in range(points))
    return "\\".join(
        f"{round(value, 2) + 0.0:.2f}"  # + 0.0: no "-0.00"
        for turn in turns
        for value in (
            center[0] + axes[0] * math.cos(turn),
            center[1] + axes[1] * math.sin(turn),
            z,
        )
    )


def prism(center: Pair, axes: Pair, points: int) -> list[Item]:
    """Return the same ellipse on every slice."""
    return [
        contour(ellipse(center, axes, z, points), images=[IMAGES[z]]) for z in SLICES
    ]


def ellipsoid(center: Pair, axes: Pair, slices: range) -> list[Item]:
    """Return an ellipsoid cut by the slices."""
    middle, reach = (slices[0] + slices[-1]) / 2, (slices[-1] - slices[0]) / 2 + 4
    contours = []
    for z in slices:
        scale = math.sqrt(1 - ((z - middle) / reach) ** 2)
        data = ellipse(center, (axes[0] * scale, axes[1] * scale), z)
        contours.append(contour(data, images=[IMAGES[z]]))
    return contours


def tube(center: Pair, outer: Pair, inner: Pair, slices: range) -> list[Item]:
    """Return a wall around a hole: two contours a slice, combined by exclusive or."""
    return [
        contour(ellipse(center, axes, z, 24), "CLOSEDPLANAR_XOR", [IMAGES[z]])
        for z in slices
        for axes in (outer, inner)
    ]


def target(interpreted_type: str, concept: str, meaning: str) -> Item:
    """Return the observation of a target volume, coded by PS3.3 C.8.8.8.3."""
    return observation(
        interpreted_type,
        TherapeuticRoleCategoryCodeSequence=TARGET,
        TherapeuticRoleTypeCodeSequence=code(concept, "SCT", meaning),
        ROIInterpreter="EXAMPLE^Interpreter",
    )


def organ(value: str, scheme: str, meaning: str, **modifier: Item) -> Item:
    """Return the observation of an organ at risk."""
    identification = code(value, scheme, meaning, **modifier)
    return observation(
        "ORGAN", RTROIIdentificationCodeSequence=identification, **AT_RISK
    )


def parotid(side: Item) -> Item:
    """Return the observation of the left or right parotid gland."""
    modifier = {"SegmentedPropertyTypeModifierCodeSequence": side}
    return organ("45289007", "SCT", "Parotid gland", **modifier)


def geometry(interpreted_type: str, category: Item, identification: Item) -> Item:
    """Return the observation of what is no anatomy."""
    return observation(
        interpreted_type,
        SegmentedPropertyCategoryCodeSequence=category,
        RTROIIdentificationCodeSequence=identification,
    )


EXTERNAL = geometry(
    "EXTERNAL",
    code("130047", "DCM", "External Body Model"),
    code("130067", "DCM", "Patient Anatomy Model"),
)
ISOCENTER = geometry(
    "ISOCENTER",
    code("130043", "DCM", "RT Geometric Information"),
    code("130073", "DCM", "Isocentric Treatment Location Point"),
)


def make_example() -> bytes:
    """Build the example structure set."""
    rois = [
        roi(
            1,
            "BODY",
            contours=prism((0, 10), (82.3, 101.7), 48),
            observations=[EXTERNAL],
            color=[0, 255, 0],
            **IN_FRAME,
            ROIGenerationAlgorithm="AUTOMATIC",
        ),
        roi(
            2,
            "GTVp",
            contours=ellipsoid((18.2, -8.3), (11.4, 9.8), range(-6, 7, 3)),
            observations=[target("GTV", "228791009", "Gross tumor volume")],
            color=[255, 0, 0],
            **IN_FRAME,
            ROIDescription="primary tumour",
            ROIVolume="4.62",
        ),
        roi(
            3,
            "PTV_70",
            contours=ellipsoid((18.2, -8.3), (19.6, 17.9), range(-9, 10, 3)),
            observations=[target("PTV", "228793007", "Planning target volume")],
            color=[255, 0, 255],
            **IN_FRAME,
            ROIGenerationAlgorithm="SEMIAUTOMATIC",
            ROIGenerationDescription="GTVp + 8 mm",
            ConceptualVolumeIdentificationSequence={"ConceptualVolumeUID": VOLUME},
        ),
        roi(
            4,
            "Parotid_L",
            contours=ellipsoid((57.1, 12.6), (9.7, 15.4), range(-9, 7, 3)),
            observations=[parotid(LEFT)],
            color=[255, 255, 0],
            **IN_FRAME,
        ),
        roi(
            5,
            "Parotid_R",
            contours=ellipsoid((-56.8, 12.9), (9.4, 15.1), range(-9, 7, 3)),
            observations=[parotid(RIGHT)],
            color=[255, 200, 0],
            **IN_FRAME,
        ),
        roi(
            6,
            "Moelle épinière",
            contours=prism((0.4, 61.2), (5.9, 5.3), 16),
            observations=[organ("7647", "FMA", "Spinal cord")],
            color=[0, 0, 255],
            **IN_FRAME,
        ),
        roi(
            7,
            "Larynx/œdème",
            contours=tube((2.3, -21.4), (17.2, 14.9), (8.1, 9.3), range(-12, 1, 3)),
            observations=[organ("4596009", "SCT", "Larynx")],
            color=[0, 200, 200],
            **IN_FRAME,
        ),
        roi(8, "Mandible", contours=None, **IN_FRAME),
        roi(
            9,
            "ISOCENTER",
            contours=[contour(r"18.20\-8.30\0.00", "POINT", [IMAGES[0]])],
            observations=[ISOCENTER],
            color=[255, 255, 255],
            **IN_FRAME,
        ),
    ]
    return make_rtstruct(
        *rois,
        StudyInstanceUID=STUDY,
        SeriesInstanceUID=STRUCTURE_SET_SERIES,
        SOPInstanceUID=STRUCTURE_SET,
        FrameOfReferenceUID=FRAME,
        PositionReferenceIndicator="",
        ReferencedFrameOfReferenceSequence=[
            referenced_frame(FRAME, {STUDY: {CT_SERIES: IMAGES.values()}})
        ],
        PatientName="EXAMPLE^ImagingSelection",
        PatientID="EXAMPLE-1",
        PatientBirthDate="19500101",
        PatientSex="O",
        AccessionNumber="EXAMPLE-A1",
        StudyDate="20260826",
        StudyTime="091500",
        StudyID="EXAMPLE",
        StudyDescription="Example: head and neck",
        SeriesDescription="Example structure set",
        SeriesNumber=1,
        InstanceNumber=1,
        TimezoneOffsetFromUTC="+0200",
        StructureSetLabel="EXAMPLE",
        StructureSetName="Example structure set",
        StructureSetDate="20260826",
        StructureSetTime="101530",
        OperatorsName="EXAMPLE^Operator",
        Manufacturer="Orthanc ImagingSelection",
        ManufacturerModelName="Example",
        SoftwareVersions="example",
        ApprovalStatus="UNAPPROVED",
    )


if __name__ == "__main__":
    EXAMPLE_FILE.write_bytes(make_example())
