"""The base class of all errors that are shown to users."""


class CopilotPipelineError(Exception):
    """An error that the user can fix. Its message says what failed, for whom, and what to do.

    The message never contains a token, a secret, or the query of a signed URL.
    """
