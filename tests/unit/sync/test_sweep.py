import pytest
from imaging_selection.sync.sweep import Sweep


@pytest.fixture
def sweep_of(source, inventory, converter):
    """Makes sweeps over some series and an empty ledger."""

    def make(*series_ids, every_instance):
        return Sweep(
            source,
            inventory,
            converter,
            {},
            list(series_ids),
            every_instance=every_instance,
            started="now",
        )

    return make


@pytest.fixture
def filled(source):
    source.keep("a")
    source.keep_image("image")
    source.keep("b")
    return source


@pytest.mark.parametrize(
    ("modality", "asked", "every_instance"),
    [
        ("RTSTRUCT", ["a", "image", "b"], False),
        ("RTPLAN", ["a", "image", "b"], False),
        ("", ["a", "image", "b"], False),
        ("CT", ["a"], False),
        ("CT", ["a", "image", "b"], True),
    ],
)
def test_the_sop_class_decides_and_of_images_one_is_asked_about(  # noqa: PLR0913, PLR0917
    sweep_of, inventory, filled, modality, asked, every_instance
):
    filled.modality = modality
    sweep_of("series", every_instance=every_instance).step(list)
    assert filled.asked == asked
    assert set(inventory.ids()) == {"a", "b"} & set(asked)


def test_what_is_known_is_not_asked_about(sweep_of, inventory, filled):
    inventory.announce(["a", "b", "image"])
    sweep_of("series", every_instance=True).step(list)
    assert filled.asked == []


def test_a_series_that_is_deleted_has_nothing(sweep_of, inventory):
    sweep_of("deleted", every_instance=False).step(list)
    assert len(inventory) == 0


def test_it_counts_what_is_done(sweep_of, filled):
    sweep = sweep_of("series", "deleted", every_instance=False)
    steps = [(sweep.done, sweep.total)]
    for _ in range(5):
        is_complete = sweep.step(lambda _names: [])
        steps.append((sweep.done, sweep.total))
    assert steps == [(0, 2), (1, 2), (2, 2), (2, 4), (2, 4), (4, 4)]
    assert is_complete
    assert filled.asked == ["a", "image", "b"]
