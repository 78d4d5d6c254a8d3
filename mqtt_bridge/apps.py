from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MqttBridgeConfig(AppConfig):
    name = "mqtt_bridge"
    verbose_name = _("MQTT")
