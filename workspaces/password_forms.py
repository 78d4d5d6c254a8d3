"""The forms in which users choose their own password: the audit trail says that they did."""

# mypy: disable-error-code="type-arg"
# Django's admin and form classes take no type arguments when the program runs.

from typing import Any

from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth.forms import SetPasswordForm
from django.db import transaction

from workspaces import invitations


class ChoosePasswordForm(SetPasswordForm):
    """Behind a link, without the old password."""

    @transaction.atomic
    def save(self, commit: bool = True) -> Any:
        user = super().save(commit)
        invitations.record_password(user)
        return user


class ChangePasswordForm(AdminPasswordChangeForm):
    @transaction.atomic
    def save(self, commit: bool = True) -> Any:
        user = super().save(commit)
        invitations.record_password(user)
        return user
