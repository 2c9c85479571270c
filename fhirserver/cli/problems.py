"""How a command ends when it cannot go on: one sentence, and which exit code."""


class UsageProblem(Exception):
    """The command cannot run as it was called: exit code 2."""


class Failure(Exception):
    """The command could not do its work: exit code 1."""
