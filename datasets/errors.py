"""The mistakes and misfortunes `datasets` reports, each one line long."""


def one_line(reason: object, limit: int = 160) -> str:
    """Squeeze any message onto one short line.

    Args:
        reason: what `str` turns into the message; an exception whose message is empty gives its type's name.
        limit: the most characters to keep.

    Returns:
        The message without line breaks or control characters.
    """
    text = str(reason) or type(reason).__name__
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


class EvidenceError(ValueError):
    """A file cannot be read as evidence; `str()` is a one-line reason that does not name the path."""

    def __init__(self, reason: object):
        super().__init__(one_line(reason))


class InputError(ValueError):
    """A path that was asked for gives no image at all: it is missing, or a folder without pictures.

    Attributes:
        path: the path as given.
        reason: why, on one line.
    """

    def __init__(self, path: str, reason: object):
        self.path = path
        self.reason = one_line(reason)
        super().__init__(f"{path}: {self.reason}")


class DataMissingError(FileNotFoundError):
    """A corpus is not where the data folder should hold it; the message says what to set."""
