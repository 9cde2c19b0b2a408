"""Errors that are the user's to mend: one clear line each, never a traceback."""


class UserError(ValueError):
    """What was given cannot be used; the message names the value and says what to do.

    Command lines print the message alone and exit with status 2.
    """


class DataError(UserError):
    """A data set is missing, truncated, mislabelled or of the wrong form."""
