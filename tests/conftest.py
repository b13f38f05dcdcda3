"""What tests share: the outside test data, and small audio."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of outside recordings, weights and reference numbers named in SINGERID_TEST_DATA."""
    folder = os.environ.get("SINGERID_TEST_DATA")
    if not folder:
        pytest.skip("SINGERID_TEST_DATA is not set: no outside recordings and reference files")
    return Path(folder)
