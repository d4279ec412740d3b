"""Settings of the site. What differs from ship to ship, and every secret, comes from the environment:

VMS_DATA        directory of the database, outside the release (required)
VMS_SECRET_KEY  signing key; the default serves demonstrations only
VMS_HOSTS       host names under which the site is reached, comma-separated
"""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

TREE = Path(__file__).resolve().parent.parent
VERSION = (TREE / "VERSION").read_text(encoding="utf-8").strip()

if "VMS_DATA" not in os.environ:
    raise ImproperlyConfigured("VMS_DATA is not set: name the directory that keeps the database")
DATA = Path(os.environ["VMS_DATA"])

SECRET_KEY = os.environ.get("VMS_SECRET_KEY", "demonstration-only-not-a-secret")
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", *filter(None, os.environ.get("VMS_HOSTS", "").split(","))]

INSTALLED_APPS = ["vessels"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "vms.urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA / "vms.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
}
