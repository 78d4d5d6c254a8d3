"""What happened to a device: all of it for superusers, the part in their workspace for its administrators."""

# mypy: disable-error-code="type-arg"
# Django's admin and form classes take no type arguments when the program runs.

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from devices import story
from devices.models import Device, TimelineEntry
from workspaces.admin.base import NOTHING
from workspaces.admin.scoped import Scoped


class LatestTimelineFormSet(forms.BaseInlineFormSet):
    SHOWN = 50

    def get_queryset(self) -> QuerySet[TimelineEntry]:
        return super().get_queryset()[: self.SHOWN]


class TimelineInline(Scoped, admin.TabularInline):
    """Everything that happened to the device, whoever had it: for superusers."""

    model = TimelineEntry
    formset = LatestTimelineFormSet
    fields = ("at", "event", "detail")
    readonly_fields = ("at", "event", "detail")
    verbose_name_plural = _("timeline (latest first)")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, *_arguments: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def told(device: Device) -> str:
    """The story of a device in its present workspace, as its administrators may read it."""
    if device.workspace is None:
        return NOTHING
    lines = story.for_workspace(device, device.workspace)
    rows = ((date_format(timezone.localtime(line.since), "DATETIME_FORMAT"), line.text) for line in lines)
    return format_html_join("", "<p>{}: {}</p>", rows) or NOTHING
