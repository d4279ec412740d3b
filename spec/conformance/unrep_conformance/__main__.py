"""`python -m unrep_conformance`."""

import sys

from unrep_conformance.cli import main

sys.exit(main())
