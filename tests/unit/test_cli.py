import json
import subprocess
import sys
import zipfile
from importlib import resources
from pathlib import Path

import pytest
from fhir.resources.bundle import Bundle
from imaging_selection import __version__, objects
from imaging_selection.cli import main
from imaging_selection.fhir.bundles import collection_bundle
from imaging_selection.mapping.choices import Choices
from support.builders import contour, ct_image, image_uid, make_rtstruct, roi
from support.media import make_dicomdir, record
from support.paths import ROOT
from support.reading import parse_structure_set
from support.solids import rectangle

OTHER = "2.25.113047399"
NO_DICOM = b"no DICOM, but 113047 " * 20


def selections_of(file):
    return list(objects.convert(file).resources)


@pytest.fixture
def write(tmp_path):
    """Writes a file, and gives its path."""

    def write_file(name, content):
        path = tmp_path / name
        path.write_bytes(content)
        return str(path)

    return write_file


@pytest.fixture
def call(capfdbinary):
    """Runs the command; status, lines of stdout and of stderr."""

    def run(*arguments):
        status = main(arguments)
        out, err = capfdbinary.readouterr()
        return status, out.decode().splitlines(), err.decode().splitlines()

    return run


def test_a_file_becomes_a_collection(call, write):
    file = make_rtstruct(roi(3, "Larynx"), roi(1, "Œsophage"))
    status, (line,), errors = call("convert", write("a.dcm", file))
    assert (status, errors) == (0, [])
    assert json.loads(line) == collection_bundle(selections_of(file))
    Bundle.model_validate_json(line)


def test_r4_is_printed_if_it_is_asked_for(call, write):
    path = write("a.dcm", make_rtstruct(roi(3, "Larynx")))
    options = ("--fhir-version", "4.0", "--radiotherapy-volumes")
    status, (line,), errors = call("convert", path, *options)
    assert (status, errors) == (0, [])
    kinds = [each["resource"]["resourceType"] for each in json.loads(line)["entry"]]
    assert kinds == ["Basic", "Basic", "BodyStructure", "Basic"]


def test_measurements_come_last_if_they_are_asked_for(call, write):
    contours = [contour(rectangle(z)) for z in (0, 3, 6)]
    path = write("a.dcm", make_rtstruct(roi(3, contours=contours)))
    _, plain, _ = call("convert", "--ndjson", path)
    options = ("--ndjson", "--measurements", "--contours")
    status, lines, errors = call("convert", *options, path)
    resources = [json.loads(line) for line in lines]
    assert (status, errors) == (0, [])
    assert [each["resourceType"] for each in resources] == [
        *["ImagingSelection"] * len(plain),
        "Observation",
    ]
    assert resources[-1]["valueQuantity"]["value"] == 1.8


def test_names_are_coded_if_that_is_asked_for(call, write):
    table = "name,system,code,display,laterality\nKehlkopf,urn:oid:1.2,K1,Larynx,\n"
    path = write("a.dcm", make_rtstruct(roi(3, "Kehlkopf"), roi(4, "Lung_L")))
    dictionary = write("names.csv", table.encode())
    options = ("--ndjson", "--tg-263", "--dictionary", dictionary)
    status, lines, _ = call("convert", *options, path)
    codings = [
        json.loads(line)["bodySite"]["concept"]["coding"][0] for line in lines[1:3]
    ]
    assert status == 0
    assert [each["code"] for each in codings] == ["K1", "39607008"]


def test_a_wrong_dictionary_is_refused_with_its_line(write, capsys):
    with pytest.raises(SystemExit):
        main(["convert", "--dictionary", write("a.csv", b"name"), "a.dcm"])
    assert "line 1 must be name,system" in capsys.readouterr().err


@pytest.mark.slow
def test_nothing_is_loaded_to_measure_unless_somebody_measures(run, write):
    path = write("a.dcm", make_rtstruct(roi(3)))
    program = (
        "import sys; from imaging_selection.cli import main; "
        f"main(['convert', {path!r}]); "
        "sys.exit('shapely' in sys.modules)"
    )
    environment = {"PYTHONPATH": str(ROOT / "plugin")}
    assert run(sys.executable, "-c", program, env=environment).returncode == 0


