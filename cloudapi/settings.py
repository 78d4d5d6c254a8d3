"""All settings, from the environment. `.env.example` explains every variable.

Values are looked up in this order: the process environment, `.env` beside `manage.py`, and `DATA_DIR/platform.env`,
which `make run` writes on its first start so that every later command finds the running platform.
"""

from pathlib import Path

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from kombu import Exchange, Queue

from cloudapi.env import Environment

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()
env.read_env(BASE_DIR / ".env")

DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).expanduser().resolve()
env.read_env(DATA_DIR / "platform.env")

# --- Django -----------------------------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        f"SECRET_KEY is not set, and {DATA_DIR / 'platform.env'} (written by the first `make run`) does not exist. "
        "Start the platform with `make run`, or set SECRET_KEY as .env.example explains."
    )
# Secrets in the database are sealed with the first of these and opened with any (cloudapi.encryption).
FIELD_ENCRYPTION_KEYS = env.list("FIELD_ENCRYPTION_KEYS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "daphne",  # first: its runserver speaks ASGI
    "cloudapi.apps.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "csp",
    "cloudapi.apps.CloudapiConfig",
    "workspaces",
    "devices",
    "mqtt_bridge",
]
MIDDLEWARE = [
    "cloudapi.dji.paths.SingleSlash",
    "cloudapi.headers.BrowserRules",
    "csp.middleware.CSPMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "cloudapi.nul.NoNul",
    "workspaces.session_keys.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "cloudapi.urls"
ASGI_APPLICATION = "cloudapi.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "workspaces.context.administration",
            ],
        },
    },
]
AUTH_USER_MODEL = "workspaces.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Language, time, files --------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.time_zone("TIME_ZONE", default="UTC")
STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(DATA_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "cloudapi.staticfiles.HashedStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_ALLOW_ALL_ORIGINS = False

# --- Database ---------------------------------------------------------------------------------------------------------
DATABASES = {"default": env.address("DATABASE_URL", "db_url", default=f"sqlite:///{DATA_DIR / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATA_DIR.mkdir(parents=True, exist_ok=True)
    # Several processes write: WAL lets readers go on, IMMEDIATE makes a writer wait for its turn instead of failing
    # in the middle of its transaction.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

# --- Valkey/Redis: live state, channel layer, Celery queue ------------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL}]},
    }
}

# --- Celery -----------------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_DEFAULT_QUEUE = "celery"
# Workers take from both queues in turn, so that thousands of waiting requests make nobody's coming or going late.
CELERY_TASK_QUEUES = [Queue(name, Exchange(name), routing_key=name) for name in ("celery", "presence")]
CELERY_TASK_ROUTES = {
    name: {"queue": "presence"}
    for name in ("devices.tasks.*", "mqtt_bridge.tasks.told", "mqtt_bridge.tasks.end_former_pilots")
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 25
CELERY_TASK_SOFT_TIME_LIMIT = 20
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = env.int("CELERY_CONCURRENCY", default=4)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A killed worker's tasks come back after this many seconds. Below the hard time limit a slow task would run twice.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 30,
    # How often it is looked for them; the default is every tenth time of every ten seconds.
    "unacked_restore_interval": 3,
    "unacked_restore_throttle": 1,
    "socket_timeout": 10,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "retry_on_timeout": False,
}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "prune-ledger": {"task": "mqtt_bridge.tasks.prune_ledger", "schedule": 3600.0},
    "prune-timeline": {"task": "devices.tasks.prune_timeline", "schedule": 3600.0},
    "keep-history": {"task": "devices.tasks.keep_history", "schedule": 3600.0},
    # As soon as sockets and tokens of a removed member end; what nobody ran in time is not run twice.
    "end-former-pilots": {
        "task": "mqtt_bridge.tasks.end_former_pilots",
        "schedule": 3.0,
        "options": {"expires": 3.0},
    },
}

