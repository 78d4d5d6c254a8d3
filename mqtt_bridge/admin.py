"""Admin pages of gateways' MQTT accounts: a password is shown once, when it is made."""

# mypy: disable-error-code="type-arg"
# Django's admin and form classes take no type arguments when the program runs.

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mqtt_bridge import broker_access, controllers, credentials
from mqtt_bridge.add_dock import add_dock
from mqtt_bridge.models import MqttCredential
from workspaces.admin.base import acting_user
from workspaces.admin.scoped import ScopedModelAdmin, WorkspaceFilter
from workspaces.models import Workspace


class CredentialForm(forms.ModelForm):
    model_key = forms.CharField(
        label=_("model"),
        initial="3-2-0",
        help_text=_("Model key of the dock or controller, domain-type-sub_type: 3-2-0 is a Dock 2."),
    )

    class Meta:
        model = MqttCredential
        fields = ["gateway_sn", "workspace"]

    def clean_model_key(self) -> str:
        model_key: str = self.cleaned_data["model_key"]
        credentials.model_columns(model_key)
        return model_key

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "gateway_sn" in cleaned and "workspace" in cleaned:
            problems = credentials.refusals(sns=[cleaned["gateway_sn"]], workspace=cleaned["workspace"])
            if problems:
                raise ValidationError({"gateway_sn": problems})
        return cleaned


@admin.register(MqttCredential)
class MqttCredentialAdmin(ScopedModelAdmin):
    organization_path = "workspace__organization"
    admins_may = frozenset({"view", "add", "delete"})
    admins_list_filter = (WorkspaceFilter,)
    form = CredentialForm
    list_display = ["gateway_sn", "username", "workspace", "created_by", "created_at"]
    list_filter = ["workspace__organization"]
    list_select_related = ["workspace__organization", "created_by"]
    search_fields = ["gateway_sn", "username", "workspace__name", "workspace__organization__name"]
    autocomplete_fields = ["workspace"]
    actions = ["rotate"]
    change_list_template = "admin/mqtt_bridge/mqttcredential/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        page = path("add-dock/", self.admin_site.admin_view(self.add_dock), name="add_dock")
        return [page, *super().get_urls()]

    def add_dock(self, request: HttpRequest) -> HttpResponse:
        return add_dock(request, self, self.choices(request, Workspace))

    def get_fields(self, request: HttpRequest, obj: MqttCredential | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("gateway_sn", "workspace", "model_key")
        return ("gateway_sn", "username", "workspace", "created_by", "created_at")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_rotate_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    def save_model(self, request: HttpRequest, obj: MqttCredential, form: Any, change: bool) -> None:
        [issued] = credentials.issue(
            sns=[obj.gateway_sn],
            workspace=obj.workspace,
            model_key=form.cleaned_data["model_key"],
            user=acting_user(request),
        )
        obj.pk, obj.username = issued.pk, issued.username
        self._put_after_commit(request, [issued])

    def delete_model(self, request: HttpRequest, obj: MqttCredential) -> None:
        self._remove(request, [obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[MqttCredential]) -> None:
        self._remove(request, list(queryset.select_related("workspace__organization")))

    @admin.action(description=_("Give selected gateways a new MQTT password"), permissions=["rotate"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[MqttCredential]) -> None:
        rotated = list(queryset.select_related("workspace__organization"))
        with transaction.atomic():
            for credential in rotated:
                credentials.rotate(credential=credential, user=acting_user(request))
            self._put_after_commit(request, rotated)

    def _remove(self, request: HttpRequest, removed: list[MqttCredential]) -> None:
        usernames = [credential.username for credential in removed]
        for credential in removed:
            credentials.remove(credential=credential, user=acting_user(request))
        self._after_commit(request, lambda: broker_access.remove(usernames))

    def _put_after_commit(self, request: HttpRequest, issued: list[MqttCredential]) -> None:
        self._after_commit(request, lambda: broker_access.put(issued))
        self.message_user(request, _connection_values(issued), messages.WARNING)

    def _after_commit(self, request: HttpRequest, push: Callable[[], None]) -> None:
        def tell() -> None:
            try:
                push()
            except broker_access.BrokerAccessError as error:
                text = gettext("The broker did not take the change: %(error)s It takes it when it is started again.")
                self.message_user(request, text % {"error": error}, messages.ERROR)

        transaction.on_commit(tell)


def _connection_values(issued: list[MqttCredential]) -> str:
    rows = format_html_join("", "<li><code>{}</code>: <strong><code>{}</code></strong></li>", (
        (credential.username, credential.password) for credential in issued
    ))  # fmt: skip
    return format_html(
        "{}<ul>{}</ul>",
        gettext("MQTT passwords, shown only now. Gateway address: %(address)s, user name: the serial number.")
        % {"address": controllers.address()},
        rows,
    )
