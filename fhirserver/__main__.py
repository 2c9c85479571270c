"""``python -m fhirserver`` is the command ``fhirserver``."""

from fhirserver.cli import main

main()
