"""The fleet page, and the health answer that decides whether a release stays."""

import django
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from vessels.models import Vessel


def fleet(request: HttpRequest) -> HttpResponse:
    """Every vessel with her last position and next port."""
    return render(request, "vessels/fleet.html", {"vessels": Vessel.objects.all(), "version": settings.VERSION})


def health(request: HttpRequest) -> JsonResponse:
    """200 with what runs here once the database has answered, 503 when it does not."""
    running = {"version": settings.VERSION, "django": django.get_version()}
    try:
        Vessel.objects.exists()
    except DatabaseError as error:
        return JsonResponse({"status": f"database: {error}", **running}, status=503)
    return JsonResponse({"status": "ok", **running})
