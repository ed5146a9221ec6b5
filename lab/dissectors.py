"""Two dissectors, ours and tshark, and the comparison of what they say of one packet.

STAROCEAN_BUILD names the build folder (default: build/release).
"""
import collections
import functools
import ipaddress
import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("STAROCEAN_BUILD", ROOT / "build/release"))
DUMP = BUILD / "layers/net/parse_dump"

# Only these are dissected, so that nothing above the transport adds fields or complaints of its own.
KEPT = {"frame", "eth", "ethertype", "vlan", "ieee8021ad", "arp", "ip", "ipv6", "ipv6.hopopts",
        "ipv6.dstopts", "ipv6.routing", "ipv6.fraghdr", "ah", "esp", "tcp", "udp", "icmp", "icmpv6",
        "vxlan", "llc", "data", "_ws.malformed", "_ws.short", "_ws.expert"}
FIELDS = [
    "frame.protocols", "eth.type", "eth.len", "vlan.id", "vlan.priority", "vlan.etype",
    "ieee8021ad.id", "ieee8021ad.svid", "ieee8021ad.cvid", "arp.opcode", "arp.src.hw_mac", "arp.src.proto_ipv4", "arp.dst.hw_mac",
    "arp.dst.proto_ipv4", "ip.src", "ip.dst", "ip.proto", "ip.len", "ip.hdr_len", "ip.frag_offset",
    "ip.flags.mf", "ip.checksum.status", "ipv6.src", "ipv6.dst", "ipv6.plen", "ipv6.nxt",
    "ipv6.hopopts.nxt", "ipv6.dstopts.nxt", "ipv6.routing.nxt", "ipv6.fraghdr.nxt",
    "ah.next_header", "ipv6.fraghdr.offset", "ipv6.fraghdr.more", "tcp.srcport", "tcp.dstport",
    "tcp.flags", "tcp.checksum.status", "udp.srcport", "udp.dstport", "udp.checksum.status",
    "icmp.type", "icmp.code", "icmp.checksum.status", "icmpv6.type", "icmpv6.code",
    "icmpv6.checksum.status", "vxlan.vni", "_ws.expert.message"]
PREFERENCES = [
    "ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE",
    "ip.defragment:FALSE", "ipv6.defragment:FALSE", "ip.use_geoip:FALSE",
    "tcp.analyze_sequence_numbers:FALSE"]
EXTENSION_NEXT = {
    "ipv6.hopopts": "ipv6.hopopts.nxt", "ipv6.dstopts": "ipv6.dstopts.nxt",
    "ipv6.routing": "ipv6.routing.nxt", "ipv6.fraghdr": "ipv6.fraghdr.nxt",
    "ah": "ah.next_header"}
NONE, FIRST, LATER = 0, 1, 2
TAGS = {"vlan": 0x8100, "ieee8021ad": 0x88a8}


# ---- the two dissectors ----


