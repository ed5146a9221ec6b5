"""Hosts in network namespaces, cables between them, and the starocean daemon that joins them.

The demo and the labs are written in these words. Only Python's standard library is used, so that
`make demo` needs nothing else. Everything made here is removed again, also when the process that made
it is killed: see reaper.py.
"""

from .daemon import Starocean
from .host import Host
from .lab import Lab
from .namespace import Namespace
from .shell import LabError, run, wait_until
from .wire import Wire

__all__ = ["Host", "Lab", "LabError", "Namespace", "Starocean", "Wire", "run", "wait_until"]
