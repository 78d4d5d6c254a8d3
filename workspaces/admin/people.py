"""Users and their memberships.

An organization's admins manage the accounts that belong to their organizations alone. Of a user who is also a member
elsewhere, or a superuser, they manage the membership and nothing else: whoever can change the e-mail or the password of
an account has the account.
"""

# mypy: disable-error-code="type-arg"
# Django's admin and form classes take no type arguments when the program runs.

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workspaces import invitations
from workspaces.admin.base import Audited, acting_user, owners
from workspaces.admin.invitation_form import InvitationForm, OwnAccountForm
from workspaces.admin.scoped import Scoped, WorkspaceFilter, is_superuser
from workspaces.models import Membership, User, Workspace
from workspaces.scoping import manages_account

# Groups carry Django permissions, which decide nothing here: roles are memberships.
admin.site.unregister(Group)


class UserMembershipInline(Scoped, admin.TabularInline):
    model = Membership
    organization_path = "workspace__organization"
    admins_may = frozenset({"view", "add", "change", "delete"})
    autocomplete_fields = ["workspace"]
    extra = 0

    def admin_may(self, request: HttpRequest, verb: str, obj: Any = None) -> bool:
        # Admins do not change or end their own membership, so that an organization keeps one.
        return super().admin_may(request, verb, obj) and (verb == "view" or obj != request.user)


class CreationForm(AdminUserCreationForm):
    class Meta(AdminUserCreationForm.Meta):
        model = User


class ChangeForm(UserChangeForm):
    class Meta(UserChangeForm.Meta):
        model = User


@admin.register(User)
class UserAdmin(Audited, DjangoUserAdmin):
    form = ChangeForm
    add_form = CreationForm
    organization_path = "memberships__workspace__organization"
    admins_may = frozenset({"view", "add", "change"})
    admins_list_display = ("username", "email", "first_name", "last_name", "is_active", "last_login")
    admins_list_filter = ("is_active",)
    list_display = ["username", "email", "first_name", "last_name", "is_active", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_superuser", "memberships__role", "memberships__workspace__organization"]
    readonly_fields = ["user_id", "last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "password", "user_id"]}),
        (_("Person"), {"fields": ["first_name", "last_name", "email"]}),
        (_("Access"), {"fields": ["is_active", "is_superuser"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    admins_fieldsets = [
        (None, {"fields": ["username", "user_id"]}),
        (_("Person"), {"fields": ["first_name", "last_name", "email"]}),
        (_("Access"), {"fields": ["is_active"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    invitation_fieldsets = [
        (
            None,
            {
                "fields": ["username", "first_name", "last_name", "email", "workspace", "role"],
                "description": _("You get a link for the new member, who chooses a password with it."),
            },
        )
    ]
    filter_horizontal = []
    inlines = [UserMembershipInline]
    actions = ["make_password_link"]

    # --- whose accounts -------------------------------------------------------------------------------------------
    def theirs(self, rows: QuerySet[User], request: HttpRequest) -> QuerySet[User]:
        members = self.choices(request, Membership)
        return rows.filter(pk__in=members.values("user"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_change_permission(request, obj)
        return may and (obj is None or manages_account(acting_user(request), obj))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        if not is_superuser(request):
            raise PermissionDenied  # members choose their own, by a link
        return super().user_change_password(request, id, form_url)

    # --- forms ----------------------------------------------------------------------------------------------------
    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if is_superuser(request):
            return super().get_form(request, obj, change=change, **kwargs)
        kwargs["form"] = InvitationForm if obj is None else OwnAccountForm
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is not None:
            return form
        own = self.choices(request, Workspace).select_related("organization")
        return type("InvitationForm", (form,), {"own_workspaces": own})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if is_superuser(request):
            return super().get_fieldsets(request, obj)
        return self.invitation_fieldsets if obj is None else self.admins_fieldsets

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return [] if obj is None and not is_superuser(request) else super().get_inlines(request, obj)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if change or is_superuser(request):
            super().save_model(request, obj, form, change)
            return
        values = form.cleaned_data
        invitations.invite(obj, workspace=values["workspace"], role=values["role"], user=acting_user(request))
        self._show_links(request, [obj])

    # --- links ----------------------------------------------------------------------------------------------------
    @admin.action(description=_("Make links with which selected users choose a new password"), permissions=["change"])
    def make_password_link(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        users = list(queryset)
        refused = [user.username for user in users if not self.has_change_permission(request, user)]
        if refused:
            text = gettext("Nothing was done. You do not manage these accounts: %(names)s")
            self.message_user(request, text % {"names": ", ".join(refused)}, messages.ERROR)
            return
        for user in users:
            invitations.record_link(user, organization=owners(user)[0], by=acting_user(request))
        self._show_links(request, users)

    def _show_links(self, request: HttpRequest, users: list[User]) -> None:
        links = [(user.username, invitations.link(user, by=acting_user(request))) for user in users]
        rows = format_html_join("", "<li>{}: <code>{}</code></li>", links)
        text = gettext("Hand this on in confidence. It works once, for three days, and is shown only now:")
        self.message_user(request, format_html("{}<ul>{}</ul>", text, rows), messages.WARNING)


@admin.register(Membership)
class MembershipAdmin(Audited):
    organization_path = "workspace__organization"
    admins_may = frozenset({"view", "add", "change", "delete"})
    admins_list_filter = ("role", WorkspaceFilter)
    list_display = ["user", "workspace", "role", "created_at"]
    list_filter = ["role", "workspace__organization"]
    list_select_related = ["user", "workspace__organization"]
    search_fields = ["user__username", "user__email", "workspace__name", "workspace__organization__name"]
    autocomplete_fields = ["user", "workspace"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        # Another user or workspace is another membership.
        return ["user", "workspace", "created_at"] if obj is not None else ["created_at"]

    def admin_may(self, request: HttpRequest, verb: str, obj: Any = None) -> bool:
        """Admins do not change or end their own membership, so that an organization keeps one."""
        own = isinstance(obj, Membership) and obj.user_id == request.user.pk
        return super().admin_may(request, verb, obj) and (verb == "view" or not own)
