from imaging_selection.sync.work_queue import WorkQueue


def test_arrivals_are_taken_in_order_and_each_once():
    queue = WorkQueue()
    queue.arrivals.extend(["a", "b", "a", "c", "d"])
    assert queue.take_arrivals(4) == ["a", "b", "c"]
    assert queue.take_arrivals(4) == ["d"]
    assert queue.take_arrivals(4) == []


def test_departures_stay_until_they_are_dropped():
    queue = WorkQueue()
    queue.departures.extend(["a", "b", "c"])
    assert queue.first_departures(2) == ["a", "b"]
    assert queue.first_departures(9) == ["a", "b", "c"]
    queue.drop_departures(2)
    assert queue.first_departures(9) == ["c"]


def test_what_is_for_later_is_taken_when_it_is_due():
    queue = WorkQueue()
    queue.add_later(["a", "b"], due=7)
    assert queue.take_due(6.9) is None
    assert [queue.take_due(7) for _ in range(3)] == ["a", "b", None]
