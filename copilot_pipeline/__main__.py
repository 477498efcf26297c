"""The entry point: ends without a traceback on Ctrl-C from the beginning."""

import os
import signal

ABORTED = "Error: aborted. Stored data is kept."


def main() -> None:
    """Run the command line of this process and exit."""
    # Importing the command line takes half a second, in which Ctrl-C would print a traceback.
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, _leave)
    from copilot_pipeline import cli

    if interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.main()


def _leave(*_: object) -> None:
    os.write(2, f"\n{ABORTED}\n".encode())
    os._exit(1)


if __name__ == "__main__":
    main()
