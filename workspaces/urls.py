from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path
from django.views.i18n import set_language

from workspaces import views
from workspaces.login_form import LogInForm

urlpatterns = [
    path("", views.home, name="home"),
    path(
        "login/",
        LoginView.as_view(authentication_form=LogInForm, redirect_authenticated_user=True),
        name="login",
    ),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("language/", set_language, name="set_language"),
]
