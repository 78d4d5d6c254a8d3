"""The form of "Add a dock"."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices import products
from mqtt_bridge import credentials
from workspaces.models import Workspace

OTHER = "other"


def models() -> list[tuple[str, Any]]:
    """The docks that we know, the newest first, and a way to name another gateway."""
    known = [(key, name) for key, name in products.names().items() if key.startswith("3-")]
    return [*reversed(known), (OTHER, _("another model"))]


class AddDockForm(forms.Form):
    sn = forms.CharField(
        label=_("Serial number"),
        max_length=64,
        help_text=_("As printed on the dock. The MQTT account works for this serial number alone."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True, "spellcheck": "false", "size": 30}),
    )
    model = forms.ChoiceField(choices=models, label=_("Model"), initial="3-2-0")
    model_key = forms.CharField(
        label=_("Model key"),
        required=False,
        max_length=20,
        help_text=_("Only for another model: domain-type-sub_type as in DJI's product tables, such as 3-2-0."),
    )
    hours = forms.TypedChoiceField(
        label=_("Bind code valid for"),
        coerce=int,
        initial="72",
        choices=[("24", _("one day")), ("72", _("three days")), ("168", _("one week"))],
    )

    def __init__(self, data: Any, *, workspaces: QuerySet[Workspace], **options: Any) -> None:
        super().__init__(data, **options)
        own = workspaces.select_related("organization")
        self.fields["workspace"] = forms.ModelChoiceField(own, label=_("Workspace"), empty_label=None)
        self.order_fields(["sn", "model", "model_key", "workspace", "hours"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("model") == OTHER:
            if not cleaned.get("model_key"):
                raise ValidationError({"model_key": _("Which model is it?")})
            try:
                credentials.model_columns(cleaned["model_key"])
            except ValidationError as error:
                raise ValidationError({"model_key": error}) from error
        elif "model" in cleaned:
            cleaned["model_key"] = cleaned["model"]
        return cleaned

    def code_until(self) -> datetime:
        return timezone.now() + timedelta(hours=self.cleaned_data["hours"])
