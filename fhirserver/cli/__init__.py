"""The command ``fhirserver``: ``main`` names the commands and their options, one module each does the work.

A command's module is imported when the command runs, so that ``--help`` answers at once.
"""

from fhirserver.cli.main import main

__all__ = ["main"]
