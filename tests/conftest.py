"""What holds for every test: hypothesis profiles, and no skip in CI."""

import os
from typing import Any

import pytest
from hypothesis import settings

# The same examples on every run in CI, new ones elsewhere.
settings.register_profile("dev", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("ci" if "CI" in os.environ else "dev")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI everything that a test may ask for is installed: a skip is a failure there."""
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter.stats.get("skipped") and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
