"""Locking rows of devices, so that of several processes each sees what the one before has done."""

from django.db.models import Q

from devices.models import Device


def lock(which: Q) -> list[Device]:
    """These devices with their workspace and gateway, locked until the transaction ends.

    Always in SN order, so that two never wait for each other in a circle. They are read after they are locked: a query
    that waits for a lock gives the row as it is then, but joined to what it belonged to before.
    """
    rows = Device.objects.unscoped()
    locked = list(rows.filter(which).select_for_update().order_by("sn").values_list("pk", flat=True))
    if not locked:
        return []
    return list(rows.filter(pk__in=locked).select_related("workspace__organization", "gateway").order_by("sn"))
