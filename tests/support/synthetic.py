"""Structure sets that together contain everything that the mapping reads.

They have what the real files of the corpus lack: every branch of the mapping has a
case. Golden resources and `make conformance` use the same cases.
"""

from support.builders import (
    BIG_ENDIAN,
    CT_SERIES,
    DEFLATED,
    EXPLICIT,
    FRAME,
    SQUARE,
    STUDY,
    algorithm,
    code,
    contour,
    device,
    image_uid,
    make_rtstruct,
    observation,
    person,
    reference,
    referenced_frame,
    roi,
)

_LEFT = code("7771000", "SCT", "Left")
_PRIMARY = code("63161005", "SCT", "Principal")
_LUNG = code("39607008", "SCT", "Lung", SegmentedPropertyTypeModifierCodeSequence=_LEFT)
_TIMES = {
    "StructureSetDate": "20240702",
    "StructureSetTime": "101530.5",
    "TimezoneOffsetFromUTC": "+0200",
}


def one_roi():
    return make_rtstruct(roi(1, "Lung_L"))


def no_roi():
    return make_rtstruct()


def everything_about_one_roi():
    return make_rtstruct(
        roi(
            7,
            "Lung_L",
            observations=[
                observation(
                    "PTV",
                    RTROIIdentificationCodeSequence=_LUNG,
                    AnatomicRegionSequence=code(
                        "51185008",
                        "SCT",
                        "Chest",
                        AnatomicRegionModifierSequence=_PRIMARY,
                    ),
                    PrimaryAnatomicStructureSequence=code("T-28000", "SRT", "Lung"),
                    TherapeuticRoleCategoryCodeSequence=code(
                        "130041", "DCM", "RT Target"
                    ),
                    TherapeuticRoleTypeCodeSequence=code("228793007", "SCT", "PTV"),
                    SegmentedPropertyCategoryCodeSequence=code(
                        "91723000", "SCT", "Anatomical Structure"
                    ),
                    ROIInterpreter="Interpreter^Ines^Maria^Dr^PhD",
                    ROIInterpreterSequence=device(),
                    ROIObservationLabel="label-113047",
                    ROIObservationDescription="seen-113047",
                    ROIObservationDateTime="20240103040506-0330",
                    ROIObservationContextCodeSequence=code("C1", "99CONTEXT", "Prone"),
                    RTRelatedROISequence={
                        "ReferencedROINumber": 7,
                        "RTROIRelationship": "SAME",
                    },
                    MaterialID="water-113047",
                    ROIPhysicalPropertiesSequence=[
                        {
                            "ROIPhysicalProperty": "REL_MASS_DENSITY",
                            "ROIPhysicalPropertyValue": "0.260",
                        },
                        {
                            "ROIPhysicalProperty": "ELEM_FRACTION",
                            "ROIPhysicalPropertyValue": "0",
                            "ROIElementalCompositionSequence": [
                                {
                                    "ROIElementalCompositionAtomicNumber": 1,
                                    "ROIElementalCompositionAtomicMassFraction": 0.112,
                                },
                                {"ROIElementalCompositionAtomicNumber": 8},
                            ],
                        },
                    ],
                )
            ],
            color=[255, 128, 0],
            ROIDescription="Drawn on the\r\ncontrast phase",
            ROIVolume="1234.50",
            ROIGenerationAlgorithm="SEMIAUTOMATIC",
            ROIGenerationDescription="grown from a seed",
            ROIDateTime="20240102030405.25+0100",
            ROIDerivationAlgorithmIdentificationSequence=algorithm("LungNet", "0.9"),
            DerivationCodeSequence=code("113085", "DCM", "Spatial resampling"),
            DefinitionSourceSequence=reference(
                "2.25.113047906",
                "1.2.840.10008.5.1.4.1.1.66.4",
                ReferencedSegmentNumber=3,
            ),
            RTProtocolCodeSequence=code("P1", "99PROTOCOL", "Protocol of the house"),
            ROICreatorSequence=[person("Creator^Carl"), device("maker-2", "model-2")],
            ConceptualVolumeIdentificationSequence={
                "ConceptualVolumeUID": "2.25.113047901"
            },
        ),
        PatientID="patient-113047",
        IssuerOfPatientID="issuer-113047",
        IssuerOfPatientIDQualifiersSequence={
            "UniversalEntityID": "1.2.3.113047",
            "UniversalEntityIDType": "ISO",
        },
        AccessionNumber="accession-113047",
        StructureSetLabel="Plan A",
        StructureSetName="Plan A, first",
        StructureSetDescription="for the record",
        ApprovalStatus="APPROVED",
        ReviewDate="20240703",
        ReviewTime="120000",
        ReviewerName="Reviewer^Rita",
        OperatorsName=["Operator^One", "Operator^Two"],
        Manufacturer="maker-113047",
        ManufacturerModelName="model-113047",
        DeviceSerialNumber="serial-113047",
        SoftwareVersions=["1.0", "2.0"],
        StationName="station-113047",
        InstitutionName="institution-113047",
        DeviceUID="2.25.113047902",
        UDISequence=[{"UniqueDeviceIdentifier": "(01)00844588003288(21)113047"}],
        PredecessorStructureSetSequence=reference(
            "2.25.113047903", "1.2.840.10008.5.1.4.1.1.481.3"
        ),
        AnatomicRegionSequence=code("51185008", "SCT", "Chest"),
        BodyPartExamined="CHEST",
        SourceSeriesInformationSequence={
            "SeriesInstanceUID": CT_SERIES,
            "SeriesNumber": 4,
            "SeriesDate": "20240701",
            "SeriesTime": "1015",
            "SeriesDescription": "planning CT",
            "Modality": "CT",
        },
        **_TIMES,
    )