def test_the_structure_set_comes_first_then_its_rois_in_file_order(call, write):
    file = make_rtstruct(roi(3), roi(1), roi(2))
    _, (line,), _ = call("convert", write("a.dcm", file))
    ids = [entry["resource"]["id"] for entry in json.loads(line)["entry"]]
    instance = objects.ids_of(parse_structure_set(file)).instance
    assert ids[:4] == [instance, *(f"{instance}-{number}" for number in (3, 1, 2))]


@pytest.mark.parametrize("ndjson", [False, True], ids=["bundle", "ndjson"])
def test_with_contours_the_structure_set_and_the_rois_have_regions(call, write, ndjson):
    drawn = contour(rb"1.50\2\3\4\5\6.0", "OPEN_PLANAR", images=[image_uid(1)])
    file = make_rtstruct(roi(7, contours=[drawn, drawn]), roi(3, contours=[]))
    options = ["--contours"] + ["--ndjson"] * ndjson
    status, lines, errors = call("convert", *options, write("a.dcm", file))
    assert (status, errors) == (0, [])
    assert '"coordinate":[1.50,2,3,4,5,6.0]' in lines[0]
    made = [json.loads(line) for line in lines]
    if not ndjson:
        Bundle.model_validate(made[0])
        made = [entry["resource"] for entry in made[0]["entry"]]
    counts = [len(each["instance"][0].pop("imageRegion3D", ())) for each in made]
    assert counts == [2, 2, 0, 0]
    assert made == selections_of(file)


def test_several_files_become_one_collection_in_their_order(call, write):
    first, second = make_rtstruct(roi(1)), make_rtstruct(roi(2), SOPInstanceUID=OTHER)
    paths = write("a.dcm", first), write("b.dcm", second)
    status, (line,), errors = call("convert", *paths)
    assert (status, errors) == (0, [])
    expected = [*selections_of(first), *selections_of(second)]
    assert json.loads(line) == collection_bundle(expected)


@pytest.mark.parametrize("ndjson", [False, True], ids=["bundle", "ndjson"])
def test_a_file_that_is_given_twice_is_converted_once(call, write, ndjson):
    file = make_rtstruct(roi(1))
    again = write("b.dcm", file)
    options = ["--ndjson"] * ndjson
    status, lines, errors = call("convert", *options, write("a.dcm", file), again)
    expected = selections_of(file)
    made = [json.loads(line) for line in lines]
    assert made == (expected if ndjson else [collection_bundle(expected)])
    assert status == 0
    assert errors == [f"{again}: the same file was converted before, and is left out"]


def test_of_one_structure_set_with_two_contents_the_first_is_converted(call, write):
    first, second = make_rtstruct(roi(1)), make_rtstruct(roi(2))
    other = write("b.dcm", second)
    status, (line,), errors = call("convert", write("a.dcm", first), other)
    assert json.loads(line) == collection_bundle(selections_of(first))
    assert status == 1
    assert errors == [
        f"{other}: left out: the same structure set as before, with other content"
    ]


def test_ndjson_is_one_resource_a_line(call, write):
    file = make_rtstruct(roi(1, "line\nbreak"), roi(2))
    status, lines, errors = call("convert", "--ndjson", write("a.dcm", file))
    assert (status, errors) == (0, [])
    assert [json.loads(line) for line in lines] == selections_of(file)


@pytest.mark.parametrize("ndjson", [False, True], ids=["bundle", "ndjson"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(NO_DICOM, "", id="no-dicom"),
        pytest.param(b"", "", id="empty"),
        pytest.param(
            ct_image(),
            "SOP Class 1.2.840.10008.5.1.4.1.1.2 is not RT Structure Set Storage",
            id="ct-image",
        ),
    ],
)
def test_a_file_that_is_no_structure_set_is_one_line_and_the_others_convert(
    call, write, ndjson, content, reason
):
    bad, good = write("bad", content), make_rtstruct(roi(1))
    options = ["--ndjson"] if ndjson else []
    status, lines, errors = call("convert", *options, bad, write("good", good))
    assert status == 1
    (error,) = errors
    assert error.startswith(f"{bad}: {reason}")
    assert len(error) > len(bad) + 2
    made = [json.loads(line) for line in lines]
    expected = selections_of(good)
    assert made == (expected if ndjson else [collection_bundle(expected)])


