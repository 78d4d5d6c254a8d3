"""What: gateways and the sub-devices behind them."""

from devices.models.device import Device, OfflineReason
from devices.models.state import DeviceState, TrackPoint
from devices.models.timeline import TimelineEntry

__all__ = ["Device", "DeviceState", "OfflineReason", "TimelineEntry", "TrackPoint"]
