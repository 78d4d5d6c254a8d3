"""The fixtures themselves: a platform of real processes that can be killed and started again."""

import pytest

from tests.live.tenants import supervised
from tests.platform import Platform

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def platform(shaken_platform: Platform) -> Platform:
    supervised(shaken_platform)
    return shaken_platform


def test_a_platform_answers_and_survives_the_kill_of_each_part(platform: Platform) -> None:
    platform.wait_ready(*platform.children)
    for name in platform.children:
        assert platform.answers(name)
    for name in platform.children:
        platform.kill(name)
        platform.start_process(name)
