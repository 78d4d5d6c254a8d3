"""Forms in which an organization's admin makes and changes the accounts of members."""

# mypy: disable-error-code="type-arg"
# Django's admin and form classes take no type arguments when the program runs.

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from workspaces.models import Role, User, Workspace


class InvitationForm(forms.ModelForm):
    """A new user who is a member from the start. By itself it offers no workspace."""

    workspace = forms.ModelChoiceField(Workspace.objects.for_user(None), label=_("Workspace"))
    role = forms.ChoiceField(choices=Role.choices, initial=Role.VIEWER, label=_("Role"))

    class Meta:
        model = User
        fields = ["username", "first_name", "last_name", "email"]

    #: Of the admin who invites; the page's subclass says which.
    own_workspaces = Workspace.objects.for_user(None)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # A field of a class is shared by all requests, so the choices come with a new one.
        self.fields["workspace"] = forms.ModelChoiceField(self.own_workspaces, label=_("Workspace"))


class OwnAccountForm(forms.ModelForm):
    """Person and access: no password, and nothing that makes a superuser."""

    class Meta:
        model = User
        fields = ["username", "first_name", "last_name", "email", "is_active"]
