"""The errors a user may meet, each with the exit code the command line ends with."""


class SyntheticCTError(Exception):
    """Base of every error this library raises on purpose; its text is written for the user."""

    exit_code = 1


class InputError(SyntheticCTError):
    """Something the user gave cannot be used.

    The text names the file or parameter, what was found, what was expected and what to do.
    """

    exit_code = 2


class Rejected(SyntheticCTError):  # noqa: N818, a verdict, not a fault
    """The quality gate rejected a result and the user asked to be strict about it."""

    exit_code = 3


class Cancelled(SyntheticCTError):  # noqa: N818, the user's wish, not a fault
    """The user stopped the job; nothing was left behind."""

    exit_code = 130
