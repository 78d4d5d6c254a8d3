"""The page "Add a dock" of the administration: a form, then everything to type into the dock, once."""

from typing import Any, NamedTuple

import segno
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from devices import products
from mqtt_bridge import broker_access, controllers, gateways
from mqtt_bridge.dock_form import AddDockForm
from mqtt_bridge.gateways import AddedGateway
from workspaces.admin.base import acting_user
from workspaces.admin.scoped import ScopedModelAdmin
from workspaces.models import Workspace


class Value(NamedTuple):
    """What is typed into one of Pilot's fields."""

    label: str
    text: str
    #: Shown in groups of so many characters, which are easier to type; 0 for all in one.
    group: int = 0
    hint: str = ""

    @property
    def groups(self) -> list[str]:
        length = self.group or len(self.text)
        return [self.text[start : start + length] for start in range(0, len(self.text), length)]


def add_dock(request: HttpRequest, page: ScopedModelAdmin, workspaces: QuerySet[Workspace]) -> HttpResponse:
    """`page`: the admin page of the accounts; `workspaces`: those that the one who asks may add docks to."""
    if not page.has_add_permission(request):
        raise PermissionDenied
    form = AddDockForm(
        request.POST if request.method == "POST" else None,
        workspaces=workspaces,
        initial={"workspace": workspaces.first()},
    )
    context = {**page.admin_site.each_context(request), "opts": page.opts, "title": _("Add a dock"), "form": form}
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                [added] = gateways.add(
                    sns=[form.cleaned_data["sn"]],
                    model_key=form.cleaned_data["model_key"],
                    workspace=form.cleaned_data["workspace"],
                    user=acting_user(request),
                    code_until=form.code_until(),
                    only_new=True,
                )
        except ValidationError as error:
            form.add_error("sn", error)
        else:
            context |= _shown(added, form.cleaned_data["model_key"]) | {"broker_problem": _push(added)}
            return TemplateResponse(request, "admin/mqtt_bridge/dock_added.html", context)
    return TemplateResponse(request, "admin/mqtt_bridge/add_dock.html", context)


def _push(added: AddedGateway) -> str:
    """Make the account work at the broker; what went wrong, if something did."""
    try:
        broker_access.put([added.credential])
    except broker_access.BrokerAccessError as error:
        return str(error)
    return ""


def _shown(added: AddedGateway, model_key: str) -> dict[str, Any]:
    credential, issued = added.credential, added.bind_code
    if issued is None:
        raise ValueError("A dock is added with a bind code.")
    workspace = credential.workspace
    until = date_format(timezone.localtime(issued.bind_code.expires_at), "DATETIME_FORMAT")
    values = [
        Value(_("MQTT gateway address"), controllers.address()),
        Value(_("MQTT account"), credential.username),
        Value(_("MQTT password"), credential.password, 4, _("lower-case letters, and digits from 2 to 7")),
        Value(_("Organization ID"), workspace.organization.organization_id),
        Value(_("Device binding code"), issued.code, 4, _("for one dock, until %(until)s") % {"until": until}),
    ]
    return {
        "title": _("Dock added"),
        "dock": credential.gateway_sn,
        "model": products.name(model_key),
        "workspace": workspace,
        "values": values,
        "qr": _qr("\n".join(f"{value.label}: {value.text}" for value in values)),
        "until": until,
        "time_zone": timezone.get_current_timezone_name(),
        "added_at": timezone.now(),
    }


def _qr(text: str) -> SafeString:
    """As SVG: no request, no style, no script."""
    code = segno.make(text, error="m", micro=False)
    svg = code.svg_inline(border=4, omitsize=True, svgclass="qr", lineclass=None, light="#fff")
    return mark_safe(svg)  # noqa: S308  # nosec B308 B703
