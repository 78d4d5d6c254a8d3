"""URLs of the platform."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="schema-page"),
    path("", include("cloudapi.dji.urls")),
    path("", include("workspaces.urls")),
    path("", include("workspaces.pilot_urls")),
    path("", include("devices.urls")),
]
