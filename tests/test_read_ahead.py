"""Reading ahead: the same items, errors in their place, and no thread left behind."""

import threading

import pytest

from jaxverify.files.read_ahead import read_ahead


def test_the_next_item_is_made_while_one_is_used():
    made = threading.Semaphore(0)

    def items():
        for i in range(4):
            made.release()
            yield i

    for count, item in enumerate(read_ahead(items())):
        assert item == count
        # This item and the next: it would hang here if the next were made only when asked for.
        assert count == 3 or (made.acquire(timeout=10) and made.acquire(timeout=10))
        made.release()


def test_an_error_comes_in_its_place_and_ends_it():
    def items():
        yield 1
        raise OSError("disk")

    found = read_ahead(items())
    assert next(found) == 1
    with pytest.raises(OSError, match="disk"):
        next(found)


def test_no_thread_is_left_where_not_all_is_asked_for():
    before = threading.active_count()
    found = read_ahead(iter(range(10)))
    next(found)
    assert threading.active_count() == before + 1
    found.close()
    assert threading.active_count() == before
