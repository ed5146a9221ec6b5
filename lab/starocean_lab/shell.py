"""Running commands, and waiting for conditions. No test may be decided by timing: a wait here is
bounded, but what ends it is the condition."""

import subprocess
import time


class LabError(Exception):
    """The lab could not do what was asked; the text is one sentence for a person."""


def run(*args, check=True, timeout_s=60, stdin=None):
    """Runs a command to its end and returns it with its text output.

    With `check`, an exit status other than 0 raises LabError with the command and what it said."""
    command = [str(arg) for arg in args]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, input=stdin,
                              check=False)
    except FileNotFoundError as error:
        raise LabError(f"'{command[0]}' is not installed; run scripts/bootstrap build demo") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"'{' '.join(command)}' did not end within {timeout_s} s") from error
    if check and done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing")[-800:]
        raise LabError(f"'{' '.join(command)}' failed with status {done.returncode}: {said}")
    return done


def wait_until(condition, what, timeout_s=10.0, every_s=0.02):
    """Calls condition() until it returns something true, which is returned.

    Raises LabError, naming `what` was waited for, when that takes longer than timeout_s."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"waited {timeout_s:g} s in vain until {what}")
        time.sleep(every_s)
