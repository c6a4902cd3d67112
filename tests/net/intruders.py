#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rogue.py needs beside programs of others: an independent witness of the wire, clients that look like Windows, a poisoner of names.

    intruders.py wire OUT IFACE...                who sent what first: "time mac kind" lines (kinds: see kinds())
    intruders.py dhcp KIND NAME [discover]        asks for an address as another system does; prints the one it was given
    intruders.py syn SRC DST PORT N PAUSE [ttl]   N connection attempts as Windows makes them, raw
    intruders.py poison IP                        answers every name asked by LLMNR, NetBIOS and mDNS with IP
    intruders.py ask NAME...                      asks for names by LLMNR and mDNS
    intruders.py lldp NAME                        tells what it is by LLDP
    intruders.py beat DST PORT OUT                connects again and again: "time ok|no" lines
    intruders.py multichannel DST USER PASSWORD   asks an SMB server which other interfaces it has
"""
import random
import select
import socket
import struct
import sys
import time

IF = 'eth0'
# option 60, option 55, order of the options (detection.md's references; Windows 10 as satori has it)
SYSTEMS = {
    'windows': ('MSFT 5.0', (1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 121, 249, 252), (53, 61, 50, 12, 60, 55)),
    'pxe': ('PXEClient:Arch:00007:UNDI:003016', tuple(range(1, 22)), (53, 57, 55, 97, 93, 94, 60)),
    'android': ('android-dhcp-13', (1, 3, 6, 15, 26, 28, 51, 58, 59, 43, 114), (53, 61, 57, 60, 12, 55)),
}


# ---- frames ----
def own_mac():
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.bind((IF, 0))
    return s.getsockname()[4]  # /sys may show another namespace's


def raw(proto=0):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(proto))
    s.bind((IF, proto))
    return s


def checksum(b):
    b += b'\0' * (len(b) & 1)
    n = sum(struct.unpack('!%dH' % (len(b) // 2), b))
    n = (n >> 16) + (n & 0xffff)
    return ~(n + (n >> 16)) & 0xffff


def ip4(src, dst, proto, body, ttl=128, ident=0):
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(body), ident, 0x4000, ttl, proto, 0, socket.inet_aton(src), socket.inet_aton(dst))
    return head[:10] + struct.pack('!H', checksum(head)) + head[12:] + body


def kinds(f):
    """What a frame is, for the witness: any, dhcp-give, dhcp-ask, ra, na, arp-SENDER, name, syn"""
    out = ['any']
    kind = f[12:14]
    if kind == b'\x08\x06' and len(f) >= 42:
        out.append('arp-' + socket.inet_ntoa(f[28:32]))
    elif kind == b'\x86\xdd' and len(f) > 54 and f[20] == 58:
        out += {134: ['ra'], 137: ['ra'], 136: ['na']}.get(f[54], [])
    elif kind == b'\x08\x00' and len(f) >= 42:
        at = 14 + (f[14] & 15) * 4
        sport, dport = struct.unpack('!HH', f[at:at + 4])
        if f[23] == 17:
            out += ['dhcp-give'] if sport == 67 and dport == 68 else ['dhcp-ask'] if dport == 67 and sport == 68 else []
            out += ['name'] if sport in (137, 5353, 5355) and f[at + 10] & 0x80 else []
        elif f[23] == 6 and f[at + 13] & 0x17 == 2:
            out.append('syn')
    return out


def wire(out, *ifaces):
    seen, socks = {}, []
    for name in ifaces:
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        s.bind((name, 0))
        s.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
        socks.append(s)
    with open(out, 'w', 1) as o:
        o.write('0 ready ready\n')
        while True:
            for s in select.select(socks, [], [])[0]:
                f, more, _, frm = s.recvmsg(256, 64)
                if frm[2] == socket.PACKET_OUTGOING or len(f) < 14:
                    continue
                at = next((sec + ns / 1e9 for level, kind, v in more if kind == 35 for sec, ns in [struct.unpack('ll', v[:16])]), time.time())
                who = ':'.join('%02x' % b for b in f[6:12])
                for k in kinds(f):
                    n = seen[who, k] = seen.get((who, k), 0) + 1
                    if n <= 200:
                        o.write('%f %s %s\n' % (at, who, k))


# ---- asking for an address ----
def dhcp_message(mac, xid, kind, more):
    vendor, params, order = SYSTEMS[kind]
    values = {60: vendor.encode(), 55: bytes(params), 61: b'\1' + mac, 57: b'\5\xc0', 97: b'\0' + mac + b'\0' * 10, 93: b'\0\7', 94: b'\1\3\x10'}
    values.update(more)
    opts = b''.join(struct.pack('!BB', o, len(values[o])) + values[o] for o in order + ((54,) if 54 in values else ()) if values.get(o))
    body = struct.pack('!BBBBIHH4s4s4s4s16s192x', 1, 1, 6, 0, xid, 0, 0x8000, b'\0' * 4, b'\0' * 4, b'\0' * 4, b'\0' * 4, mac) + b'\x63\x82\x53\x63' + opts + b'\xff'
    body = body.ljust(300, b'\0')
    udp = struct.pack('!HHHH', 68, 67, 8 + len(body), 0) + body
    return b'\xff' * 6 + mac + b'\x08\x00' + ip4('0.0.0.0', '255.255.255.255', 17, udp)


def dhcp_answer(s, xid, kind, seconds):
    """(address, server) of the first OFFER or ACK to us, or None"""
    end = time.time() + seconds
    while select.select([s], [], [], max(0, end - time.time()))[0]:
        f = s.recv(2048)
        at = 14 + (f[14] & 15) * 4 + 8
        if f[23] != 17 or f[at - 8:at - 4] != b'\0\x43\0\x44' or struct.unpack('!I', f[at + 4:at + 8])[0] != xid:
            continue
        opts, i = {}, at + 240
        while i + 2 <= len(f) and f[i] != 255:
            if f[i]:
                opts[f[i]] = f[i + 2:i + 2 + f[i + 1]]
            i += 2 + f[i + 1] if f[i] else 1
        if opts.get(53) == kind:
            return f[at + 16:at + 20], opts.get(54, b'\0' * 4)
    return None


def dhcp(kind, name, only=''):
    mac, xid, s = own_mac(), random.getrandbits(32), raw(0x0800)
    offer = None
    for _ in range(4):
        s.send(dhcp_message(mac, xid, kind, {53: b'\1', 12: name.encode()}))
        if only:
            return 0
        offer = dhcp_answer(s, xid, b'\2', 2)
        if offer:
            break
    if not offer:
        return 1
    s.send(dhcp_message(mac, xid, kind, {53: b'\3', 12: name.encode(), 50: offer[0], 54: offer[1]}))
    given = dhcp_answer(s, xid, b'\5', 4)
    if not given:
        return 1
    # announced, as a system does that takes it
    s.send(b'\xff' * 6 + mac + b'\x08\x06\0\1\x08\0\6\4\0\1' + mac + given[0] + b'\0' * 6 + given[0] + b'\0' * 18)
    print(socket.inet_ntoa(given[0]))
    return 0


# ---- connections as Windows opens them ----
def neighbour(s, mac, src, dst):
    """The MAC of the way to dst: asked of everybody by ARP"""
    for _ in range(5):
        s.send(b'\xff' * 6 + mac + b'\x08\x06\0\1\x08\0\6\4\0\1' + mac + socket.inet_aton(src) + b'\0' * 6 + socket.inet_aton(dst) + b'\0' * 18)
        end = time.time() + 0.5
        while select.select([s], [], [], max(0, end - time.time()))[0]:
            f = s.recv(2048)
            if f[12:14] == b'\x08\x06' and f[20:22] == b'\0\2' and f[28:32] == socket.inet_aton(dst):
                return f[22:28]
    sys.exit('nobody has ' + dst)


def syn(src, dst, port, n, pause, ttl='128'):
    mac, s = own_mac(), raw(3)
    way = dst if src.rsplit('.', 1)[0] == dst.rsplit('.', 1)[0] else src.rsplit('.', 1)[0] + '.1'
    to = neighbour(s, mac, src, way)
    for i in range(int(n)):
        head = struct.pack('!HHIIBBHHH', random.randrange(49152, 65535), int(port), random.getrandbits(32), 0, 0x80, 2, 64240, 0, 0)
        head += bytes.fromhex('020405b40103030801010402')  # mss, nop, window scale 8, nop, nop, SACK
        pseudo = socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack('!BBH', 0, 6, len(head))
        head = head[:16] + struct.pack('!H', checksum(pseudo + head)) + head[18:]
        s.send(to + mac + b'\x08\x00' + ip4(src, dst, 6, head, int(ttl), 4711 + i))
        time.sleep(float(pause))
    return 0


# ---- names ----
def poison(ip):
    addr, socks = socket.inet_aton(ip), {}
    for port, group in ((5355, '224.0.0.252'), (5353, '224.0.0.251'), (137, None)):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(('', port))
        if group:
            s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + addr)
        socks[s] = port
    while True:
        for s in select.select(list(socks), [], [])[0]:
            q, frm = s.recvfrom(1500)
            if len(q) < 13 or q[2] & 0x80:
                continue
            end = 12
            while end < len(q) and q[end]:
                end += 1 + q[end]
            name = q[12:end + 1]
            if socks[s] == 137:
                s.sendto(q[:2] + b'\x85\0\0\0\0\1\0\0\0\0' + name + struct.pack('!HHIHH', 0x20, 1, 165, 6, 0) + addr, frm)
            elif socks[s] == 5355:
                s.sendto(q[:2] + b'\x80\0\0\1\0\1\0\0\0\0' + q[12:end + 5] + name + struct.pack('!HHIH', 1, 1, 30, 4) + addr, frm)
            elif q[end + 1:end + 3] == b'\0\1':
                s.sendto(b'\0\0\x84\0\0\0\0\1\0\0\0\0' + name + struct.pack('!HHIH', 1, 0x8001, 120, 4) + addr, ('224.0.0.251', 5353))


def ask(*names):
    for name in names:
        for port, group, label in ((5355, '224.0.0.252', [name]), (5353, '224.0.0.251', [name, 'local'])):
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.settimeout(0.3)
            q = b'\x12\x34\0\0\0\1\0\0\0\0\0\0' + b''.join(bytes([len(x)]) + x.encode() for x in label) + b'\0\0\1\0\1'
            s.sendto(q, (group, port))
            try:
                r = s.recv(1500)
                print(name, socket.inet_ntoa(r[-4:]), flush=True)
            except OSError:
                print(name, 'not answered', flush=True)
    return 0


def lldp(name):
    mac, s = own_mac(), raw()

    def tlv(kind, value):
        return struct.pack('!H', kind << 9 | len(value)) + value
    s.send(b'\x01\x80\xc2\0\0\x0e' + mac + b'\x88\xcc' + tlv(1, b'\4' + mac) + tlv(2, b'\5eth0') + tlv(3, b'\0\x78') + tlv(5, name.encode()) + tlv(0, b''))
    return 0


# ---- victims ----
def beat(dst, port, out):
    with open(out, 'a', 1) as o:
        while True:
            at = time.time()
            try:
                s = socket.create_connection((dst, int(port)), 0.3)
                s.settimeout(0.3)
                s.sendall(b'x')
                ok = s.recv(4) == b'x'
                s.close()
            except OSError:
                ok = False
            o.write('%f %s\n' % (at, 'ok' if ok else 'no'))
            time.sleep(max(0, 0.1 - (time.time() - at)))


def multichannel(dst, user, password):
    from impacket import smb3structs
    from impacket.smbconnection import SMBConnection
    c = SMBConnection(dst, dst, preferredDialect=smb3structs.SMB2_DIALECT_30)
    c.login(user, password)
    print(c.getSMBServer().ioctl(c.connectTree('IPC$'), ctlCode=0x001401FC, flags=1, maxOutputResponse=65536))
    return 0


if __name__ == '__main__':
    sys.exit({f.__name__: f for f in (wire, dhcp, syn, poison, ask, lldp, beat, multichannel)}[sys.argv[1]](*sys.argv[2:]))
