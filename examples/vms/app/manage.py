"""Django's management command, for work on the application; a ship starts `serve.py`."""

import os
import sys

# A release tree is verified file by file: nothing may add byte code to it.
sys.dont_write_bytecode = True

from django.core.management import execute_from_command_line  # noqa: E402

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vms.settings")
    execute_from_command_line(sys.argv)
