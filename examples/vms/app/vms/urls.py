"""The site's addresses."""

from django.urls import path
from vessels import views

urlpatterns = [
    path("", views.fleet),
    path("health", views.health),
]
