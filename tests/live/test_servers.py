"""The fixtures themselves: a platform of real processes that can be killed and started again."""

import pytest

from tests.platform import Platform

pytestmark = pytest.mark.live


def test_a_platform_answers_and_survives_the_kill_of_each_part(platform: Platform) -> None:
    for name in platform.children:
        assert platform.answers(name)
    for name in platform.children:
        platform.kill(name)
        platform.start_process(name)
