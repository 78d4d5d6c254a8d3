"""Addresses of the Pilot page. `/pilot-login` is what existing set-ups have typed into their controllers."""

from django.urls import path

from workspaces.pilot_page import pilot_page

urlpatterns = [
    path("pilot/", pilot_page, name="pilot"),
    path("pilot/r/<int:stamp>/", pilot_page),
    path("pilot-login", pilot_page),
    path("pilot-login/", pilot_page),
]
