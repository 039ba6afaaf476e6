"""Starts a program that dies with its starter: `python tied.py <starter's pid> <program> …`.

Run as a script in front of each child. On Linux the kernel is asked to kill this process when the
starter goes, however it went; the request survives the exec that follows. Elsewhere the program is
just started, and the next start clears up (`app/ops/leftovers.py`).

A script of its own and not a hook between fork and exec: the supervisor has threads, and code that
runs in a forked copy of a threaded process can hang on a lock that nobody will release.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tie_to(starter: int) -> None:
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != starter:  # it went before we could ask
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    tie_to(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
