"""OSD and state of an aircraft, as one reports them through a dock or a controller."""

from dataclasses import dataclass
from typing import Any

from . import camera_osd
from .camera_osd import NO_VALUE
from .envelope import Body
from .flight import Moment, Phase

BY_ITSELF = {Phase.PREPARE: 1, Phase.TAKEOFF: 4, Phase.SURVEY: 5, Phase.TURN: 9, Phase.RETURN: 9, Phase.LANDING: 10}
BY_HAND = {**BY_ITSELF, Phase.SURVEY: 3, Phase.TURN: 3, Phase.RETURN: 3}


@dataclass(frozen=True, slots=True)
class Aircraft:
    sn: str
    model_key: str
    #: Inside a closed dock there is no satellite fix, and latitude and longitude are 0.
    lives_in_dock: bool

    @property
    def camera(self) -> str:
        return camera_osd.payload_index(self.model_key)

    def has_fix(self, moment: Moment) -> bool:
        return not self.lives_in_dock or moment.airborne or moment.phase is Phase.PREPARE


def osd(aircraft: Aircraft, moment: Moment) -> Body:
    """The whole OSD, about 3.8 KB as compact JSON: aircraft properties pages, "pushMode 0"."""
    fix = aircraft.has_fix(moment)
    modes = BY_ITSELF if aircraft.lives_in_dock else BY_HAND
    return {
        aircraft.camera: camera_osd.gimbal(aircraft.camera, moment),
        "4g_link_state": False,
        "activation_time": 1_680_000_000,
        "attitude_head": round(moment.heading, 1),
        "attitude_pitch": round(-0.9 * moment.horizontal_speed, 1),
        "attitude_roll": 0.3 if moment.airborne else 0,
        "battery": _battery(aircraft, moment),
        "best_link_gateway": "",
        "cameras": [camera_osd.camera(aircraft.camera, moment)],
        "country": "",
        "distance_limit_status": {"distance_limit": 5000, "is_near_distance_limit": 0, "state": 0},
        "dongle_infos": [_dongle()],
        "elevation": round(moment.elevation, 3),
        "gear": 1,
        "height": round(moment.height, 3),
        "height_limit": 120,
        "home_distance": round(moment.home_distance, 2),
        "horizontal_speed": round(moment.horizontal_speed, 2),
        "is_near_area_limit": 0,
        "is_near_height_limit": 0,
        "latitude": round(moment.latitude, 9) if fix else 0,
        "longitude": round(moment.longitude, 9) if fix else 0,
        "maintain_status": {"maintain_status_array": [_maintenance(kind) for kind in (1, 2, 3)]},
        "mode_code": modes.get(moment.phase, 0),
        "night_lights_state": 0,
        "obstacle_avoidance": {"downside": 1, "horizon": 1, "upside": 1},
        "position_state": {
            "gps_number": 22 if fix else 0,
            "is_fixed": 2 if fix else 0,
            "quality": 5 if fix else 0,
            "rtk_number": 31 if fix else 0,
        },
        "storage": {"total": 60_095_000, "used": 1_240_000 + 4_000 * int(moment.total_flight_seconds)},
        "total_flight_distance": round(moment.total_flight_metres, 1),
        "total_flight_sorties": moment.sorties,
        "total_flight_time": round(moment.total_flight_seconds, 1),
        "track_id": f"track-{aircraft.sn}-{moment.sorties}" if moment.airborne else "",
        "vertical_speed": round(moment.vertical_speed, 2),
        "wind_direction": 3,
        "wind_speed": 4.2 if moment.airborne else 0,
    }


def state(home: tuple[float, float]) -> Body:
    """What is told on change only: "pushMode 1"."""
    return {
        "firmware_version": "10.01.2301",
        "compatible_status": 0,
        "firmware_upgrade_status": 0,
        "home_latitude": home[0],
        "home_longitude": home[1],
        "low_battery_warning_threshold": 30,
        "serious_low_battery_warning_threshold": 15,
        "mode_code_reason": 0,
        "control_source": "A",
        "commander_flight_height": NO_VALUE,
    }


def changes(old: Body, new: Body) -> Body:
    """The fields that differ: what a controller sends of its aircraft between two whole reports."""
    return {key: value for key, value in new.items() if key not in old or old[key] != value}


def _battery(aircraft: Aircraft, moment: Moment) -> dict[str, Any]:
    percent = int(moment.battery)
    return {
        "batteries": [
            {
                "capacity_percent": percent,
                "firmware_version": "02.00.20.58",
                "high_voltage_storage_days": 2,
                "index": 0,
                "loop_times": 40 + moment.sorties,
                "sn": f"BAT{aircraft.sn[-9:]}",
                "sub_type": 0,
                "temperature": round(24 + 8 * moment.airborne + (100 - moment.battery) / 20, 1),
                "type": 0,
                "voltage": 14_200 + 26 * percent,
            }
        ],
        "capacity_percent": percent,
        "landing_power": 10 if moment.airborne else 0,
        "remain_flight_time": 24 * percent if moment.airborne else NO_VALUE,
        "return_home_power": 12 + int(moment.home_distance / 100) if moment.airborne else 0,
    }


def _dongle() -> dict[str, Any]:
    return {
        "dongle_type": 10,
        "eid": "",
        "esim_activate_state": 0,
        "esim_infos": [{"enabled": False, "iccid": "", "telecom_operator": 0}],
        "imei": "",
        "sim_card_state": 0,
        "sim_info": {"iccid": "", "sim_type": 0, "telecom_operator": 0},
        "sim_slot": 0,
    }


def _maintenance(kind: int) -> dict[str, Any]:
    return {
        "last_maintain_flight_sorties": 0,
        "last_maintain_flight_time": 0,
        "last_maintain_time": 1_680_000_000,
        "last_maintain_type": kind,
        "state": 0,
    }
