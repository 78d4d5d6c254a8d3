"""What is good enough for trying out, and not for the internet."""

from django.conf import settings
from django.core.checks import CheckMessage, Warning

from cloudapi.checks.brokers import broker_of_last_resort, emqx_sessions


def plain_http() -> list[CheckMessage]:
    if settings.PUBLIC_URL.startswith("https://"):
        return []
    return [
        Warning(
            f"PUBLIC_URL {settings.PUBLIC_URL} is not https, so passwords and sessions travel in the clear.",
            hint="Put a TLS proxy in front (BEHIND_PROXY=1) and give its https:// address.",
            id="cloudapi.W012",
        )
    ]


def host_names() -> list[CheckMessage]:
    names = set(settings.ALLOWED_HOSTS)
    if "*" not in names and not names <= {"localhost", "127.0.0.1", "[::1]"}:
        return []
    return [
        Warning(
            f"ALLOWED_HOSTS is {','.join(settings.ALLOWED_HOSTS)}: "
            + ("every name is accepted." if "*" in names else "browsers elsewhere get an error."),
            hint="List the names under which browsers and Pilot reach this server.",
            id="cloudapi.W014",
        )
    ]


CHECKS = (broker_of_last_resort, emqx_sessions, plain_http, host_names)
