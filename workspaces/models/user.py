"""The platform's own user model: Django's, with a public UUID that the DJI contract calls `user_id`."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    user_id = models.UUIDField(_("user ID"), default=uuid.uuid4, unique=True, editable=False)

    class Meta(AbstractUser.Meta):  # its names are Django's, translated
        pass
