"""Admin pages of devices. What devices report is read-only; owners change by actions."""

from devices.admin import devices

__all__ = ["devices"]
