"""Seals every secret in the database anew with the newest key."""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import models
from django.db.models.functions import Cast

from cloudapi.encryption import Sealed, Unreadable
from cloudapi.fields import EncryptedTextField


class Command(BaseCommand):
    help = (
        "Encrypts all stored secrets anew with the first of FIELD_ENCRYPTION_KEYS. When it has succeeded, only old "
        "backups need the other keys."
    )

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        renewed, unreadable = 0, []
        for model in apps.get_models():
            for column in model._meta.concrete_fields:
                if isinstance(column, EncryptedTextField):
                    for pk, sealed in model._base_manager.values_list("pk", column.attname):
                        if isinstance(sealed, Sealed):
                            try:
                                renewed += _renew(model, pk, column.attname, sealed)
                            except Unreadable as error:
                                unreadable.append(f"{model._meta.label} {pk} {column.attname}: {error}")
        self.stdout.write(f"Encrypted {renewed} secrets with the newest key.")
        if unreadable:
            raise CommandError("\n".join([f"{len(unreadable)} secrets cannot be read:", *unreadable]))


def _renew(model: type[models.Model], pk: Any, name: str, sealed: Sealed) -> int:
    """1, or 0 if somebody has entered another value meanwhile, which is sealed with the newest key already."""
    renewed = sealed.renewed()
    # No lookups on the column itself: compare what is stored, so that nobody's new value is undone.
    stored = Cast(models.F(name), models.TextField())
    rows = model._base_manager.annotate(stored=stored).filter(pk=pk, stored=sealed.token)
    return rows.update(**{name: renewed})