def every_interpreted_type():
    terms = """
        EXTERNAL PTV CTV GTV TREATED_VOLUME IRRAD_VOLUME OAR BOLUS AVOIDANCE ORGAN
        MARKER REGISTRATION ISOCENTER CONTRAST_AGENT CAVITY BRACHY_CHANNEL
        BRACHY_ACCESSORY BRACHY_SRC_APP BRACHY_CHNL_SHLD SUPPORT FIXATION DOSE_REGION
        CONTROL DOSE_MEASUREMENT DEVICE NONE
    """.split()  # noqa: SIM905 - a list of 26 lines says no more
    return make_rtstruct(
        *(
            roi(number, f"Roi {term}", observations=[observation(term)])
            for number, term in enumerate(terms, 1)
        )
    )


def every_geometric_type():
    drawn = [
        contour(r"1\2\3", "POINT"),
        contour(SQUARE, "OPEN_PLANAR"),
        contour(SQUARE, "OPEN_NONPLANAR"),
        contour(SQUARE, "CLOSED_PLANAR"),
        contour(SQUARE, "CLOSEDPLANAR_XOR"),
        contour(SQUARE, "SPIRAL"),
    ]
    return make_rtstruct(
        *(roi(n, f"Roi {n}", contours=[each]) for n, each in enumerate(drawn, 1))
    )


def two_frames_studies_and_series():
    second = {"ReferencedFrameOfReferenceUID": f"{FRAME}2"}
    images = [image_uid(n) for n in (1, 2)]
    others = [image_uid(n, 2) for n in (1, 2)]
    return make_rtstruct(
        roi(1, "On the CT", contours=[contour(images=images[:1])]),
        roi(2, "On the MR", contours=[contour(images=others[:1])], **second),
        roi(3, "Of no image", contours=None, **second),
        ReferencedFrameOfReferenceSequence=[
            referenced_frame(FRAME, {STUDY: {CT_SERIES: images}}),
            referenced_frame(f"{FRAME}2", {f"{STUDY}2": {f"{CT_SERIES}2": others}}),
        ],
    )


def repeated_numbers_and_names():
    return make_rtstruct(
        roi(1, "Kidney"), roi(1, "Kidney"), roi(1, "Spleen"), roi(2, "Kidney")
    )


def orphans():
    return make_rtstruct(
        roi(1, "Liver"), roi(99, declared=False), roi(98, contours=None, declared=False)
    )


def observations_of_all_sorts():
    return make_rtstruct(
        roi(1, "None", observations=[]),
        roi(
            2,
            "Three",
            observations=[
                observation("GTV", ROIInterpreter="A^B"),
                observation("ORGAN", ROIInterpreter="A^B"),
                observation("", ROIInterpreter=""),
            ],
        ),
        roi(3, "", observations=[observation("ORGAN", ROIObservationLabel="fallback")]),
        roi(4, "", observations=[observation("")]),
    )


