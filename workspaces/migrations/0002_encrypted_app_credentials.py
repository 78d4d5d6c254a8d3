"""DJI app keys and licences are encrypted at rest; what is stored in plain text is encrypted here, and back."""

from typing import Any

from django.db import migrations, models

import cloudapi.fields
from cloudapi.encryption import PREFIX, Sealed, seal

NAMES = ("app_key", "app_license")


def encrypt(apps: Any, schema_editor: Any) -> None:
    _each(apps, lambda value: value if value.startswith(PREFIX) else seal(value).token)


def decrypt(apps: Any, schema_editor: Any) -> None:
    _each(apps, lambda value: Sealed(value).open())


def _each(apps: Any, change: Any) -> None:
    for organization in apps.get_model("workspaces", "Organization").objects.all():
        for name in NAMES:
            if value := getattr(organization, name):
                setattr(organization, name, change(value))
        organization.save(update_fields=NAMES)


def _columns(field: Any) -> list[Any]:
    key = field(blank=True, max_length=256, verbose_name="DJI App Key")
    app_license = field(blank=True, max_length=2048, verbose_name="DJI App Basic License")
    return [
        migrations.AlterField("organization", "app_key", key),
        migrations.AlterField("organization", "app_license", app_license),
    ]


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0001_initial")]

    operations = [
        *_columns(models.TextField),  # what is encrypted is longer than the column
        migrations.RunPython(encrypt, decrypt),
        *_columns(cloudapi.fields.EncryptedTextField),
    ]
