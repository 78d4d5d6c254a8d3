"""Adding a gateway: in one step everything that has to be typed into its cloud settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from mqtt_bridge import credentials
from mqtt_bridge.models import MqttCredential
from workspaces import services
from workspaces.models import User, Workspace
from workspaces.services import NewBindCode


@dataclass(frozen=True, slots=True)
class AddedGateway:
    """Its password and the bind code's text are shown once and then kept nowhere in the clear."""

    credential: MqttCredential
    bind_code: NewBindCode | None


@transaction.atomic
def add(
    *,
    sns: Sequence[str],
    model_key: str,
    workspace: Workspace,
    user: User | None = None,
    code_until: datetime | None = None,
    only_new: bool = False,
) -> list[AddedGateway]:
    """An MQTT account for each gateway, which works for its serial number alone, and with `code_until` a bind code for
    one dock that expires then. A gateway that has an account gets a new password, unless `only_new`.

    The caller pushes the credentials to the broker after the commit. Raises ValidationError, and then nothing changes.
    """
    issued = credentials.issue(
        sns=sns, workspace=workspace, model_key=model_key, user=user, only_new=only_new
    )  # fmt: skip
    return [
        AddedGateway(
            credential,
            services.issue_bind_code(workspace=workspace, expires_at=code_until, user=user) if code_until else None,
        )
        for credential in issued
    ]
