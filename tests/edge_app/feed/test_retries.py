from __future__ import annotations

from edge_app.feed.retries import Retries


def test_pauses_double_up_to_half_a_minute_and_go_on_for_ever():
    retries = Retries()

    pauses = [retries.failed(float(i), None) for i in range(200)]

    assert pauses[:6] == [1, 2, 4, 8, 16, 30]
    assert set(pauses[6:]) == {30}


def test_a_camera_that_ran_well_is_tried_soon_again_and_one_that_flaps_is_not():
    retries = Retries()
    for _ in range(5):
        retries.failed(0.0, 0.5)

    assert retries.failed(1.0, 9.0) == 30
    assert retries.failed(2.0, 60.0) == 1


def test_only_a_camera_that_delivered_counts_as_lost_and_for_an_hour():
    retries = Retries()
    retries.failed(0.0, 5.0)
    retries.failed(10.0, None)
    retries.failed(1000.0, 5.0)

    assert retries.losses == 2
    assert retries.last_hour(3599.0) == 2
    assert retries.last_hour(3601.0) == 1
    assert retries.last_hour(9999.0) == 0