def codes_of_all_schemes():
    codes = {
        "SNOMED CT": code("39607008", "SCT", "Lung"),
        "SRT": code("T-28000", "SRT", "Lung"),
        "SRT unknown": code("T-ZZZZZ", "SRT", "Lung"),
        "FMA": code("7195", "FMA", "Lung"),
        "private, identified": code("LUNG1", "99ACME", "Lung"),
        "private": code("LUNG1", "99OTHER", "Lung"),
        "URN": code("urn:oid:2.25.113047904", None, "Lung"),
        "with blanks": code("A  B", "SCT", "Lung"),
    }
    return make_rtstruct(
        *(
            roi(
                number,
                name,
                observations=[
                    observation("ORGAN", RTROIIdentificationCodeSequence=each)
                ],
            )
            for number, (name, each) in enumerate(codes.items(), 1)
        ),
        CodingSchemeIdentificationSequence={
            "CodingSchemeDesignator": "99ACME",
            "CodingSchemeUID": "2.25.113047905",
        },
    )


def codes_of_odd_scheme_uids():
    uids = ["2.25.0113047", "1.2." + "3" * 70, "urn:oid:2.25.1", "not a uid", "7.1"]
    return make_rtstruct(
        *(
            roi(
                number,
                f"Roi {uid[:16]}",
                observations=[
                    observation(
                        "ORGAN",
                        RTROIIdentificationCodeSequence=code(
                            "LUNG1", f"99ODD{number}", "Lung", CodingSchemeUID=uid
                        ),
                    )
                ],
            )
            for number, uid in enumerate(uids, 1)
        )
    )


def a_set_of_several_sites():
    return make_rtstruct(
        roi(1, "Liver"),
        AnatomicRegionSequence=[
            code("51185008", "SCT", "Chest"),
            code("A1", "99OTHER", "Abdomen", AnatomicRegionModifierSequence=_LEFT),
        ],
    )


def a_body_part_alone():
    return make_rtstruct(roi(1, "Femur"), BodyPartExamined="EXTREMITY")


def participants_of_all_sorts():
    physicist = code("1", "99ROLE", "Physicist")
    return make_rtstruct(
        roi(
            1,
            "Liver",
            observations=[
                observation("ORGAN", ROIInterpreter="Same^Name"),
                observation("ORGAN", ROIInterpreter="Same^Name"),
            ],
            ROICreatorSequence=[
                {"ObserverType": "DEV", "PersonName": "Contouring station"},
                {"ObserverType": "DEV"},
                {"Manufacturer": "maker-113047"},
                person(
                    "",
                    OrganizationalRoleCodeSequence=physicist,
                    InstitutionName="institution-113047",
                ),
                person(
                    "A^B",
                    PersonIdentificationCodeSequence=code("7", "99A", "A^B"),
                ),
                person(
                    "A^B",
                    PersonIdentificationCodeSequence=code("8", "99A", "A^B"),
                ),
            ],
        ),
        OperatorsName=["Same^Name", "Same^Name"],
    )


def images_of_many_frames():
    enhanced = "1.2.840.10008.5.1.4.1.1.2.1"
    frames = [
        reference(image_uid(1), enhanced, ReferencedFrameNumber=frame)
        for frame in ("1", ["2", "3"], "2")
    ]
    whole = [reference(image_uid(2), enhanced), frames[0]]
    return make_rtstruct(
        roi(1, "Liver", contours=[contour(images=[each]) for each in frames]),
        ReferencedFrameOfReferenceSequence=referenced_frame(
            FRAME, {STUDY: {CT_SERIES: whole}}
        ),
    )


def series_that_no_image_is_named_of():
    return make_rtstruct(
        roi(
            1,
            "Liver",
            contour_item={
                "SourceSeriesSequence": [{"SeriesInstanceUID": f"{CT_SERIES}7"}]
            },
        ),
        SourceSeriesInformationSequence=[
            {"SeriesInstanceUID": f"{CT_SERIES}7", "Modality": "MR"},
            {"SeriesInstanceUID": f"{CT_SERIES}8", "SeriesDate": "20240701"},
        ],
        ReferencedFrameOfReferenceSequence=[{"FrameOfReferenceUID": FRAME}],
    )


