"""What the console's JavaScript says, in the language of the request. `{…}` is filled in by the browser."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from devices import clock, clock_text, labels
from devices.models import OfflineReason

TEXT: dict[str, str | Promise] = {
    # Connection
    "status.connecting": _("Connecting…"),
    "status.live": _("Live"),
    "status.waiting": _("Reconnecting in {seconds} s"),
    "status.stale": _("Stale since {time}"),
    "status.ended": _("Ended"),
    "banner.waiting": _("The connection to the server is lost. What you see is from {time}."),
    "banner.stale": _("The server is connected, but no device has been heard since {time}. What you see is old."),
    "banner.session_ended": _("Your session has ended."),
    "banner.not_member": _("You are not a member of this workspace any more."),
    "summary.online": _("{online} of {total} online"),
    # Devices
    "kind.dock": _("Dock"),
    "kind.controller": _("Remote controller"),
    "kind.aircraft": _("Aircraft"),
    "kind.payload": _("Payload"),
    "kind.unknown": _("Unknown device"),
    "model.unknown": _("Unknown model"),
    "model.unknown_key": _("Unknown model {key}"),
    "heard": _("heard {age}"),
    "heard.never": _("never heard"),
    "state.online": _("Online"),
    "state.offline": _("Offline"),
    "reason.other": _("reason “{code}”"),
    "explain.online": _("Online. Last heard {age}."),
    "explain.offline": _("Offline since {time} ({age}): {reason}."),
    "explain.offline_unseen": _("Offline: {reason}."),
    "hint.never_connected": _("Check the gateway address, account and password that were typed into DJI Pilot 2."),
    "hint.left_gateway": _("Switch the aircraft on near its gateway, and check that the two are linked."),
    "hint.gateway_offline": _("It comes back with its gateway, so look there first."),
    "hint.silent": _("The connection may still be open while nothing arrives. Check power and network on site."),
    "hint.disconnected": _("Devices reconnect by themselves. If this one does not, check power and network on site."),
    "hint.released": _("It has to be bound again before it can be seen here."),
    # Facts
    "fact.mode": _("Mode"),
    "fact.battery": _("Battery"),
    "fact.charge": _("Aircraft charge"),
    "fact.height": _("Height"),
    "fact.speed": _("Speed"),
    "fact.heading": _("Heading"),
    "fact.position": _("Position"),
    "fact.cover": _("Cover"),
    "fact.drone": _("Aircraft"),
    "fact.weather": _("Weather"),
    "fact.network": _("Network"),
    "fact.altitude": _("Altitude"),
    "fact.temperature": _("Temperature inside"),
    "mode.unknown": _("mode {code}"),
    "value.unknown": _("unknown ({code})"),
    "value.none": "—",
    "position.none": _("no fix"),
    "value.empty": _("empty"),
    # Identity
    "identity.sn": _("Serial number"),
    "identity.model": _("Model"),
    "identity.model_key": _("Model key"),
    "identity.kind": _("Kind"),
    "identity.gateway": _("Gateway"),
    "identity.heard": _("Last heard"),
    # Times
    "age.now": _("just now"),
    "age.seconds": _("{n} s ago"),
    "age.minutes": _("{n} min ago"),
    "age.hours": _("{n} h ago"),
    "age.days": _("{n} d ago"),
    "age.never": _("never"),
    # Plan
    "plan.summary": _("Plan of {count} devices with a position, north up."),
    "plan.empty": _("No device has reported a position yet."),
    # Details
    "details.none": _("This device has not reported any values yet."),
    "details.no_match": _("No value matches the filter."),
    "details.more": _("{count} more values are not shown."),
    # Timeline
    "timeline.loading": _("Loading…"),
    "timeline.empty": _("Nothing has happened yet."),
    "timeline.failed": _("The timeline could not be loaded."),
    **clock_text.TEXT,
}


def console_text() -> dict[str, object]:
    """Everything that the page needs to speak: plain texts, and labels by number."""
    return {
        "text": {key: str(text) for key, text in TEXT.items()},
        "clock_warn_above": clock.WARN_ABOVE,
        "reasons": {reason.value: str(reason.label) for reason in OfflineReason},
        "labels": {
            name: {str(number): str(label) for number, label in table.items()}
            for name, table in {
                "aircraft_mode": labels.AIRCRAFT_MODES,
                "dock_mode": labels.DOCK_MODES,
                "cover": labels.DOCK_COVER,
                "drone_in_dock": labels.DRONE_IN_DOCK,
                "rainfall": labels.RAINFALL,
                "network_type": labels.NETWORK_TYPE,
            }.items()
        },
    }