# --- HTTP API ---------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["cloudapi.dji.envelope.EnvelopeRenderer"],
    "DEFAULT_PARSER_CLASSES": ["cloudapi.dji.requests.JSONBody"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "cloudapi.dji.requests.AnyAccept",
    "DEFAULT_AUTHENTICATION_CLASSES": ["workspaces.api.auth.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["workspaces.api.auth.HasToken"],
    "DEFAULT_SCHEMA_CLASS": "cloudapi.dji.openapi.EnvelopeSchema",
    "EXCEPTION_HANDLER": "cloudapi.dji.envelope.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "cloudapi",
    "DESCRIPTION": "The HTTP interface that DJI Pilot 2 and web clients of the Cloud API speak.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "PREPROCESSING_HOOKS": ["cloudapi.dji.openapi.without_trailing_slash"],
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# --- MQTT -------------------------------------------------------------------------------------------------------------
MQTT_HOST = env.str("MQTT_HOST", default="127.0.0.1")
MQTT_PORT = env.int("MQTT_PORT", default=1883)
MQTT_TLS = env.bool("MQTT_TLS", default=False)
MQTT_USERNAME = env.str("MQTT_USERNAME", default="")
MQTT_PASSWORD = env.str("MQTT_PASSWORD", default="")
# The broker's own certificate, files that the broker reads; with them it listens for TLS (mqtt_bridge.broker_tls).
MQTT_TLS_CERT = env.str("MQTT_TLS_CERT", default="")
MQTT_TLS_KEY = env.str("MQTT_TLS_KEY", default="")
MQTT_TLS_PORT = env.int("MQTT_TLS_PORT", default=8883)
# Where gateways must show a certificate of our device CA; 0 is nowhere, MQTT_TLS_PORT is wherever there is TLS.
MQTT_CLIENT_AUTH_PORT = int(env.str("MQTT_CLIENT_AUTH_PORT", default="") or 0)
DEVICE_CA_DIR = Path(env.str("DEVICE_CA_DIR", default="") or DATA_DIR / "device_ca")
DEVICE_CA_PUBLIC_DIR = Path(env.str("DEVICE_CA_PUBLIC_DIR", default="") or DEVICE_CA_DIR)
DEVICE_CA_PASSPHRASE = env.str("DEVICE_CA_PASSPHRASE", default="")
# What devices are told to connect to; it must be reachable from the device, not from the server (N8).
MQTT_PUBLIC_HOST = env.str("MQTT_PUBLIC_HOST", default=MQTT_HOST)
MQTT_PUBLIC_PORT = int(env.str("MQTT_PUBLIC_PORT", default="") or (MQTT_TLS_PORT if MQTT_TLS_CERT else MQTT_PORT))
# How broker accounts are made: "dynsec" (Mosquitto's dynamic security), "emqx" (EMQX asks over HTTP), "amqtt" (the
# broker reads our tables).
MQTT_BROKER = env.str("MQTT_BROKER", default="dynsec")
# EMQX shows this secret when it asks; the other three let us end sessions there by its REST API.
EMQX_HTTP_SECRET = env.str("EMQX_HTTP_SECRET", default="")
EMQX_API_URL = env.str("EMQX_API_URL", default="").rstrip("/")
EMQX_API_KEY = env.str("EMQX_API_KEY", default="")
EMQX_API_SECRET = env.str("EMQX_API_SECRET", default="")
# One persistent session per name: two mqtt_workers with the same name would take the session over from each other.
MQTT_CLIENT_ID = env.str("MQTT_CLIENT_ID", default="cloudapi-worker")
# Workers with the same group share the messages; each needs a MQTT_CLIENT_ID of its own. Empty: one worker gets all.
MQTT_SHARED_GROUP = env.str("MQTT_SHARED_GROUP", default="")
# Whether gateways' accounts may connect with their serial number as client id only.
MQTT_CLIENT_ID_IS_SN = env.bool("MQTT_CLIENT_ID_IS_SN", default=True)
MQTT_MAX_PAYLOAD = env.int("MQTT_MAX_PAYLOAD", default=262_144)

# The scheme that controllers and docks are told: "tcp", "ssl", "ws" or "wss".
MQTT_PUBLIC_SCHEME = env.str("MQTT_PUBLIC_SCHEME", default="") or ("ssl" if MQTT_TLS or MQTT_TLS_CERT else "tcp")

# --- Access tokens of Pilot and web clients ---------------------------------------------------------------------------
TOKEN_HOURS = env.float("TOKEN_HOURS", default=24.0)
# What Pilot shows as the name of the platform.
PLATFORM_NAME = env.str("PLATFORM_NAME", default="cloudapi")
# How often the Pilot socket sends a device's position, and how soon a socket dies with its token, in seconds.
PILOT_OSD_SECONDS = env.float("PILOT_OSD_SECONDS", default=1.0)
TOKEN_CHECK_SECONDS = env.float("TOKEN_CHECK_SECONDS", default=3.0)

# --- Devices ----------------------------------------------------------------------------------------------------------
LIVE_TICK_SECONDS = env.float("LIVE_TICK_SECONDS", default=0.25)
# How often a web process looks for changes that it was not told of.
LIVE_LOOK_SECONDS = env.float("LIVE_LOOK_SECONDS", default=20.0)
# A socket that takes nothing for so long is closed.
SLOW_SOCKET_SECONDS = env.float("SLOW_SOCKET_SECONDS", default=10.0)
# How often the latest values of all devices reach SQL, and how often a device that moves leaves a point of its track
# (0: never), in seconds; how many days tracks are kept.
STATE_SECONDS = env.float("STATE_SECONDS", default=5.0)
HISTORY_SECONDS = env.float("HISTORY_SECONDS", default=10.0)
HISTORY_DAYS = env.int("HISTORY_DAYS", default=7)
OFFLINE_AFTER_SECONDS = env.float("OFFLINE_AFTER_SECONDS", default=30.0)
# How long the comings and goings of a device are kept.
TIMELINE_DAYS = env.float("TIMELINE_DAYS", default=90.0)

# --- The web address --------------------------------------------------------------------------------------------------
HTTP_PORT = env.int("HTTP_PORT", default=8000)
PUBLIC_URL = env.str("PUBLIC_URL", default=f"http://127.0.0.1:{HTTP_PORT}").rstrip("/")
HTTPS = PUBLIC_URL.startswith("https://")
SECURE_SSL_REDIRECT = HTTPS and env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
# A proxy in front tells the scheme and the client's address, and drops what clients say of them.
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
TRUSTED_PROXIES = env.networks(
    "TRUSTED_PROXIES", default="127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"
)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None

# --- Cookies and what browsers may do with our pages ------------------------------------------------------------------
# "__Host-" makes browsers refuse a cookie that another host of the domain, or plain http, has planted.
_prefix = "__Host-" if HTTPS else ""
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{_prefix}sessionid", f"{_prefix}csrftoken"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SESSION_HOURS = env.float("SESSION_HOURS", default=168.0)
SESSION_COOKIE_AGE = int(SESSION_HOURS * 3600)
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        # Older browsers, and Pilot's web view, do not count a WebSocket of the same host as 'self'.
        "connect-src": [SELF, f"ws{PUBLIC_URL.removeprefix('http')}"],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- How much a client may ask for ------------------------------------------------------------------------------------
# Bytes in the body of a request; forms and files too, which nobody has to upload here.
HTTP_MAX_BODY = env.int("HTTP_MAX_BODY", default=1_048_576)
DATA_UPLOAD_MAX_MEMORY_SIZE = FILE_UPLOAD_MAX_MEMORY_SIZE = HTTP_MAX_BODY
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 5
# Open WebSockets of one user and of one workspace, in all processes together.
SOCKETS_PER_USER = env.int("SOCKETS_PER_USER", default=50)
SOCKETS_PER_WORKSPACE = env.int("SOCKETS_PER_WORKSPACE", default=1000)

# --- Mail (alerts to the admins of an organization) -------------------------------------------------------------------
EMAIL_CONFIG = env.address("EMAIL_URL", "email_url", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="cloudapi@localhost")

# --- Logs -------------------------------------------------------------------------------------------------------------
LOG_LEVEL = env.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    # Whatever is logged, secrets are hidden, and nobody can forge a line.
    "formatters": {"line": {"()": "cloudapi.logs.SafeFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    # Celery's two lines for each task say nothing that the timeline doesn't, and cost a tenth of a short one.
    "loggers": {name: {"level": "WARNING"} for name in ("celery.worker.strategy", "celery.app.trace")},
}
