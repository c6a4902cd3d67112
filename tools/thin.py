# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures with packets left out: as a tap that loses some of them would record it, or one that hears one direction only.

  thin(data, keep) -> (data, kept)     a pcap or pcapng file as bytes, and what is left of it; kept: their numbers in the original, from 1
  lossy(percent, seed)                 a keep that forgets so many, the same ones each time
  one_way(side, ips, macs)             a keep that hears what clients send, or what servers do
"""
import random, struct

PCAP = {b'\xd4\xc3\xb2\xa1': '<', b'\x4d\x3c\xb2\xa1': '<', b'\xa1\xb2\xc3\xd4': '>', b'\xa1\xb2\x3c\x4d': '>'}


def _pcap(data, keep):
    order = PCAP[data[:4]]
    link = struct.unpack_from(order + 'I', data, 20)[0] & 0xFFFF
    out, kept, at, n = [data[:24]], [], 24, 0
    while at + 16 <= len(data):
        end = at + 16 + struct.unpack_from(order + 'I', data, at + 8)[0]
        if end > len(data):
            break
        n += 1
        if keep(link, data[at + 16:end]):
            out.append(data[at:end])
            kept.append(n)
        at = end
    return b''.join(out), kept


def _pcapng(data, keep):
    out, kept, at, n, links, order = [], [], 0, 0, [], '<'
    while at + 12 <= len(data):
        if data[at:at + 4] == b'\x0a\x0d\x0d\x0a':
            order, links = ('<' if data[at + 8:at + 12] == b'\x4d\x3c\x2b\x1a' else '>'), []
        kind, size = struct.unpack_from(order + 'II', data, at)
        if size < 12 or at + size > len(data):
            break
        body, frame = data[at + 8:at + size - 4], None
        if kind == 1:
            links.append(struct.unpack_from(order + 'H', body)[0])
        elif kind == 6:
            face, _, _, caught = struct.unpack_from(order + 'IIII', body)
            frame = body[20:20 + caught]
        elif kind == 2:
            face, _, _, _, caught = struct.unpack_from(order + 'HHIII', body)
            frame = body[20:20 + caught]
        elif kind == 3:
            face, frame = 0, body[4:]
        if frame is not None:
            n += 1
        if frame is None or keep(links[face] if face < len(links) else 1, frame):
            out.append(data[at:at + size])
            if frame is not None:
                kept.append(n)
        at += size
    return b''.join(out), kept


def thin(data, keep):
    return (_pcap if data[:4] in PCAP else _pcapng)(data, keep)


def lossy(percent, seed):
    dice = random.Random(seed)
    return lambda link, frame: dice.random() * 100 >= percent


def _ends(link, frame):
    """(source MAC or None, key of the conversation, who sent this, it was the first to send) or None for what is no IP and no ARP"""
    mac, ip = None, None
    if link == 1 and len(frame) >= 14:
        mac, at, kind = frame[6:12].hex(':'), 14, frame[12:14]
        while kind in (b'\x81\x00', b'\x88\xa8') and len(frame) >= at + 4:
            kind, at = frame[at + 2:at + 4], at + 4
        if kind == b'\x08\x06' and len(frame) >= at + 28:
            ends = (frame[at + 14:at + 18], frame[at + 24:at + 28])
            return mac, ('arp', *sorted(ends)), ends[0], frame[at + 7] == 1
        ip = frame[at:]
    elif link == 113:
        ip = frame[16:]
    elif link == 276:
        ip = frame[20:]
    elif link == 0:
        ip = frame[4:]
    elif link in (12, 101, 228, 229):
        ip = frame
    if not ip or len(ip) < 20 or ip[0] >> 4 not in (4, 6) or (ip[0] >> 4 == 6 and len(ip) < 40):
        return None
    if ip[0] >> 4 == 4:
        src, dst, proto, l4, more = ip[12:16], ip[16:20], ip[9], ip[(ip[0] & 15) * 4:], (ip[6] & 0x1F) or ip[7]
    else:
        src, dst, proto, l4, more = ip[8:24], ip[24:40], ip[6], ip[40:], 0
    ports = struct.unpack_from('>HH', l4) if proto in (6, 17) and len(l4) >= 4 and not more else (0, 0)
    first = proto != 6 or len(l4) < 14 or l4[13] & 0x12 != 0x12
    return mac, (proto, *sorted([(src, ports[0]), (dst, ports[1])])), (src, ports[0]), first


def one_way(side, ips=(), macs=()):
    """The client of a conversation is whom the catalogue blames, else who speaks first."""
    first = {}

    def keep(link, frame):
        e = _ends(link, frame)
        if not e:
            return True
        mac, key, sender, opens = e
        address = sender[0] if isinstance(sender, tuple) else sender
        text = '.'.join(map(str, address)) if len(address) == 4 else ''
        if text in ips or mac in macs:
            first[key] = sender
        else:
            other = next((end for end in key[1:] if end != sender), sender)
            there = other[0] if isinstance(other, tuple) else other
            if len(there) == 4 and '.'.join(map(str, there)) in ips:
                first[key] = other
            else:
                first.setdefault(key, sender if opens else other)
        return (first[key] == sender) == (side == 'client')

    return keep
