"""The demo tenant and its logins."""

from typing import Any

from django.core.management.base import CommandError

from mqtt_bridge import broker_access, demo
from workspaces.management.output import ResultCommand


class Command(ResultCommand):
    help = (
        "Creates the demo organization, if it is not there yet, and shows its logins. "
        "Its admin may use the platform's admin pages: not for a platform that others can reach."
    )

    def result(self, **_options: Any) -> dict[str, Any]:
        prepared, issued = demo.prepare()
        try:
            broker_access.put(issued)
        except broker_access.BrokerUnreachable as error:
            self.stderr.write(f"{error} The accounts will work once it is started.")
        except broker_access.BrokerAccessError as error:
            raise CommandError(str(error)) from error
        return prepared
