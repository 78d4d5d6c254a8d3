"""OSD and state of docks and controllers. A dock's OSD comes in three differently shaped messages (properties page)."""

from .aircraft_osd import Aircraft
from .envelope import Body
from .flight import Home, Moment, Phase

#: Rounded battery level of a controller after so many seconds of use: one percent in three minutes.
CONTROLLER_DRAIN_SECONDS = 180
DOCK_STEP = {Phase.PREPARE: 0, Phase.RECOVER: 2, Phase.IDLE: 5, Phase.CHARGE: 5}


def dock_status(aircraft: Aircraft, moment: Moment, home: Home, present: bool) -> Body:
    """The message with `mode_code`: cover, weather, position, aircraft in the dock."""
    in_dock = present and not moment.airborne
    cover_open = moment.airborne or moment.phase in (Phase.PREPARE, Phase.RECOVER)
    working = moment.airborne or moment.phase is Phase.PREPARE
    return {
        "air_conditioner": {"air_conditioner_state": 0, "switch_time": 0},
        "alarm_state": int(working),
        "alternate_land_point": {
            "height": round(home.height, 3),
            "is_configured": 1,
            "latitude": round(home.latitude + 0.00012, 9),
            "longitude": round(home.longitude + 0.00012, 9),
            "safe_land_height": 0,
        },
        "battery_store_mode": 2,
        "cover_state": int(cover_open),
        "drone_charge_state": {
            "capacity_percent": int(moment.battery) if in_dock else 0,
            "state": int(in_dock and moment.phase is Phase.CHARGE),
        },
        "drone_in_dock": int(in_dock),
        "emergency_stop_state": 0,
        "environment_temperature": 18.6,
        "first_power_on": 1_680_000_000_000,
        "heading": 0,
        "height": home.height,
        "home_position_is_valid": 1,
        "humidity": 52,
        "latitude": home.latitude,
        "longitude": home.longitude,
        "mode_code": 4 if working else 0,
        "network_state": {"quality": 4, "rate": 48.5, "type": 2},
        "position_state": {"gps_number": 9, "is_calibration": 1, "is_fixed": 2, "quality": 5, "rtk_number": 28},
        "rainfall": 0,
        "storage": {"total": 82_045_336, "used": 51_772},
        "sub_device": {
            "device_model_key": aircraft.model_key,
            "device_online_status": int(present),
            "device_paired": 1,
            "device_sn": aircraft.sn,
        },
        "supplement_light_state": 0,
        "temperature": 24.9,
        "wind_speed": 4.2,
    }


def dock_work(moment: Moment) -> Body:
    """The message with `job_number`: counters, power, maintenance."""
    return {
        "acc_time": 1_859_010 + int(moment.total_flight_seconds),
        "activation_time": 1_680_000_000,
        "backup_battery": {"switch": 1, "temperature": 27.9, "voltage": 26_631},
        "drone_battery_maintenance_info": {
            "batteries": [
                {"capacity_percent": int(moment.battery), "index": 0, "temperature": 25.1, "voltage": 16_400},
                {"capacity_percent": 32767, "index": 1, "temperature": 32767, "voltage": 32767},
            ],
            "heat_state": 0,
            "maintenance_state": 0,
            "maintenance_time_left": 0,
        },
        "job_number": 492 + moment.sorties,
        "maintain_status": {
            "maintain_status_array": [
                {"last_maintain_time": 0, "last_maintain_type": 17, "last_maintain_work_sorties": 0, "state": 0}
            ]
        },
        "working_current": 1_120,
        "working_voltage": 25_440,
    }


def dock_link(moment: Moment, present: bool) -> Body:
    """The message with `wireless_link`: link to the aircraft, media still to upload, step of the task."""
    return {
        "flighttask_step_code": 1 if moment.airborne else DOCK_STEP[moment.phase],
        "media_file_detail": {"remain_upload": int(moment.flight_seconds / 10)},
        "wireless_link": wireless_link(present),
    }


def controller(home: Home, seconds: float, present: bool) -> Body:
    """A controller reports itself in one message under its own SN (RC properties page)."""
    return {
        "capacity_percent": max(20, 96 - int(seconds / CONTROLLER_DRAIN_SECONDS)),
        "country": "",
        "height": home.height + 1.2,
        "latitude": home.latitude,
        "longitude": home.longitude,
        "wireless_link": wireless_link(present),
    }


def state(aircraft: Aircraft | None, gateway_sn: str) -> Body:
    """What a gateway tells on change: firmware and what could be streamed from where."""
    cameras = [(gateway_sn, "165-0-7", "normal")] + ([(aircraft.sn, aircraft.camera, "wide")] if aircraft else [])
    return {
        "compatible_status": 0,
        "firmware_upgrade_status": 0,
        "firmware_version": "10.01.1608",
        "live_capacity": {
            "available_video_number": len(cameras),
            "coexist_video_number_max": len(cameras),
            "device_list": [
                {
                    "available_video_number": 1,
                    "camera_list": [
                        {
                            "available_video_number": 1,
                            "camera_index": index,
                            "coexist_video_number_max": 1,
                            "video_list": [
                                {"switchable_video_types": [kind], "video_index": f"{kind}-0", "video_type": kind}
                            ],
                        }
                    ],
                    "coexist_video_number_max": 1,
                    "sn": sn,
                }
                for sn, index, kind in cameras
            ],
        },
        "live_status": [],
    }


def wireless_link(present: bool) -> Body:
    return {
        "4g_freq_band": 2.4,
        "4g_gnd_quality": 0,
        "4g_link_state": 0,
        "4g_quality": 0,
        "4g_uav_quality": 0,
        "dongle_number": 0,
        "link_workmode": 0,
        "sdr_freq_band": 5.8,
        "sdr_link_state": int(present),
        "sdr_quality": 5 if present else 0,
    }
