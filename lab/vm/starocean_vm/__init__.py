"""A virtual machine whose network cards can do zero-copy, for labs that no veth can hold.

QEMU emulates the CPU (no /dev/kvm is asked for), Linux comes from Debian's backports and the tools from
this machine; see kernel.py, initramfs.py and guest.py. daemon.py has the words of the ordinary labs.
"""

from .daemon import GuestEcho, GuestHost, GuestStarocean, assert_mode, sockets_of
from .guest import Guest, GuestNamespace, missing
from .kernel import Unavailable
from .traffic import flood, flows, talk_without_loss, tcp_transfer

__all__ = ["Guest", "GuestEcho", "GuestHost", "GuestNamespace", "GuestStarocean", "Unavailable", "assert_mode",
           "flood", "flows", "missing", "sockets_of", "talk_without_loss", "tcp_transfer"]
