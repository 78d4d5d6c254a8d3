"""The embedded platform of `make run`: every process of cloudapi on one machine, kept alive by supervisor.

Nothing here imports Django: `python -m cloudapi.platform` writes `DATA_DIR/platform.env` before settings can load.
"""

from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent.parent


class PlatformError(Exception):
    """Something that a person has to change. The text is a sentence that says what and how."""
