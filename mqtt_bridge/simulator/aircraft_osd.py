"""OSD and state of an aircraft, as one reports them through a dock or a controller."""

from dataclasses import dataclass
from typing import Any

from .envelope import Body
from .flight import Moment, Phase

#: What devices send where they have no value (16-bit unsigned and signed).
NO_VALUE, NO_SIGNED_VALUE = 65535, 32767
#: Payload index of the camera that an aircraft model carries: type, sub-type and gimbal position in one key.
CAMERAS = {
    "0-67-0": "52-0-0",
    "0-67-1": "53-0-0",
    "0-77-0": "66-0-0",
    "0-77-1": "67-0-0",
    "0-91-0": "80-0-0",
    "0-91-1": "81-0-0",
    "0-100-0": "98-0-0",
    "0-100-1": "99-0-0",
}
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
        return CAMERAS.get(self.model_key, "99-0-0")

    def has_fix(self, moment: Moment) -> bool:
        return not self.lives_in_dock or moment.airborne or moment.phase is Phase.PREPARE


def osd(aircraft: Aircraft, moment: Moment) -> Body:
    """The whole OSD, about 3.8 KB as compact JSON: aircraft properties pages, "pushMode 0"."""
    fix = aircraft.has_fix(moment)
    modes = BY_ITSELF if aircraft.lives_in_dock else BY_HAND
    return {
        aircraft.camera: _gimbal(aircraft, moment),
        "4g_link_state": False,
        "activation_time": 1_680_000_000,
        "attitude_head": round(moment.heading, 1),
        "attitude_pitch": round(-0.9 * moment.horizontal_speed, 1),
        "attitude_roll": 0.3 if moment.airborne else 0,
        "battery": _battery(aircraft, moment),
        "best_link_gateway": "",
        "cameras": [_camera(aircraft, moment)],
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


def _gimbal(aircraft: Aircraft, moment: Moment) -> dict[str, Any]:
    filming = moment.phase is Phase.SURVEY
    return {
        "gimbal_pitch": -90 if filming else 0,
        "gimbal_roll": 0,
        "gimbal_yaw": round(moment.heading, 1),
        "measure_target_altitude": 0,
        "measure_target_distance": round(moment.elevation, 1),
        "measure_target_error_state": 0 if filming else 3,
        "measure_target_latitude": 0,
        "measure_target_longitude": 0,
        "payload_index": aircraft.camera,
        "thermal_current_palette_style": 0,
        "thermal_gain_mode": 2,
        "thermal_global_temperature_max": 31.4 if filming else NO_SIGNED_VALUE,
        "thermal_global_temperature_min": 12.8 if filming else NO_SIGNED_VALUE,
        "thermal_isotherm_lower_limit": -20,
        "thermal_isotherm_state": 0,
        "thermal_isotherm_upper_limit": 150,
        "thermal_supported_palette_styles": [0, 1, 2, 3, 5, 6, 8, 11, 12, 13],
        "version": 1,
        "zoom_factor": 1,
    }


def _camera(aircraft: Aircraft, moment: Moment) -> dict[str, Any]:
    recording = int(moment.phase is Phase.SURVEY)
    zone = {"x": 0.5, "y": 0.5}
    return {
        "camera_mode": recording,
        "ir_metering_area": {
            "aver_temperature": 0,
            "height": 0,
            "max_temperature_point": {"temperature": 0, "x": 0, "y": 0},
            "min_temperature_point": {"temperature": 0, "x": 0, "y": 0},
            "width": 0,
            "x": 0,
            "y": 0,
        },
        "ir_metering_mode": 0,
        "ir_metering_point": {"temperature": 0, **zone},
        "ir_zoom_factor": 2,
        "liveview_world_region": {"bottom": 0.561, "left": 0.432, "right": 0.564, "top": 0.433},
        "payload_index": aircraft.camera,
        "photo_state": 0,
        "photo_storage_settings": ["current", "wide", "zoom", "ir"],
        "record_time": int(moment.flight_seconds) * recording,
        "recording_state": recording,
        "remain_photo_num": 9_200 - 2 * int(moment.total_flight_seconds) % 9_000,
        "remain_record_duration": 7_600,
        "screen_split_enable": False,
        "video_storage_settings": ["wide", "ir"],
        "wide_calibrate_farthest_focus_value": NO_VALUE,
        "wide_calibrate_nearest_focus_value": NO_VALUE,
        "wide_exposure_mode": 1,
        "wide_exposure_value": 16,
        "wide_focus_mode": 2,
        "wide_focus_state": 0,
        "wide_focus_value": NO_VALUE,
        "wide_iso": 3,
        "wide_max_focus_value": NO_VALUE,
        "wide_min_focus_value": NO_VALUE,
        "wide_shutter_speed": 27,
        "zoom_calibrate_farthest_focus_value": 34,
        "zoom_calibrate_nearest_focus_value": 64,
        "zoom_exposure_mode": 1,
        "zoom_exposure_value": 16,
        "zoom_factor": 7,
        "zoom_focus_mode": 2,
        "zoom_focus_state": 0,
        "zoom_focus_value": 34,
        "zoom_iso": 3,
        "zoom_max_focus_value": 64,
        "zoom_min_focus_value": 33,
        "zoom_shutter_speed": 27,
    }


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
