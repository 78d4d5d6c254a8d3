"""Words for the numbers that devices report, as data: a number that is not listed is shown as a number.

Sources: `mode_code`, `cover_state`, `drone_in_dock`, `rainfall` and `network_state.type` of the properties pages
(10.pilot-to-cloud/…/10.aircraft, 20.dock-to-cloud/…/10.aircraft, …/20.dock). The words are ours.
"""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Labels = Mapping[int, str | Promise]

AIRCRAFT_MODES: Labels = {
    0: _("Standby"),
    1: _("Preparing for take-off"),
    2: _("Ready for take-off"),
    3: _("Manual flight"),
    4: _("Taking off"),
    5: _("Flying a wayline"),
    6: _("Taking a panorama"),
    7: _("Tracking a subject"),
    8: _("Avoiding air traffic (ADS-B)"),
    9: _("Returning to home"),
    10: _("Landing"),
    11: _("Forced landing"),
    12: _("Landing on three propellers"),
    13: _("Updating firmware"),
    14: _("Not connected"),
    15: _("Avoiding obstacles (APAS)"),
    16: _("Virtual stick"),
    17: _("Flown from the cloud"),
    18: _("Acquiring an RTK fix in the air"),
    19: _("Surveying a dock site"),
    20: _("Circling a point of interest"),
}
DOCK_MODES: Labels = {
    0: _("Idle"),
    1: _("Debugging on site"),
    2: _("Remote debugging"),
    3: _("Updating firmware"),
    4: _("Working"),
}
DOCK_COVER: Labels = {0: _("Closed"), 1: _("Open"), 2: _("Half open"), 3: _("Fault")}
DRONE_IN_DOCK: Labels = {0: _("Out"), 1: _("In dock")}
RAINFALL: Labels = {0: _("No rain"), 1: _("Light rain"), 2: _("Moderate rain"), 3: _("Heavy rain")}
NETWORK_TYPE: Labels = {1: _("4G"), 2: _("Ethernet")}
