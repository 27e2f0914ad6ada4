"""Progress of a worker, by its own clock."""

from videobroker.concurrency.progress import Progress


class ManualClock:
    """Monotonic seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_new_worker_has_time_for_its_first_attempt_and_no_success() -> None:
    clock = ManualClock()
    progress = Progress(clock=clock)
    clock.now = 110
    assert progress.has_attempted_within(10)
    assert not progress.has_succeeded_within(1000)
    clock.now = 111
    assert not progress.has_attempted_within(10)


def test_an_attempt_is_no_success() -> None:
    clock = ManualClock()
    progress = Progress(clock=clock)
    clock.now = 200
    progress.record_attempt()
    assert progress.has_attempted_within(0)
    assert not progress.has_succeeded_within(1000)


def test_a_success_is_an_attempt_and_expires() -> None:
    clock = ManualClock()
    progress = Progress(clock=clock)
    clock.now = 200
    progress.record_success()
    clock.now = 205
    progress.record_attempt()
    assert progress.has_attempted_within(0)
    assert progress.has_succeeded_within(5)
    assert not progress.has_succeeded_within(4)
