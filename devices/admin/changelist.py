"""The list of devices: by kind, and when each was heard last."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from redis import RedisError

from devices import heard
from devices.models import Device


class KindFilter(admin.SimpleListFilter):
    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("3", _("dock")), ("2", _("controller")), ("0", _("aircraft")), ("other", _("unknown"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Device]) -> QuerySet[Device]:
        if self.value() in {"0", "2", "3"}:
            return queryset.filter(domain=self.value())
        if self.value() == "other":
            return queryset.filter(Q(domain=None) | ~Q(domain__in=[0, 2, 3]))
        return queryset


class DeviceChangeList(ChangeList):
    """Adds the live moment of the last message to the rows of the page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        try:
            last_seen = heard.last_seen([device.sn for device in rows])
        except RedisError:
            last_seen = {}
        for device in rows:
            if device.sn in last_seen:
                device.last_seen_at = heard.moment(last_seen[device.sn])
        self.result_list = rows
