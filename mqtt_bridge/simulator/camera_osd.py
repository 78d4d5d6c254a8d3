"""What an aircraft reports of its camera and the gimbal that holds it."""

from typing import Any

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


def payload_index(model_key: str) -> str:
    """The camera of an aircraft of this model."""
    return CAMERAS.get(model_key, "99-0-0")


def gimbal(index: str, moment: Moment) -> dict[str, Any]:
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
        "payload_index": index,
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


def camera(index: str, moment: Moment) -> dict[str, Any]:
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
        "payload_index": index,
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
