"""Random examples have no time limit, for a busy machine, or Wine, is no defect. An interrupt is one, though a shell in
the background has whatever it starts ignore them. What a test starts does as Python does where nobody sets variables:
it holds back what it prints, and writes `__pycache__`."""

import os
import signal

from hypothesis import HealthCheck, settings

for variable in ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"):
    os.environ.pop(variable, None)

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
