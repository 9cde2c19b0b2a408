"""How long an endpoint that asks for patience is waited for."""

import pytest
from test_http import Model, Server, saved, verify


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        ("7", 7, 7),
        ("3600", 60, 60),
        ("Fri, 31 Dec 2100 23:59:59 GMT", 60, 60),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("1.5", 0, 0),
        ("-1", 0, 0),
        ("soon", 0, 0),
    ],
)
def test_it_waits_as_the_endpoint_asks_but_a_minute_at_most(
    retry_after, least, most, tmp_path, fast
):
    record, path = saved(tmp_path)
    with Server(Model(record)) as server:
        server.faults, server.retry_after = [429], retry_after
        assert verify(path, server) == 0
    assert least <= sum(fast) <= most