def predecessors_and_uids_with_zeros():
    return make_rtstruct(
        roi(1, "Liver", ReferencedFrameOfReferenceUID="1.2.03"),
        SOPInstanceUID="1.2." + "3" * 60,
        StudyInstanceUID="1.2.003",
        PredecessorStructureSetSequence=[
            reference("2.25.113047903", "1.2.840.10008.5.1.4.1.1.481.3"),
            reference("2.25.0113047904", "1.2.840.10008.5.1.4.1.1.481.3"),
        ],
        PatientID=" ",
        AccessionNumber="  ",
    )


def images_that_other_lists_name():
    """Build a structure set as OHIF writes it, with what General Reference adds."""
    structure_set = "1.2.840.10008.5.1.4.1.1.481.3"
    predecessor = reference("2.25.113047905", structure_set)
    return make_rtstruct(
        roi(1, "Liver", contours=[contour(images=[image_uid(2)])]),
        roi(2, "Spleen", contours=[contour(images=[image_uid(9)])]),
        roi(3, "Kidney"),
        ReferencedFrameOfReferenceSequence={"FrameOfReferenceUID": FRAME},
        ReferencedSeriesSequence=[
            {
                "SeriesInstanceUID": CT_SERIES,
                "ReferencedInstanceSequence": [
                    reference(image_uid(1)),
                    reference(image_uid(2)),
                ],
            },
            {
                "SeriesInstanceUID": "2.25.113047200",
                "ReferencedInstanceSequence": [predecessor],
            },
        ],
        StudiesContainingOtherReferencedInstancesSequence=[
            {
                "StudyInstanceUID": "2.25.113047101",
                "ReferencedSeriesSequence": [
                    {
                        "SeriesInstanceUID": "2.25.113047501",
                        "ReferencedInstanceSequence": [
                            reference("2.25.113047601", "1.2.840.10008.5.1.4.1.1.4")
                        ],
                    }
                ],
            }
        ],
        SourceInstanceSequence=[reference("2.25.113047602")],
        PredecessorDocumentsSequence=[
            {
                "StudyInstanceUID": STUDY,
                "ReferencedSeriesSequence": [
                    {
                        "SeriesInstanceUID": "2.25.113047200",
                        "ReferencedSOPSequence": [predecessor],
                    }
                ],
            }
        ],
    )


def no_character_set():
    return make_rtstruct(
        roi(1, "Moëlle".encode("latin-1")),
        roi(2, "Moëlle".encode()),
        SpecificCharacterSet=None,
    )


def names_of_all_scripts():
    names = [
        "Moëlle épinière",
        "Спинной мозг",
        "脊髓",
        "脊柱",
        "النخاع",
        "<b>&amp;</b>",
    ]
    return make_rtstruct(
        *(roi(number, name) for number, name in enumerate(names, 1)),
        SpecificCharacterSet="ISO_IR 192",
        OperatorsName="Yamada^Tarou=山田^太郎=やまだ^たろう",
    )


def latin_1():
    return make_rtstruct(roi(1, "Moëlle"), SpecificCharacterSet="ISO_IR 100")


def iso_2022():
    return make_rtstruct(
        roi(1, "脊髄"),
        roi(2, "Lunge 肺"),
        SpecificCharacterSet=["", "ISO 2022 IR 87"],
        OperatorsName="Yamada^Tarou=山田^太郎=やまだ^たろう",
        StructureSetLabel="計画",
    )


def iso_2022_korean():
    return make_rtstruct(
        roi(1, "척수"),
        SpecificCharacterSet=["", "ISO 2022 IR 149"],
        OperatorsName="Hong^Gildong=洪^吉洞=홍^길동",
    )


def a_wrong_character_set():
    return make_rtstruct(
        roi(1, "Moëlle".encode("latin-1")),
        roi(2, "Moëlle".encode()),
        SpecificCharacterSet="ISO_IR 6",
    )


def gb18030():
    return make_rtstruct(roi(1, "脊髓"), SpecificCharacterSet="GB18030")


def big_endian():
    return make_rtstruct(roi(1, "Lung_L"), transfer_syntax=BIG_ENDIAN)


def deflated():
    return make_rtstruct(roi(1, "Lung_L"), transfer_syntax=DEFLATED)


