"""The fleet page, and the health answer that decides whether a release stays."""

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from vessels.models import Vessel


def fleet(request: HttpRequest) -> HttpResponse:
    """Every vessel with her last position and next port."""
    return render(request, "vessels/fleet.html", {"vessels": Vessel.objects.all(), "version": settings.VERSION})


def health(request: HttpRequest) -> JsonResponse:
    """200 with the running version once the database has answered, 503 when it does not."""
    try:
        Vessel.objects.exists()
    except DatabaseError as error:
        return JsonResponse({"status": f"database: {error}", "version": settings.VERSION}, status=503)
    return JsonResponse({"status": "ok", "version": settings.VERSION})
