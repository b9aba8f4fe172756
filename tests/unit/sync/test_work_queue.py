from imaging_selection.sync.work_queue import WorkQueue


def test_arrivals_are_taken_in_order_and_each_once():
    queue = WorkQueue()
    queue.arrivals.extend(["a", "b", "a", "c", "d"])
    assert queue.take(4, now=0) == ["a", "b", "c"]
    assert queue.take(4, now=0) == ["d"]
    assert queue.take(4, now=0) == []


def test_what_changed_while_it_was_converted_comes_first():
    queue = WorkQueue()
    queue.add_later(["later"], due=7)
    queue.arrivals.append("arrived")
    queue.again.append("again")
    assert [queue.take(4, now=7) for _ in range(3)] == [
        ["again"],
        ["arrived"],
        ["later"],
    ]


def test_departures_stay_until_they_are_dropped():
    queue = WorkQueue()
    queue.departures.extend(["a", "b", "c"])
    assert queue.first_departures(2) == ["a", "b"]
    assert queue.first_departures(9) == ["a", "b", "c"]
    queue.drop_departures(2)
    assert queue.first_departures(9) == ["c"]


def test_what_is_for_later_is_taken_when_it_is_due():
    queue = WorkQueue()
    queue.add_later(["a", "b", "c"], due=7)
    assert queue.take(2, now=6.9) == []
    assert [queue.take(2, now=7) for _ in range(3)] == [["a", "b"], ["c"], []]
