"""What all pages know of who looks at them."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from workspaces.scoping import may_enter_administration


def administration(request: HttpRequest) -> dict[str, Any]:
    """`may_administer`: whether to show the way to /admin/. Asked for only by templates that say it."""
    return {"may_administer": SimpleLazyObject(lambda: may_enter_administration(getattr(request, "user", None)))}
