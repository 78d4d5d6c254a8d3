"""The fixtures themselves: a platform of real processes that can be killed and started again."""

import contextlib

import pytest

from cloudapi.platform import servers
from tests.live.foreign_client import Gateway
from tests.live.tenants import Tenant, supervised
from tests.platform import Platform
from tests.processes import wait_until

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


def test_a_broker_that_was_killed_while_it_wrote_its_accounts_has_them_all_again(platform: Platform) -> None:
    """Mosquitto writes them in place. What has changed since its last start is mended by the worker."""
    account = Tenant(platform, "Cut off").accounts(1)[0]
    with Gateway(account):
        pass
    file = platform.data_dir / "mosquitto" / servers.DYNSEC_FILE
    platform.kill("broker")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    platform.start_process("broker")

    def connects() -> bool:
        with contextlib.suppress(ConnectionError), Gateway(account):
            return True
        return False

    wait_until(connects, "the account that was made since the broker's start works")
    platform.wait_ready(*platform.children)