def explicit_of_undefined_lengths():
    return make_rtstruct(
        roi(1, "Lung_L"), transfer_syntax=EXPLICIT, undefined_length=True
    )


def without_main_sequences():
    return make_rtstruct(
        StructureSetROISequence=None,
        ROIContourSequence=None,
        RTROIObservationsSequence=None,
        ReferencedFrameOfReferenceSequence=None,
    )


def odd_numbers():
    return make_rtstruct(
        roi(0, "Zero"), roi(-5, "Negative"), roi(" +007 ", "Padded"), roi("x", "None"),
        SeriesNumber="-3",
        InstanceNumber="-1",
    )  # fmt: skip


def numbers_of_many_digits():
    """Numbers beyond a decimal of FHIR, and integers in unusual notations."""
    long = r"-0.019999146461486816\0.00012345678901234567\30"
    far = r"1234567890123456789012\1e0000000000003\30"
    return make_rtstruct(
        roi(
            "1.0", "Long", ROIVolume="0.00012345678901234567",
            contours=[contour(rf"{long}\{far}\+.5\007\30"), contour(long, "POINT")],
        ),
        roi(
            "+2", "Beyond", ROIVolume="1e-9999999999",
            contours=[contour(r"1\1e9999999999\0", "POINT"), contour()],
        ),
    )  # fmt: skip


def illegal_uids():
    """Illegal UIDs: those that an id of FHIR can hold, and one that none can."""
    image = reference("ANON.113047-1", "CT.113047")
    return make_rtstruct(
        roi(
            1, "Liver", ReferencedFrameOfReferenceUID="1.2.3.FRAME.",
            contours=[contour(images=[image])],
            ConceptualVolumeIdentificationSequence=[{"ConceptualVolumeUID": "1.2.V"}],
            DefinitionSourceSequence=[reference("1..2")],
        ),
        roi(2, "Lung", ReferencedFrameOfReferenceUID="1." + "2" * 80),
        SOPInstanceUID="1.2.3A.4B",
        StudyInstanceUID="1.2.3.4.",
        SeriesInstanceUID="ANON-113047",
        DeviceUID="DEVICE.7",
        PredecessorStructureSetSequence=[reference("1.2.PREDECESSOR")],
        ReferencedFrameOfReferenceSequence=referenced_frame(
            "1.2.3.FRAME.", {"1.2.3.4.": {"1.2.SERIES": [image]}}
        ),
    )  # fmt: skip


def points_and_slabs():
    """POINT contours of several points, contours of slabs, wrong numbers of points."""
    return make_rtstruct(
        roi(1, "Markers", contours=[contour(r"0\0\0\10\0\0\0\10\0", "POINT")]),
        roi(
            2, "Slab",
            contours=[
                contour(ContourOffsetVector=r"0\0\1.5", ContourSlabThickness="3"),
            ],
        ),
        roi(
            3, "Counts",
            contours=[
                contour(NumberOfContourPoints=400), contour(r"1\2\3"), contour(""),
                contour(r"1\2\3\4", "POINT"), contour(NumberOfContourPoints="4.0"),
            ],
        ),
    )  # fmt: skip


def a_thousand_rois():
    return make_rtstruct(
        *(roi(n, f"Roi {n}", contours=[contour()]) for n in range(1, 1001))
    )


CASES = {
    case.__name__: case
    for case in (
        one_roi,
        no_roi,
        everything_about_one_roi,
        every_interpreted_type,
        every_geometric_type,
        two_frames_studies_and_series,
        repeated_numbers_and_names,
        orphans,
        observations_of_all_sorts,
        codes_of_all_schemes,
        codes_of_odd_scheme_uids,
        a_set_of_several_sites,
        a_body_part_alone,
        participants_of_all_sorts,
        images_of_many_frames,
        series_that_no_image_is_named_of,
        predecessors_and_uids_with_zeros,
        images_that_other_lists_name,
        names_of_all_scripts,
        no_character_set,
        latin_1,
        iso_2022,
        iso_2022_korean,
        a_wrong_character_set,
        gb18030,
        big_endian,
        deflated,
        explicit_of_undefined_lengths,
        without_main_sequences,
        odd_numbers,
        numbers_of_many_digits,
        illegal_uids,
        points_and_slabs,
        a_thousand_rois,
    )
}
