"""See README.md. pytest shows the values of failed assertions in tests/support, too."""

import pytest

pytest.register_assert_rewrite("tests.support")