def test_what_cannot_be_read_is_one_line_on_stderr(call, tmp_path):
    path = tmp_path / "nothing"
    status, lines, errors = call("convert", "--ndjson", str(path))
    assert (status, lines) == (1, [])
    assert errors == [f"{path}: No such file or directory"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("jobs", "ndjson"),
    [("1", False), ("1", True), ("2", False)],
    ids=["bundle", "ndjson", "bundle-by-two-processes"],
)
def test_a_folder_becomes_one_output_in_a_stable_order(call, write, jobs, ndjson):
    every = [
        make_rtstruct(roi(k), SOPInstanceUID=f"2.25.1130473{k}") for k in range(1, 6)
    ]
    for k, file in enumerate(every):
        write(f"{k}.dcm", file)
    write("again.dcm", every[0])
    write("ct.dcm", ct_image())
    folder = str(Path(write("notes.txt", b"text")).parent)
    options = ["--jobs", jobs, *(["--ndjson"] if ndjson else [])]
    status, lines, errors = call("convert", *options, folder)
    expected = [each for file in every for each in selections_of(file)]
    made = [json.loads(line) for line in lines]
    assert made == (expected if ndjson else [collection_bundle(expected)])
    assert status == 0
    kinds = "no DICOM, or of a kind that is not converted"
    assert sorted(errors) == [
        f"{folder}/again.dcm: the same file was converted before, and is left out",
        f"{folder}: files passed over ({kinds}): 2",
    ]


def test_a_folder_without_structure_sets_is_no_error(call, write):
    folder = str(Path(write("notes.txt", b"text")).parent)
    status, lines, (error,) = call("convert", folder)
    assert (status, lines) == (0, ['{"resourceType":"Bundle","type":"collection"}'])
    assert error.endswith(": 1")


def test_a_structure_set_in_a_folder_that_cannot_be_converted_is_an_error(call, write):
    bad = write("bad.dcm", make_rtstruct(roi(), StudyInstanceUID=None))
    folder = str(Path(write("good.dcm", make_rtstruct(roi(1)))).parent)
    status, lines, (error,) = call("convert", "--ndjson", folder)
    assert status == 1
    assert error.startswith(f"{bad}: StudyInstanceUID")
    assert [json.loads(each) for each in lines] == selections_of(make_rtstruct(roi(1)))


def test_a_dicomdir_is_converted(call, write):
    write("A", make_rtstruct(roi(1)))
    medium = make_dicomdir(record("A"), record("..", "B"))
    status, lines, errors = call("convert", "--ndjson", write("DICOMDIR", medium))
    assert [json.loads(each) for each in lines] == selections_of(make_rtstruct(roi(1)))
    assert (status, len(errors)) == (1, 1)


def test_standard_input_is_converted():
    command = "from imaging_selection.cli import main; raise SystemExit(main())"
    done = subprocess.run(
        [sys.executable, "-c", command, "convert", "--ndjson", "-"],
        cwd=ROOT / "plugin",
        input=make_rtstruct(roi(1)),
        capture_output=True,
        check=True,
    )
    made = [json.loads(each) for each in done.stdout.splitlines()]
    assert made == selections_of(make_rtstruct(roi(1)))


