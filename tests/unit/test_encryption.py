"""DJI app keys and licences are sealed in the database, with keys that rotate, and nobody is shown what is stored."""

import io
import logging
from collections.abc import Callable, Iterator

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth import get_user_model
from django.core import serializers
from django.core.exceptions import FieldError
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from cloudapi.encryption import Unreadable
from cloudapi.fields import secret_state
from mqtt_bridge.results import INTERNAL_ERROR
from tests.environment import FIELD_ENCRYPTION_KEY
from tests.factories import make_bound, send
from tests.unit.dji import ask, token
from workspaces import services
from workspaces.models import Organization, Role, Workspace

pytestmark = pytest.mark.django_db
OLD, NEW = FIELD_ENCRYPTION_KEY, Fernet.generate_key().decode()
Migrate = Callable[[str], type[models.Model]]
CONFIG = {"config_type": "json", "config_scope": "product"}


@pytest.fixture
def organization() -> Organization:
    organization = services.create_organization(name="Alpine Rescue").organization
    organization.app_id, organization.app_key, organization.app_license = "1", "the-key", "the-license"
    organization.save()
    return organization


def stored() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT app_key, app_license FROM workspaces_organization ORDER BY id")
        return [str(value) for row in cursor.fetchall() for value in row]


def read(organization: Organization) -> tuple[str, str]:
    fresh = Organization.objects.get(pk=organization.pk)
    return fresh.app_key, fresh.app_license


# --- the field --------------------------------------------------------------------------------------------------------
def test_the_database_holds_no_plain_text(organization: Organization) -> None:
    assert all(value.startswith("fernet:") and "the-" not in value for value in stored())
    assert read(organization) == ("the-key", "the-license")


def test_the_same_secret_is_never_stored_twice_the_same(organization: Organization) -> None:
    before = stored()
    Organization.objects.update(app_key="the-key")
    assert stored()[0] != before[0]
    assert read(organization)[0] == "the-key"


def test_the_empty_text_stays_empty(organization: Organization) -> None:
    Organization.objects.update(app_license="")
    assert stored()[1] == ""
    assert secret_state(Organization.objects.get(), "app_license") == "empty"


def test_rows_load_and_save_without_any_key(organization: Organization, settings: Settings) -> None:
    before = stored()
    settings.FIELD_ENCRYPTION_KEYS = []
    loaded = Organization.objects.get()
    loaded.name = "Renamed"
    loaded.save()
    assert stored() == before
    with pytest.raises(Unreadable, match="FIELD_ENCRYPTION_KEYS is not set"):
        _ = loaded.app_key
    loaded.app_key = "typed"
    with pytest.raises(Unreadable):
        loaded.save()


def test_secrets_cannot_be_searched_for(organization: Organization) -> None:
    with pytest.raises(FieldError):
        Organization.objects.filter(app_key="the-key").exists()


def test_rows_and_dumps_show_what_is_stored_only(organization: Organization) -> None:
    assert "the-key" not in repr(list(Organization.objects.values("app_key", "app_license")))
    dumped = serializers.serialize("json", Organization.objects.all())
    assert "the-" not in dumped
    Organization.objects.update(app_key="", app_license="")
    for entry in serializers.deserialize("json", dumped):
        entry.save()
    assert read(organization) == ("the-key", "the-license")


# --- rotation ---------------------------------------------------------------------------------------------------------
def test_rotation(organization: Organization, settings: Settings) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    assert read(organization) == ("the-key", "the-license")
    output = io.StringIO()
    call_command("rotate_encryption", stdout=output)
    assert "Encrypted 2 secrets" in output.getvalue()
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert read(organization) == ("the-key", "the-license")
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    assert secret_state(Organization.objects.get(), "app_key") == "unreadable"


