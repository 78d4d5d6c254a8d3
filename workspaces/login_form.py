"""The log-in forms of the browser's pages and of the admin, with the same count of failures as the API's log-in."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from workspaces import login_throttle
from workspaces.models import User
from workspaces.scoping import may_enter_administration


class LogInForm(AuthenticationForm):
    def clean(self) -> dict[str, Any]:
        try:
            return self._clean_throttled()
        except login_throttle.Throttled:
            raise ValidationError(_("Too many failed log-ins. Try again in 15 minutes."), code="throttled") from None

    def _clean_throttled(self) -> dict[str, Any]:
        username = self.cleaned_data.get("username")
        if self.request is None or not (username and self.cleaned_data.get("password")):
            return super().clean()  # nothing was guessed; the fields say what is missing
        address = login_throttle.address_of(self.request)
        login_throttle.reserve(username=username, address=address)
        cleaned = super().clean()
        login_throttle.give_back(username=username, address=address)
        return cleaned


class AdminLogInForm(LogInForm):
    def confirm_login_allowed(self, user: User) -> None:
        super().confirm_login_allowed(user)
        if not may_enter_administration(user):
            raise self.get_invalid_login_error()
