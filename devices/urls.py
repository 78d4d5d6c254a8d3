from django.urls import path

from devices import views

urlpatterns = [
    path("workspaces/<uuid:workspace_id>/", views.workspace_console, name="workspace"),
    path("workspaces/<uuid:workspace_id>/devices/<str:sn>/timeline/", views.device_timeline, name="timeline"),
]
