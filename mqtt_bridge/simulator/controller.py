"""A remote controller with Pilot 2: no binding requests; the aircraft's OSD is whole at times, else what changed."""

from . import aircraft_osd, gateway_osd
from .device import OSD_EVERY, Device
from .envelope import ZERO_ID, Body, Ids
from .flight import Moment, Plan

WHOLE_REPORT_EVERY = 8


class Controller(Device):
    domain = "2"
    aircraft_lives_in_dock = False
    #: Flown by hand, and the battery is swapped instead of charged.
    plan = Plan(idle=10, prepare=5, height=60, speed=9, legs=6, leg_length=300, spacing=50, recover=10, charge=90)
    _reports = 0
    _last: Body = {}

    async def start(self) -> None:
        self._reports = 0

    async def report(self) -> None:
        self.tell(self.sn, "state", gateway_osd.state(self.aircraft, self.sn), Ids(ZERO_ID, ZERO_ID))
        async for _ in self.every(OSD_EVERY):
            self.tell(self.sn, "osd", gateway_osd.controller(self.options.home, self.seconds, self.present))

    def aircraft_report(self, moment: Moment) -> Body:
        whole = aircraft_osd.osd(self.aircraft, moment)
        sent = whole if self._reports % WHOLE_REPORT_EVERY == 0 else aircraft_osd.changes(self._last, whole)
        self._reports += 1
        self._last = whole
        return sent
