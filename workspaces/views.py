"""The way in: from the address of the server to the workspace that somebody works in."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from workspaces.models import Membership


@require_safe
@never_cache
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The only workspace of the user, or a list to choose from."""
    memberships = list(
        Membership.objects.for_user(request.user)
        .filter(user=request.user.pk)
        .select_related("workspace__organization")
        .order_by("workspace__organization__name", "workspace__name")
    )
    if len(memberships) == 1:
        return redirect("workspace", memberships[0].workspace.workspace_id)
    return render(request, "workspaces/home.html", {"memberships": memberships})
