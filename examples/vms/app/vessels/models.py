"""A vessel, her last reported position and her next port."""

from django.db import models


def degrees_and_minutes(value: float, positive: str, negative: str, width: int) -> str:
    """A coordinate in decimal degrees as a chart shows it: 51.905, N, S, 2 gives 51°54.3'N."""
    tenths_of_minute = round(abs(value) * 600)
    degrees, rest = divmod(tenths_of_minute, 600)
    return f"{degrees:0{width}d}°{rest / 10:04.1f}'{positive if value >= 0 else negative}"


class Vessel(models.Model):
    """One vessel of the fleet; positions in decimal degrees, north and east positive."""

    name = models.CharField(max_length=80)
    imo_number = models.CharField(max_length=7, unique=True)
    latitude = models.FloatField()
    longitude = models.FloatField()
    reported_at = models.DateTimeField()
    next_port = models.CharField(max_length=80)

    class Meta:
        """Alphabetical, as a fleet list is read."""

        ordering = ("name",)

    def __str__(self) -> str:
        return f"{self.name} (IMO {self.imo_number})"

    @property
    def position(self) -> str:
        """Latitude and longitude in degrees and minutes."""
        latitude = degrees_and_minutes(self.latitude, "N", "S", 2)
        return f"{latitude} {degrees_and_minutes(self.longitude, 'E', 'W', 3)}"