def test_rotation_names_what_it_cannot_read_and_does_the_rest(organization: Organization, settings: Settings) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    lost = organization.pk
    other = services.create_organization(name="Other").organization
    other.app_key = "other-key"
    other.save()
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), NEW]
    output = io.StringIO()
    with pytest.raises(CommandError, match=f"2 .*\nworkspaces.Organization {lost} app_key") as error:
        call_command("rotate_encryption", stdout=output)
    assert "Encrypted 1 secrets" in output.getvalue()
    assert "fernet:" not in str(error.value)


# --- who reads it -----------------------------------------------------------------------------------------------------
def test_config_refuses_what_no_key_opens(
    ours: Workspace, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    make_bound(ours, "DOCK0001")
    assert send("DOCK0001", "config", CONFIG)["app_key"] == "the-app-key"
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    with caplog.at_level(logging.DEBUG):
        assert send("DOCK0001", "config", CONFIG) == {"result": INTERNAL_ERROR}
    assert "None of FIELD_ENCRYPTION_KEYS opens" in caplog.text
    assert not any(value in caplog.text for value in stored())


def test_pilots_are_told_when_no_key_opens_the_licence(ours: Workspace, settings: Settings) -> None:
    given = token(ours, Role.PILOT)
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    answered = ask("GET", "/pilot/license", token=given)
    assert answered.code != 0
    assert "cannot read the DJI application" in answered.message


@pytest.mark.parametrize(
    ("keys", "said"),
    [([OLD], "Stored. Leave this empty"), ([NEW], "FIELD_ENCRYPTION_KEYS lacks its key"), ([], "cannot be read")],
)
def test_the_admin_page_says_what_is_stored_and_not_what(
    organization: Organization, settings: Settings, keys: list[str], said: str
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = keys
    browser = Client()
    browser.force_login(get_user_model().objects.create_superuser("root"))
    page = reverse("admin:workspaces_organization_change", args=[organization.pk])
    shown = browser.get(page).content.decode()
    assert said in shown
    assert not any(value in shown for value in ("the-key", "the-license", "fernet:"))
    form = {
        "name": "Renamed", "app_id": "2", "app_key": "", "app_license": "", "ntp_server_host": "pool.ntp.org",
        "ntp_server_port": "123", "workspaces-TOTAL_FORMS": "0", "workspaces-INITIAL_FORMS": "0",
    }  # fmt: skip
    before = stored()
    assert browser.post(page, form).status_code == 302
    assert (Organization.objects.get().name, stored()) == ("Renamed", before)


# --- the migration ----------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_what_was_plain_is_encrypted_and_comes_back(settings: Settings, migrate: Migrate) -> None:
    before = migrate("0001_initial")
    before._default_manager.create(organization_id="1", name="One", app_key="plain-key", app_license="x" * 2048)
    before._default_manager.create(organization_id="2", name="Two")
    migrate("0002_encrypted_app_credentials")
    assert [value[:7] for value in stored()] == ["fernet:", "fernet:", "", ""]
    assert Organization.objects.get(name="One").app_key == "plain-key"
    migrate("0001_initial")
    assert stored() == ["plain-key", "x" * 2048, "", ""]
    settings.FIELD_ENCRYPTION_KEYS = []
    with pytest.raises(Unreadable, match="FIELD_ENCRYPTION_KEYS is not set"):
        migrate("0002_encrypted_app_credentials")
    assert stored()[0] == "plain-key"


@pytest.fixture
def migrate(transactional_db: None, settings: Settings) -> Iterator[Migrate]:
    """Brings the app's tables to a migration and returns the Organization of that time; all are back at the end."""
    keys = settings.FIELD_ENCRYPTION_KEYS

    def to(name: str) -> type[models.Model]:
        executor = MigrationExecutor(connection)
        executor.migrate([("workspaces", name)])
        state = MigrationExecutor(connection).loader.project_state([("workspaces", name)])
        return state.apps.get_model("workspaces", "Organization")

    yield to
    settings.FIELD_ENCRYPTION_KEYS = keys
    call_command("migrate", verbosity=0)
    Organization.objects.all().delete()
