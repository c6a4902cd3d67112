#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tap that loses packets, or hears one direction, sees less and misleads nobody: no host is named, and none is cut, that was not before. TAP."""
import concurrent.futures
import gzip
import json
import os
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ['BULKHEAD_BIN']
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), 'tools'))
sys.dont_write_bytecode = True
import thin  # noqa: E402

SEEDS, LOSS = 20, (1, 5, 20, 50)


# ---- traffic of our own ----
class Tape:
    """conversations as a pcap; each packet 1 ms after the one before"""

    def __init__(self):
        self.out, self.now, self.carries, self.port = [struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)], 1_800_000_000_000, [], 40000

    def packet(self, c, d, flags, data=b''):
        src, dst = (c['client'], c['server']) if d == 0 else (c['server'], c['client'])
        sport, dport = (c['sport'], c['dport']) if d == 0 else (c['dport'], c['sport'])
        tcp = struct.pack('>HHIIBBHHH', sport, dport, c['seq'][d], c['seq'][1 - d] if flags & 16 else 0, 0x50, flags, 64000, 0, 0)
        ip = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 40 + len(data), 0, 0x4000, 64, 6, 0, bytes(src), bytes(dst))
        mac = lambda a: bytes([2, 0, *a])
        frame = mac(dst) + mac(src) + b'\x08\x00' + ip + tcp + data
        self.out.append(struct.pack('<IIII', self.now // 1000, self.now % 1000 * 1000, len(frame), len(frame)) + frame)
        self.carries.append(bool(data))
        self.now += 1
        c['seq'][d] += len(data) + (flags & 1) + (flags >> 1 & 1)

    def talk(self, client, server, port, says=()):
        """says: (direction, bytes); the connection is opened, acknowledged and closed"""
        self.port += 1
        c = {'client': client, 'server': server, 'sport': self.port, 'dport': port, 'seq': [1000, 5000]}
        self.packet(c, 0, 2)
        self.packet(c, 1, 18)
        self.packet(c, 0, 16)
        for d, data in says:
            self.packet(c, d, 24, data)
            self.packet(c, 1 - d, 16)
        self.packet(c, 0, 17)
        self.packet(c, 1, 17)
        self.packet(c, 0, 16)

    def bytes(self):
        return b''.join(self.out)


SVCCTL = bytes.fromhex('81bb7a364498f135ad3298f038001003') + b'\2\0\0\0'
NDR = bytes.fromhex('045d888aeb1cc9119fe808002b104860') + b'\2\0\0\0'


def rpc(kind, call, body):
    return struct.pack('<BBBBIHHI', 5, 0, kind, 3, 0x10, 16 + len(body), 0, call) + body


def text(s):
    n = len(s) + 1
    return struct.pack('<III', n, 0, n) + (s + '\0').encode('utf-16le') + b'\0' * (n * 2 % 4 and 2)


def service():
    """a service created and started, by RPC over TCP"""
    says = [(0, rpc(11, 1, struct.pack('<HHIBBHHBB', 5840, 5840, 0, 1, 0, 0, 0, 1, 0) + SVCCTL + NDR)),
            (1, rpc(12, 1, struct.pack('<HHIH6sIHH', 5840, 5840, 1, 4, b'135\0\0\0', 1, 0, 0) + NDR))]
    stub = b'\0' * 20 + text('updater') + text('Updater') + b'\0' * 16 + text('C:\\updater.exe') + b'\0' * 24
    for call, (opnum, args) in enumerate([(15, b'\0' * 4 + text('TARGET') + b'\0' * 8), (12, stub), (19, b'\0' * 28)], 2):
        says += [(0, rpc(0, call, struct.pack('<IHH', len(args), 0, opnum) + args)), (1, rpc(2, call, struct.pack('<IHBB', 24, 0, 0, 0) + b'\0' * 24))]
    return says


def office():
    """one intruder, and a monitor that knocks on forty doors"""
    t = Tape()
    for n in range(40):
        t.talk((10, 1, 0, 9), (10, 2, 0, 10 + n), 8000 + n)
        t.now += 200
        if n == 20:
            t.talk((10, 1, 0, 5), (10, 2, 0, 7), 49155, service())
    t.now += 10_000
    t.talk((10, 1, 0, 8), (10, 2, 0, 80), 80, [(0, b'GET / HTTP/1.1\r\nHost: x\r\n\r\n'), (1, b'HTTP/1.1 204 No Content\r\n\r\n')])
    return t


# ---- what is said of it ----
def replay(data):
    with tempfile.NamedTemporaryFile(suffix='.pcap') as f:
        f.write(data)
        f.flush()
        r = subprocess.run([BIN, 'replay', f.name, '--mode', 'auto', '--eve', '-'], capture_output=True, text=True, timeout=60)
    assert r.returncode in (0, 1, 3), r.stderr
    named, cut, how = set(), set(), []
    for line in r.stdout.splitlines():
        e = json.loads(line) if line.startswith('{') else {}
        b = e.get('bulkhead', {})
        if e.get('event_type') == 'alert':
            ev = b['evidence'][0]
            how.append((ev['detector'], ev.get('vantage')))
            if e['alert']['metadata']['signature_severity'][0] in ('medium', 'high', 'critical'):
                named |= set(b['host'].get('ip', []))
        elif b.get('step') == 'isolate' and b.get('action') in ('requested', 'approved', 'applied'):
            cut.add(e.get('src_ip'))
    return named, cut, how


def without(data, i):
    count = iter(range(1 << 30))
    return thin.thin(data, lambda link, frame: next(count) != i)[0]


def main():
    n = bad = 0
    pool = concurrent.futures.ThreadPoolExecutor(4)

    def ok(cond, name, why=''):
        nonlocal n, bad
        n += 1
        bad += not cond
        print('%sok %d - %s' % ('' if cond else 'not ', n, name) + ('' if cond else '\n# %s' % (why,)))

    tape = office()
    captures = {'ransom-smb2': gzip.open(os.path.join(HERE, 'ransom-smb2', 'capture.pcap.gz')).read(), 'office': tape.bytes()}
    for name, data in captures.items():
        named, cut, how = replay(data)
        ok(len(named) == 1 and bool(cut) == (name == 'ransom-smb2'), '%s names one host when all is heard' % name, (named, cut, how))
        left = pool.map(lambda seed: replay(thin.thin(data, thin.lossy(LOSS[seed % len(LOSS)], seed))[0]), range(SEEDS))
        wrong = [(seed, says - named, cuts - cut) for seed, (says, cuts, _) in enumerate(left) if not says <= named or not cuts <= cut]
        ok(not wrong, '%s misleads with none of %d losses' % (name, SEEDS), wrong)
        for side in ('client', 'server'):
            says, cuts, _ = replay(thin.thin(data, thin.one_way(side))[0])
            ok(says <= named and not cuts, '%s by its %ss alone names nobody else and cuts nobody' % (name, side), (says, cuts))

    # one message missing at a time, before the service is created; the answer right before that is missed only by the next one
    told = [i for i, carries in enumerate(tape.carries) if carries][:3]
    hows = pool.map(lambda i: replay(without(tape.bytes(), i))[2], told)
    silent = [(i, h) for i, how in zip(told, hows) for h in how if h[0] == 'exec.svc' and not h[1]]
    ok(not silent, 'what is told of a conversation with a message missing says so', silent)
    print('1..%d' % n)
    return 1 if bad else 0


sys.exit(main())
