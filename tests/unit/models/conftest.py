"""Fixtures for the networks' tests."""

from collections.abc import Iterator

import jaxtyping
import pytest


@pytest.fixture
def as_installed() -> Iterator[None]:
    """Switch the checks of annotations off: wrong values reach the code's own checks, and the compiler sees the code."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
