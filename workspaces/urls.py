from django.contrib.auth.views import LoginView, LogoutView, PasswordResetConfirmView
from django.urls import path, reverse_lazy
from django.views.i18n import set_language

from workspaces import views
from workspaces.invitations import link_tokens
from workspaces.login_form import LogInForm
from workspaces.password_forms import ChoosePasswordForm

urlpatterns = [
    path("", views.home, name="home"),
    path(
        "login/",
        LoginView.as_view(authentication_form=LogInForm, redirect_authenticated_user=True),
        name="login",
    ),
    path(
        "password/<uidb64>/<token>/",
        PasswordResetConfirmView.as_view(
            template_name="registration/choose_password.html",
            form_class=ChoosePasswordForm,
            token_generator=link_tokens,
            success_url=reverse_lazy("login"),
        ),
        name="choose_password",
    ),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("language/", set_language, name="set_language"),
]
