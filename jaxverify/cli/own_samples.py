"""Some of the customer's own training samples, to be asked too."""

import argparse

from jaxverify.challenge import Own
from jaxverify.challenge.real_samples import read_own
from jaxverify.record.record import Record


def read(options: argparse.Namespace, record: Record) -> Own | None:
    """The samples, where they are to be asked.

    Raises:
        UserError: if the data cannot be read, or are not those of the record.
    """
    if options.own is None:
        return None
    return read_own(options.own, record, options.shard, options.own_label)
