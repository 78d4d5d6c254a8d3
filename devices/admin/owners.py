"""Actions that change whose devices are: claim, move, release."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from devices import ownership
from devices.models import Device
from workspaces.admin.base import Audited, acting_user
from workspaces.admin.scoped import is_superuser
from workspaces.models import Workspace


class WorkspaceChoice(forms.Form):
    def __init__(self, data: Any, *, workspaces: QuerySet[Workspace]) -> None:
        super().__init__(data)
        self.fields["workspace"] = forms.ModelChoiceField(workspaces, label=_("Workspace"))


class OwnerActions(Audited):
    """For the page of devices."""

    actions = ["claim", "move", "release"]

    @admin.action(description=_("Let unclaimed devices join a workspace"), permissions=["claim"])
    def claim(self, request: HttpRequest, queryset: QuerySet[Device]) -> HttpResponse | None:
        title = gettext("Let unclaimed devices join a workspace")
        return self._join(request, queryset.filter(workspace=None), "claim", title)

    @admin.action(description=_("Move to another workspace of the organization"), permissions=["change"])
    def move(self, request: HttpRequest, queryset: QuerySet[Device]) -> HttpResponse | None:
        title = gettext("Move to another workspace of the organization")
        return self._join(request, queryset.filter(workspace__isnull=False), "move", title)

    def has_claim_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request)  # what nobody owns is nobody's to take

    def _join(self, request: HttpRequest, queryset: QuerySet[Device], action: str, title: str) -> HttpResponse | None:
        """Asks for the workspace first, on a page of its own."""
        own = self.choices(request, Workspace).select_related("organization")
        chosen = WorkspaceChoice(request.POST if "workspace" in request.POST else None, workspaces=own)
        if not chosen.is_valid():
            context = {
                **self.admin_site.each_context(request),
                "title": title,
                "opts": self.opts,
                "action": action,
                "form": chosen,
                "devices": queryset.select_related("workspace__organization"),
            }
            return TemplateResponse(request, "admin/devices/device/choose_workspace.html", context)
        workspace = chosen.cleaned_data["workspace"]
        try:
            joined = ownership.move(list(queryset), workspace=workspace, user=acting_user(request))
        except ownership.OwnedElsewhere as error:
            text = gettext("Nothing was changed. These belong to another organization: %(sns)s")
            self.message_user(request, text % {"sns": error}, messages.ERROR)
            return None
        text = ngettext("%(count)d device joined %(workspace)s.", "%(count)d devices joined %(workspace)s.", joined)
        self.message_user(request, text % {"count": joined, "workspace": workspace}, messages.SUCCESS)
        return None

    @admin.action(description=_("Release from the workspace"), permissions=["change"])
    def release(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        devices = list(queryset.filter(workspace__isnull=False))
        for device in devices:
            ownership.release(device=device, user=acting_user(request))
        text = ngettext("%(count)d device was released.", "%(count)d devices were released.", len(devices))
        self.message_user(request, text % {"count": len(devices)}, messages.SUCCESS)
