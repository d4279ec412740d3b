"""A fleet to begin with. The vessels are made up; their IMO numbers only pass the check digit."""

from datetime import UTC, datetime
from typing import ClassVar

from django.db import migrations

FLEET = [
    ("Aurora Borealis", "9310006", 69.655, 18.962, datetime(2026, 3, 14, 6, 0, tzinfo=UTC), "Tromsø"),
    ("Kittiwake", "9310018", 51.905, 3.201, datetime(2026, 3, 14, 5, 42, tzinfo=UTC), "Rotterdam"),
    ("Ocean Patience", "9310020", -34.121, 17.884, datetime(2026, 3, 14, 3, 15, tzinfo=UTC), "Cape Town"),
    ("Southern Cross", "9310032", -12.467, 129.713, datetime(2026, 3, 13, 22, 8, tzinfo=UTC), "Darwin"),
    ("Tramontana", "9310044", 41.302, 2.418, datetime(2026, 3, 14, 4, 51, tzinfo=UTC), "Barcelona"),
]
FIELDS = ("name", "imo_number", "latitude", "longitude", "reported_at", "next_port")


def add_fleet(apps, schema_editor):
    """Fills the empty table."""
    vessel = apps.get_model("vessels", "Vessel")
    vessel.objects.bulk_create(vessel(**dict(zip(FIELDS, row, strict=True))) for row in FLEET)


class Migration(migrations.Migration):
    """Adds the rows; going back leaves them, for they may have been edited since."""

    dependencies: ClassVar = [("vessels", "0001_vessels")]
    operations: ClassVar = [migrations.RunPython(add_fleet, migrations.RunPython.noop)]
