"""Every exception that Switchboard raises on purpose, as one tree.

    SwitchboardError
    ├── BadInput            somebody's input can't be used; its text is shown to them
    │   ├── BadConfig       config.toml or an environment variable
    │   ├── BadAudience     an audience expression
    │   ├── BadWhen         an instant, a local time or a span
    │   └── BadNumber       a phone number
    ├── NotFound            no such platform, round, batch or member; its text is shown
    ├── Conflict            it is there already, or its state forbids the act; its text is shown
    ├── HookRefused         a provider's request that is not answered 200
    │   ├── Forged          a wrong or missing signature or secret: 403, nothing stored
    │   └── Malformed       genuine but not readable as a request at all: 400
    ├── CannotTell          a provider could not be asked what became of a message
    └── StorageError
        ├── Busy            the database is locked or away for now: try again later
        ├── DiskFull        nothing can be written
        ├── Corrupt         the file is not a sound database
        ├── WrongSchema     the database's schema is older or newer than the program
        └── Closed          the database has been closed

Messages never carry a phone number, a name, a token or a message text, save where
the message goes to the very person who typed it.
"""


class SwitchboardError(Exception):
    """Something Switchboard understands went wrong."""


class BadInput(SwitchboardError):
    """Somebody's input can't be used; the text says what to write instead."""


class BadConfig(BadInput):
    """The configuration can't be used."""


class BadAudience(BadInput):
    """The audience expression can't be read."""


class BadWhen(BadInput):
    """The time can't be read."""


class BadNumber(BadInput):
    """The phone number can't be read."""


class NotFound(SwitchboardError):
    """There is no such thing."""


class Conflict(SwitchboardError):
    """It is there already, or its state forbids this."""


class HookRefused(SwitchboardError):
    """A provider's request that must not be answered 200."""


class Forged(HookRefused):
    """The signature or secret is wrong or missing."""


class Malformed(HookRefused):
    """The request can't be read at all."""


class CannotTell(SwitchboardError):
    """The provider could not be asked what became of a message."""


class StorageError(SwitchboardError):
    """The database refused."""


class Busy(StorageError):
    """The database is locked or away for now."""


class DiskFull(StorageError):
    """The disk is full: nothing can be written."""


class Corrupt(StorageError):
    """The file is not a sound database."""


class WrongSchema(StorageError):
    """The database's schema does not fit this program."""


class Closed(StorageError):
    """The database has been closed."""
