"""The table of vessels."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Creates the table."""

    initial = True
    dependencies: ClassVar = []
    operations: ClassVar = [
        migrations.CreateModel(
            name="Vessel",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("name", models.CharField(max_length=80)),
                ("imo_number", models.CharField(max_length=7, unique=True)),
                ("latitude", models.FloatField()),
                ("longitude", models.FloatField()),
                ("reported_at", models.DateTimeField()),
                ("next_port", models.CharField(max_length=80)),
            ],
            options={"ordering": ("name",)},
        ),
    ]