def ours(capture):
    run = subprocess.run([DUMP, capture], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


@functools.cache
def disabled_protocols():
    listing = subprocess.run(["tshark", "-G", "protocols"], check=True, capture_output=True, text=True)
    names = [line.split("\t")[2] for line in listing.stdout.splitlines()]
    return [name for name in names if name not in KEPT]


def theirs(capture, home):
    """One dict of field → list of values, in the order of the packet, for each packet."""
    # A profile of its own: nothing of the user's settings matters, and the list is too long for argv.
    settings = home / "wireshark"
    settings.mkdir(exist_ok=True)
    (settings / "disabled_protos").write_text("\n".join(disabled_protocols()) + "\n")
    command = ["tshark", "-n", "-r", str(capture), "-T", "fields", "-E", "separator=/t",
               "-E", "occurrence=a", "-E", "aggregator=|"]
    command += [word for field in FIELDS for word in ("-e", field)]
    command += [word for preference in PREFERENCES for word in ("-o", preference)]
    environment = dict(os.environ, WIRESHARK_CONFIG_DIR=str(settings), LC_ALL="C.UTF-8")
    run = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    rows = [line.split("\t") for line in run.stdout.split("\n")[:-1]]
    return [{name: cell.split("|") if cell else [] for name, cell in zip(FIELDS, row)} for row in rows]


# ---- comparing one packet ----


class Difference(AssertionError):
    pass


def same(what, left, right):
    if left != right:
        raise Difference(f"{what}: we say {left!r}, tshark says {right!r}")


class Layers:
    """tshark's fields, taken in order: the outer packet's first, then those of a VXLAN's inner one."""

    def __init__(self, fields):
        self.values = {name: collections.deque(values) for name, values in fields.items()}
        self.stack = collections.deque(fields["frame.protocols"][0].split(":"))

    def take(self, name, base=0):
        values = self.values[name]
        if not values:
            raise Difference(f"tshark has no {name}")
        return int(values.popleft(), base)

    def text(self, name):
        values = self.values[name]
        if not values:
            raise Difference(f"tshark has no {name}")
        return values.popleft()

    def enter(self, *names):
        """Drops the next protocol from the stack if it is one of `names`, and says which it was."""
        if self.stack and self.stack[0] in names:
            return self.stack.popleft()
        return None

    def complaint(self):
        experts = list(self.values["_ws.expert.message"])
        return [name for name in self.stack if name.startswith("_ws.")] + experts


def compare_ethernet(we, they):
    they.enter("eth")
    ethertype = None
    if they.values["eth.type"]:
        ethertype = they.take("eth.type", 16)
    else:
        same("LLC length", we["ethertype"], they.take("eth.len"))
        return
    they.enter("ethertype")
    tags = []
    while tag := they.enter("vlan", "ieee8021ad"):
        same("TPID", TAGS[tag], ethertype)
        if they.values["ieee8021ad.svid"] and tag == "ieee8021ad":
            # Two S-tags in a row are one protocol to tshark.
            tags.append((ethertype, they.take("ieee8021ad.svid")))
            tags.append((ethertype, they.take("ieee8021ad.cvid")))
        else:
            tags.append((ethertype, they.take("vlan.id" if tag == "vlan" else "ieee8021ad.id")))
        ethertype = they.take("vlan.etype", 16) if tag == "vlan" else None
        they.enter("ethertype")
        if tag == "ieee8021ad":
            # tshark has no field for what follows an S-tag; the stack says it.
            ethertype = {"vlan": 0x8100, "ieee8021ad": 0x88a8, "ip": 0x800, "ipv6": 0x86dd,
                         "arp": 0x806}.get(they.stack[0] if they.stack else None)
    same("tags", [(tag["tpid"], tag["id"]) for tag in we["vlans"]], tags[:2])
    if ethertype is not None and len(tags) <= 2:
        same("ethertype", we["ethertype"], ethertype)


def compare_arp(we, they):
    same("ARP", "arp", they.enter("arp"))
    same("operation", we["op"], they.take("arp.opcode"))
    same("sender MAC", we["sender_mac"], they.text("arp.src.hw_mac"))
    same("sender IP", we["sender_ip"], they.text("arp.src.proto_ipv4"))
    same("target MAC", we["target_mac"], they.text("arp.dst.hw_mac"))
    same("target IP", we["target_ip"], they.text("arp.dst.proto_ipv4"))


def kind_of_fragment(offset, more):
    return LATER if offset else FIRST if more else NONE


def compare_ipv4(we, they, l3_offset):
    same("IP", "ip", they.enter("ip"))
    same("source", we["src"], they.text("ip.src"))
    same("destination", we["dst"], they.text("ip.dst"))
    same("length", we["length"], they.take("ip.len"))
    same("checksum", we["checksum_ok"], they.take("ip.checksum.status") == 1)
    header_length = they.take("ip.hdr_len")
    protocol = they.take("ip.proto")
    offset = they.take("ip.frag_offset") * 8
    more = they.text("ip.flags.mf") in ("1", "True")
    if "protocol" in we:
        same("protocol", we["protocol"], protocol)
        same("header length", we["l4_offset"] - l3_offset, header_length)
        same("fragment offset", we["fragment_offset"], offset)
        same("fragment", we["fragment"], kind_of_fragment(offset, more))


def compare_ipv6(we, they):
    same("IP", "ipv6", they.enter("ipv6"))
    for field, name in (("src", "ipv6.src"), ("dst", "ipv6.dst")):
        address = ipaddress.IPv6Address(they.text(name))
        same(field, ipaddress.IPv6Address(we[field]), address)
        if address.ipv4_mapped is None:
            same("text of " + field, we[field], str(address))
    same("length", we["length"], they.take("ipv6.plen") + 40)
    protocol = they.take("ipv6.nxt")
    offset, more = 0, False
    while extension := they.enter(*EXTENSION_NEXT):
        protocol = they.take(EXTENSION_NEXT[extension])
        if extension == "ipv6.fraghdr":
            offset = they.take("ipv6.fraghdr.offset") * 8
            more = they.text("ipv6.fraghdr.more") in ("1", "True")
    if "protocol" in we:
        same("protocol", we["protocol"], protocol)
        same("fragment offset", we["fragment_offset"], offset)
        same("fragment", we["fragment"], kind_of_fragment(offset, more))


def compare_transport(we, they):
    transport = they.enter("tcp", "udp", "icmp", "icmpv6")
    for name in ("tcp", "udp"):
        same(name, name in we, transport == name)
    same("icmp", "icmp" in we, transport in ("icmp", "icmpv6"))
    if transport is None:
        return
    if transport in ("tcp", "udp"):
        same("source port", we[transport]["src_port"], they.take(transport + ".srcport"))
        same("destination port", we[transport]["dst_port"], they.take(transport + ".dstport"))
        if transport == "tcp":
            same("flags", we["tcp"]["flags"], they.take("tcp.flags", 16) & 0xff)
    else:
        same("type", we["icmp"]["type"], they.take(transport + ".type"))
        same("code", we["icmp"]["code"], they.take(transport + ".code"))
    statuses = they.values[transport + ".checksum.status"]
    if statuses:
        status = statuses.popleft()
        # 0 bad, 1 good; unverified, absent and illegal are not verdicts.
        if status in "01" and "transport_checksum_ok" in we:
            same("transport checksum", we["transport_checksum_ok"], status == "1")


def compare(we, they):
    compare_ethernet(we, they)
    if "arp" in we:
        compare_arp(we["arp"], they)
    if "ip" in we and we["ip"]["version"] == 4:
        compare_ipv4(we["ip"], they, we["l3_offset"])
    elif "ip" in we:
        compare_ipv6(we["ip"], they)
    else:
        same("IP", None, they.enter("ip", "ipv6"))
    compare_transport(we, they)
    if "vxlan" in we:
        same("VXLAN", "vxlan", they.enter("vxlan"))
        same("VNI", we["vxlan"]["vni"], they.take("vxlan.vni"))
        compare(we["vxlan"]["inner"], they)
