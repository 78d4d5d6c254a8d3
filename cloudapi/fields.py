"""A model field whose value is encrypted in the database."""

from typing import Any, Literal

from django.db import models
from django.db.models.query_utils import DeferredAttribute

from cloudapi.encryption import PREFIX, Sealed, Unreadable, seal


class _OpenedWhenRead(DeferredAttribute):
    """Rows load without a key; whoever reads the attribute gets plain text, or Unreadable."""

    def __get__(self, instance: models.Model | None, owner: Any = None) -> Any:
        value = super().__get__(instance, owner)
        return value.open() if isinstance(value, Sealed) else value

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


# django-stubs' fields take type arguments that Django's own do not.
class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Text that is encrypted at rest (see cloudapi.encryption); the empty text stays empty.

    `values()` and `values_list()` give `Sealed`. It cannot be searched for, and forms never get what is stored: give
    them a widget that shows nothing, and ask `secret_state` what there is.
    """

    descriptor_class = _OpenedWhenRead

    def from_db_value(self, value: str | None, *_context: Any) -> Sealed | str | None:
        return Sealed(value) if value else value

    def to_python(self, value: Any) -> Any:
        # What `dumpdata` wrote comes back as it is.
        return Sealed(value) if isinstance(value, str) and value.startswith(PREFIX) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        return model_instance.__dict__[self.attname]

    def get_prep_value(self, value: Any) -> str | None:
        sealed = seal(str(value)) if value and not isinstance(value, Sealed) else value
        return sealed.token if isinstance(sealed, Sealed) else sealed

    def value_from_object(self, obj: models.Model) -> Any:
        return ""

    def value_to_string(self, obj: models.Model) -> str:
        return self.get_prep_value(obj.__dict__[self.attname]) or ""

    def get_lookup(self, lookup_name: str) -> None:
        """None: the same secret is stored differently each time, so a search would never find it."""
        return


def secret_state(instance: models.Model, name: str) -> Literal["empty", "stored", "unreadable"]:
    """What there is in this encrypted field, without telling."""
    try:
        return "stored" if getattr(instance, name) else "empty"
    except Unreadable:
        return "unreadable"
