"""What the Pilot page's JavaScript says, in the language of the request. `{…}` is filled in by the browser."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

TEXT: dict[str, str | Promise] = {
    # Link
    "link.starting": _("Connecting…"),
    "link.up": _("Connected"),
    "link.lost": _("Connection lost"),
    "link.stopped": _("Not connected"),
    "doing.token": _("Checking the login…"),
    "doing.licence": _("Checking the DJI licence…"),
    "doing.workspace": _("Telling Pilot its workspace…"),
    "doing.credentials": _("Asking for broker credentials for this controller…"),
    "doing.thing": _("Pilot connects to {host}…"),
    "doing.binding": _("Waiting until the controller has reported itself…"),
    "doing.nothing": _("You may leave this page; Pilot stays connected."),
    "doing.lost": _("Pilot connects again by itself."),
    # Devices
    "device.none": _("None connected"),
    "device.online": _("online"),
    "device.offline": _("offline"),
    "device.not_there": _("not in this workspace yet"),
    # Modules
    "module.on": _("running"),
    "module.loaded": _("loaded, not connected"),
    "module.off": _("not loaded"),
    # What went wrong
    "problem.code": _("Code {code}"),
    "problem.token": _("Your login has ended. Log in again."),
    "problem.token_hint": _("Logins end after some hours, by logging out, and when the password changes."),
    "problem.network": _("The platform does not answer."),
    "problem.network_hint": _("Check that the controller has a network and that this address is reachable: {address}"),
    "problem.server": _("The platform refused."),
    "problem.login": _("You could not be logged in."),
    "problem.licence_missing": _("Your organization has not entered its DJI application yet."),
    "problem.licence_missing_hint": _(
        "An administrator enters App ID, App Key and licence of a DJI application of the type “Cloud API” at the "
        "organization."
    ),
    "problem.licence": _("DJI Pilot 2 refused the licence."),
    "problem.licence_type": _("The application must be of the type “Cloud API” in DJI's developer centre."),
    "problem.licence_match": _("App ID, App Key and licence must belong to the same application, copied completely."),
    "problem.licence_network": _(
        "Pilot may have to reach DJI's servers to verify it. Check the network and try again."
    ),
    "problem.sn": _("Pilot does not tell the serial number of this controller."),
    "problem.sn_hint": _("Restart the controller and open this page again."),
    "problem.credentials": _("This controller cannot join the workspace."),
    "problem.module": _("Pilot could not load its module “{name}”."),
    "problem.module_hint": _("Close and open this page again. If it stays so, update DJI Pilot 2."),
    "problem.mqtt": _("Pilot cannot connect to the MQTT broker."),
    "problem.mqtt_address": _("Is {host} reachable from the controller's network, and its port open in the firewall?"),
    "problem.mqtt_tls": _(
        "With ssl:// the certificate must come from a public authority; Pilot refuses self-signed ones."
    ),
    "problem.mqtt_other": _(
        "Is the controller still connected to another cloud service, such as FlightHub 2? Exit it first."
    ),
    "problem.mqtt_again": _("If it worked before, try again: that fetches new broker credentials."),
    "problem.binding": _("The controller is connected, but could not be added to the workspace."),
    "problem.binding_aircraft": _(
        "If the aircraft belongs to another organization, switch it off or ask that organization to release it."
    ),
    "problem.binding_waits": _("The page keeps trying by itself."),
    "problem.bridge": _("The page had an error."),
    # Log
    "log.show": _("Show all"),
    "log.hide": _("Hide"),
    "log.copied": _("Copied"),
    "log.select": _("Could not copy. Hold the text to select it."),
    "password.show": _("Show"),
    "password.hide": _("Hide"),
}


def pilot_text() -> dict[str, str]:
    """All sentences, in the language that is active."""
    return {key: str(text) for key, text in TEXT.items()}