def test_the_name_of_a_file_in_a_zip_file_gives_no_orders_to_a_terminal(call, tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("\x1b[2J\n", make_rtstruct(roi(), StudyInstanceUID=None))
    _, _, (error,) = call("convert", str(path))
    assert error.startswith(f"{path}/\ufffd[2J\ufffd: StudyInstanceUID")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_output_is_continued_without_what_it_has(call, write, tmp_path, jobs):
    write("a.dcm", make_rtstruct(roi(1)))
    output = tmp_path / "out" / "all.ndjson"
    output.parent.mkdir()
    options = ("--output", str(output), "--jobs", jobs)
    arguments = ("convert", str(tmp_path), *options)
    status, printed, said = call(*arguments)
    assert (status, printed) == (0, [])
    assert said[-1].startswith("converted: 1 files, 3 resources;")
    first = output.read_bytes()

    write("b.dcm", make_rtstruct(roi(1), SOPInstanceUID=OTHER))
    write("c.dcm", NO_DICOM)
    status, _, said = call(*arguments)
    assert status == 1
    assert said == [f"output: {output} exists: --resume continues it"]
    broken = str(tmp_path / "c.dcm")
    status, _, said = call("convert", str(tmp_path), broken, *options, "--resume")

    assert status == 1
    counts = "converted: 1 files, 3 resources; unchanged since an earlier run: 1"
    assert f"{counts}; failed: 1" in said
    assert output.read_bytes().startswith(first)
    ids = [json.loads(line)["id"] for line in output.read_text().splitlines()]
    assert len(ids) == len({*ids}) == 6


def test_an_output_of_other_options_is_not_continued(call, write, tmp_path):
    path, output = write("a.dcm", make_rtstruct(roi(1))), str(tmp_path / "o.ndjson")
    assert call("convert", path, "--output", output)[0] == 0
    more = ("--resume", "--fhir-version", "4.0")
    status, _, (line,) = call("convert", path, "--output", output, *more)
    assert status == 1
    assert "other options" in line


def test_the_default_encoding_is_an_option(call, write):
    file = make_rtstruct(
        roi(1, b"\xcf\xe5\xf7"), SpecificCharacterSet=None, PatientID=b"\xcf"
    )
    choices = Choices(default_encoding="Windows1251")
    expected = list(objects.convert(file, choices).resources)
    options = ("--ndjson", "--default-encoding", "Windows1251")
    _, lines, _ = call("convert", *options, write("a", file))
    assert [json.loads(each) for each in lines] == expected
    assert expected[1]["bodySite"]["concept"]["text"] == "Печ"
    assert expected[0]["id"] != selections_of(file)[0]["id"]


def test_without_any_structure_set_the_collection_is_empty(call, write):
    status, lines, _ = call("convert", write("bad", NO_DICOM))
    assert (status, lines) == (1, ['{"resourceType":"Bundle","type":"collection"}'])


def test_an_error_shows_no_content_of_the_file(call, write):
    file = make_rtstruct(roi(), PatientName="Secret113047", StudyInstanceUID=None)
    _, _, (error,) = call("convert", write("a.dcm", file))
    assert "StudyInstanceUID" in error
    assert "Secret113047" not in error


def test_the_bundled_example_converts(call):
    example = resources.files("imaging_selection") / "data" / "example.dcm"
    with resources.as_file(example) as path:
        status, (line,), errors = call("convert", str(path))
    assert (status, errors) == (0, [])
    assert len(json.loads(line)["entry"]) >= 10


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        pytest.param(["--version"], 0, id="version"),
        pytest.param([], 2, id="no-command"),
        pytest.param(["convert"], 2, id="no-file"),
        pytest.param(["convert", "--unheard-of", "a"], 2, id="unknown-option"),
        pytest.param(["convert", "--jobs", "0", "a"], 2, id="no-job"),
        pytest.param(["convert", "--default-encoding", "x", "a"], 2, id="no-encoding"),
        pytest.param(["convert", "--resume", "a"], 2, id="resume-of-nothing"),
        pytest.param(["convert", "--r4-form", "Complex", "a"], 2, id="form-of-r5"),
        pytest.param(["convert", "--radiotherapy-volumes", "a"], 2, id="volumes-in-r5"),
    ],
)
def test_the_command_line_is_checked(capsys, arguments, status):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == status
    assert (__version__ in capsys.readouterr().out) == (status == 0)


def test_a_full_output_is_one_line_and_no_traceback():
    command = "from imaging_selection.cli import main; raise SystemExit(main())"
    example = ROOT / "plugin" / "imaging_selection" / "data" / "example.dcm"
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", command, "convert", example],
            cwd=ROOT / "plugin",
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "output: No space left on device\n"
