"""An output that a later run continues."""

import pytest
from imaging_selection.batch.conversion import Converted
from imaging_selection.batch.inputs import Input
from imaging_selection.batch.journal import Journal
from imaging_selection.errors import DicomError, InputError


def entry(text):
    return ("urn:a", (text,))


def converted(name, *texts):
    return Converted(name, name.encode(), [entry(each) for each in texts])


@pytest.fixture
def files(tmp_path):
    """Input files by name."""
    made = {}
    for name in "abc":
        path = tmp_path / f"{name}.dcm"
        path.write_bytes(name.encode())
        made[name] = Input(str(path), path)
    return made


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out.ndjson"


def opened(output, options="1", *, resume=True):
    return Journal(output, options, resume=resume)


def test_a_run_continues_behind_what_is_there(output, files):
    first = opened(output, resume=False)
    assert first.write(files["a"], converted("A", b"1", b"2")) == 2
    first.close()

    second = opened(output)
    assert second.has(files["a"])
    assert not second.has(files["b"])
    assert second.converted == {"A": b"A"}
    second.write(files["b"], converted("B", b"3"))
    second.close()

    assert output.read_bytes() == b"1\n2\n3\n"


def test_what_a_crash_has_left_half_is_cut_off(output, files):
    first = opened(output, resume=False)
    first.write(files["a"], converted("A", b"1"))
    first.close()
    with (
        output.open("ab") as torn,
        (output.parent / "out.ndjson.journal").open("ab") as half,
    ):
        torn.write(b"2\n{half")
        half.write(b'{"file": ["b')

    second = opened(output)
    assert not second.has(files["b"])
    second.write(files["b"], converted("B", b"2"))
    second.close()

    assert output.read_bytes() == b"1\n2\n"
    third = opened(output)
    assert third.has(files["b"])
    third.close()


def test_a_file_that_has_changed_is_converted_again(output, files):
    journal = opened(output, resume=False)
    journal.write(files["a"], converted("A", b"1"))
    files["a"].path.write_bytes(b"changed")
    assert not journal.has(files["a"])
    journal.close()


def test_a_file_that_fails_leaves_nothing(output, files):
    def parts():
        yield b"half"
        raise DicomError("broken")

    journal = opened(output, resume=False)
    journal.write(files["a"], converted("A", b"1"))
    with pytest.raises(DicomError):
        journal.write(files["b"], Converted("B", b"", [entry(b"0"), ("u", parts())]))
    journal.write(files["c"], converted("C", b"2"))
    assert not journal.has(files["b"])
    journal.close()
    assert output.read_bytes() == b"1\n2\n"


def test_a_file_of_a_zip_file_is_known_by_its_name_and_size(output):
    journal = opened(output, resume=False)
    journal.write(Input("z.zip/a", content=b"12"), converted("A", b"1"))
    journal.close()
    journal = opened(output)
    assert journal.has(Input("z.zip/a", content=b"34"))
    assert not journal.has(Input("z.zip/a", content=b"345"))
    assert not journal.has(Input("z.zip/b", content=b"12"))
    journal.close()


def test_nothing_is_written_over(output, files):
    journal = opened(output, resume=False)
    journal.write(files["a"], converted("A", b"1"))
    journal.close()
    with pytest.raises(InputError, match="--resume"):
        opened(output, resume=False)
    with pytest.raises(InputError, match="other options"):
        opened(output, "2")
    output.with_name("out.ndjson.journal").unlink()
    with pytest.raises(InputError, match="no journal"):
        opened(output)
    assert output.read_bytes() == b"1\n"
