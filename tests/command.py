"""The rtstft command in this process; tests that run it take the fixture `command_folder`."""

import pytest

from rtstft.cli import main


def rtstft(*words: str) -> int:
    """Exit code of the command."""
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    code = ended.value.code
    assert isinstance(code, int) or code is None
    return code or 0
