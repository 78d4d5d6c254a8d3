"""Users and their memberships."""

# mypy: disable-error-code="type-arg"
# Django's admin and form classes take no type arguments when the program runs.

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from workspaces.admin.base import Audited, SuperuserOnly
from workspaces.login_form import AdminLogInForm
from workspaces.models import Membership, User

# Groups carry Django permissions, which decide nothing here: roles are memberships.
admin.site.unregister(Group)
admin.site.login_form = AdminLogInForm


class UserMembershipInline(SuperuserOnly, admin.TabularInline):
    model = Membership
    autocomplete_fields = ["workspace"]
    extra = 0


class CreationForm(AdminUserCreationForm):
    class Meta(AdminUserCreationForm.Meta):
        model = User


class ChangeForm(UserChangeForm):
    class Meta(UserChangeForm.Meta):
        model = User


@admin.register(User)
class UserAdmin(SuperuserOnly, Audited, DjangoUserAdmin):
    form = ChangeForm
    add_form = CreationForm
    list_display = ["username", "email", "first_name", "last_name", "is_active", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_superuser", "memberships__role", "memberships__workspace__organization"]
    readonly_fields = ["user_id", "last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "password", "user_id"]}),
        (_("Person"), {"fields": ["first_name", "last_name", "email"]}),
        (_("Access"), {"fields": ["is_active", "is_staff", "is_superuser"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    filter_horizontal = []
    inlines = [UserMembershipInline]


@admin.register(Membership)
class MembershipAdmin(SuperuserOnly, Audited):
    list_display = ["user", "workspace", "role", "created_at"]
    list_filter = ["role", "workspace__organization"]
    list_select_related = ["user", "workspace__organization"]
    search_fields = ["user__username", "user__email", "workspace__name", "workspace__organization__name"]
    autocomplete_fields = ["user", "workspace"]
    readonly_fields = ["created_at"]
