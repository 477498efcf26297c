"""The root of every error that is meant for the person at the keyboard."""


class CopilotPipelineError(Exception):
    """Something the user can act on. Its text says what failed, for whom, and what to do.

    The text never holds a token, a secret, or the query of a signed URL.
    """
