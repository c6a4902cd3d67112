#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sensor asks by itself (`probe:`), in namespaces: who answers for names that nobody has, and a second DHCP server, are found with
nobody else asking; where it is not written, nothing is sent.

Prints TAP. Real frames, real dnsmasq; tcpdump in the hosts' namespaces counts what the sensor's card sends.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.environ.get('BH_SRC') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'drills'))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'net'))
import daemon  # noqa: E402
import lab  # noqa: E402

EVERY = 10
POLICY = '''version: 1
site: Probed town
zones:
  office:  {networks: [10.10.1.0/24, "fd00:a1::/64"], interfaces: [br-office], purdue: 4%s}
  servers: {networks: [10.10.2.0/24], interfaces: [br-servers], purdue: 4}
  plant:   {networks: [10.10.3.0/24], interfaces: [br-plant], purdue: 1, ot: true}
hosts:
  dhcp-1: {addresses: [10.10.1.5], roles: [dhcp], mac: "52:54:00:00:00:05"}
conduits:
  - {name: work, from: office, to: servers, allow: [any]}
response: {mode: auto, budget: {burst: 5, per-hour: 20, share-of-zone: 100%%, share-of-role: 100%%}}
'''
PROBE = ', probe: {names: true, dhcp: true, every: %ds}' % EVERY
# whoever is asked for, it is this host: LLMNR, mDNS and NetBIOS; argv: own address
POISONER = r'''
import select, socket, struct, sys
me = socket.inet_aton(sys.argv[1])
def sock(port, group=None):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", port))
    if group:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + me)
    return s
socks = {sock(5355, "224.0.0.252"): 5355, sock(5353, "224.0.0.251"): 5353, sock(137): 137}
while True:
    for s in select.select(list(socks), [], [])[0]:
        q, who = s.recvfrom(2048)
        if len(q) < 17 or q[2] & 0x80 or q[4:6] != b"\0\1":
            continue
        name = q[12:q.index(b"\0", 12) + 1]
        if socks[s] == 137:
            if q[12 + len(name):14 + len(name)] != b"\0\x20":
                continue
            a = q[:2] + struct.pack("!HHHHH", 0x8500, 0, 1, 0, 0) + name + struct.pack("!HHIHH", 32, 1, 165, 6, 0) + me
        else:
            a = q[:2] + struct.pack("!HHHHH", 0x8000 if socks[s] == 5355 else 0x8400, 1, 1, 0, 0) + q[12:16 + len(name)] + name + struct.pack("!HHIH", 1, 1, 30, 4) + me
        s.sendto(a, who)
        print(name, flush=True)
'''


class Probe(daemon.Test):
    def __init__(self):
        self.n = self.bad = 0
        self.net = n = lab.Lab()
        n.zone('office', '10.10.1.0/24', 'fd00:a1::/64')
        n.zone('servers', '10.10.2.0/24')
        n.zone('plant', '10.10.3.0/24')
        for name, zone, number in (('evil', 'office', 66), ('rogue', 'office', 67), ('pc', 'office', 11), ('srv', 'servers', 20), ('plc', 'plant', 7)):
            n.host(name, zone, number)
        n.up()
        self.policy = os.path.join(n.work, 'town.yaml')
        self.sock = os.path.join(n.work, 'api.sock')
        self.eve = os.path.join(n.work, 'eve.json')
        self.daemon = None
        self.dumps = 0
        n.spawn('srv', [sys.executable, '-m', 'http.server', '80'], log='srv.log')
        assert n.wait_port('evil', '10.10.2.20', 80) and n.wait_port('rogue', '10.10.2.20', 80)
        n.spawn('evil', [sys.executable, '-c', POISONER, '10.10.1.66'], log='evil.log')
        n.spawn('rogue', ['dnsmasq', '--no-daemon', '--conf-file=/dev/null', '--port=0', '--interface=eth0', '--bind-interfaces', '--dhcp-authoritative', '--no-ping',
                          '--dhcp-range=10.10.1.100,10.10.1.150,1h', '--dhcp-leasefile=' + n.work + '/leases', '--user=root', '--group=root'], log='rogue.log')

    def begin(self, probe):
        with open(self.policy, 'w') as f:
            f.write(POLICY % probe)
        self.daemon = self.net.spawn('gw', [daemon.BIN, 'run', '--policy', self.policy, '--iface', 'br-office,br-servers,br-plant', '--eve', self.eve,
                                            '--socket', self.sock], log='daemon.log')
        return self.until(lambda: self.status().get('enforcer_up'), 10)

    def mac(self, zone):
        return json.loads(self.net.run('gw', ['ip', '-j', 'link', 'show', 'br-' + zone]).stdout)[0]['address']

    def dump(self, host, zone):
        """Everything the sensor's card sends into the zone, as one host there sees it."""
        self.dumps += 1
        path = os.path.join(self.net.work, '%s-%d.pcap' % (host, self.dumps))
        p = self.net.spawn(host, ['tcpdump', '-Z', 'root', '-i', 'eth0', '--immediate-mode', '-U', '-w', path, 'ether src ' + self.mac(zone)], log='tcpdump.log')
        self.until(lambda: os.path.exists(path) and os.path.getsize(path) >= 24, 5)
        return p, path

    @staticmethod
    def count(dump, what):
        r = subprocess.run(['tcpdump', '-nr', dump[1], what], capture_output=True, text=True)
        return len(r.stdout.splitlines())

    @staticmethod
    def end(*dumps):
        for p, _ in dumps:
            p.send_signal(signal.SIGINT)
            p.wait(5)

    def alerts(self, name):
        found = []
        try:
            with open(self.eve) as f:
                for line in f:
                    e = json.loads(line) if line.strip() else {}
                    if e.get('event_type') == 'alert' and e['bulkhead']['evidence'][0]['detector'] == name:
                        found.append(e['bulkhead']['evidence'][0]['text'])
        except (OSError, ValueError):
            pass
        return found

    def zone(self, name):
        return next((z for z in self.status().get('zones', []) if z['zone'] == name), {})

    # ---- cases ----
    def nothing(self):
        """Frames of the kernel's own (neighbour discovery) are left aside: the probes are all UDP."""
        self.ok(self.begin(''), 'without a probe the daemon runs')
        d = self.dump('pc', 'office')
        time.sleep(EVERY * 1.5)
        self.ok('prober' not in self.status()['processes'] and 'probe' not in self.zone('office'), 'there is no prober', self.status()['processes'])
        self.end(d)
        self.ok(self.count(d, 'udp') == 0, 'and no frame from the sensor\'s card', self.count(d, 'udp'))
        self.ok(not self.alerts('name.poison') and not self.alerts('rogue.dhcp'), 'so nobody is found', self.alerts('name.poison') + self.alerts('rogue.dhcp'))
        self.stop()

    def found(self):
        office, plant = self.dump('pc', 'office'), self.dump('plc', 'plant')
        self.ok(self.begin(PROBE), 'with one it runs')
        start = time.time()
        for host in ('evil', 'rogue'):  # as one that comes to the wire now: its address is its own by ARP
            self.net.run(host, ['ip', 'neigh', 'flush', 'all'])
        self.net.connects('evil', '10.10.2.20', 80)
        self.net.connects('rogue', '10.10.2.20', 80)
        both = self.until(lambda: self.alerts('name.poison') and self.alerts('rogue.dhcp'), 2 * EVERY + 3)
        took = time.time() - start
        self.ok(both, 'the poisoner and the second DHCP server are found within two intervals', self.alerts('name.poison') + self.alerts('rogue.dhcp') + [self.zone('office')])
        print('#   after %.1f s: %s' % (took, self.alerts('name.poison') + self.alerts('rogue.dhcp')))
        self.ok(any('made that name up' in t for t in self.alerts('name.poison')) and any('to the sensor, which asked' in t for t in self.alerts('rogue.dhcp')),
                'each by what the sensor asked')
        cut = self.until(lambda: {'10.10.1.66', '10.10.1.67'} <= {c for o in self.orders() if o['step'] == 'isolate' for c in o['cut']}, EVERY + 3)
        self.ok(cut, 'both had spoken before, by addresses of their own, and are isolated', self.orders())
        self.until(lambda: self.zone('office')['probe']['says'] == 'asked', 3)  # when all of a round has left
        z = self.zone('office')
        self.ok(z['probe']['says'] == 'asked' and z['probe'].get('names_last') and z['probe'].get('dhcp_last'), 'status says what was asked and when', z)
        self.ok('name.poison' not in z['not_observable'] and 'name.poison' in self.zone('servers')['not_observable'] and 'probe' not in self.zone('servers'),
                'and that poisoners are observable there, and only there', self.status()['zones'])
        r = self.cli('status')
        self.ok('asked every %d s for names and DHCP; asked; names last' % EVERY in r.stdout, 'for people too', r.stdout)
        self.end(office, plant)
        kinds = {w: self.count(office, w) for w in ('udp dst port 5355', 'udp dst port 5353', 'udp dst port 137', 'udp dst port 67')}
        self.ok(all(1 <= n <= 4 for n in kinds.values()), 'each kind left once an interval', kinds)
        self.ok(self.count(plant, 'udp') == 0, 'the plant beside it was sent nothing', self.count(plant, 'udp'))
        r = subprocess.run(['tcpdump', '-vnr', office[1], 'udp dst port 67'], capture_output=True, text=True)
        said = {line.split(': ')[-1] for line in r.stdout.splitlines() if 'DHCP-Message (53)' in line}
        self.ok(said == {'Discover'}, 'no address is ever asked for', r.stdout)
        with open(self.eve) as f:
            self.ok('"10.10.1.1"' not in ''.join(line for line in f if '"event_type":"alert"' in line and '"src_ip":"10.10.1.1"' in line), 'and nothing is found about the sensor itself')

    def deaths(self):
        pid = self.pid('prober')
        os.kill(pid, signal.SIGKILL)
        self.ok(self.until(lambda: self.pid('prober') not in (0, pid), 5), 'a killed prober comes back')
        last = self.zone('office')['probe']['names_last']
        self.ok(self.until(lambda: self.zone('office')['probe'].get('names_last') != last, 2 * EVERY), 'and asks', self.zone('office'))
        with open('/proc/%d/status' % self.pid('prober')) as f:
            s = dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)
        fds = sorted(os.readlink('/proc/%d/fd/%s' % (self.pid('prober'), n)).split(':')[0] for n in os.listdir('/proc/%d/fd' % self.pid('prober')) if int(n) > 2)
        self.ok(int(s['CapEff'], 16) == 0 and s['Seccomp'].strip() == '2' and fds == ['socket', 'socket'], 'it holds no capability, a filter, and two sockets', (s, fds))

    def addresses(self):
        """An address taken away is noticed by the supervisor within half a minute."""
        self.net.run('gw', ['ip', 'addr', 'del', '10.10.1.1/24', 'dev', 'br-office'])
        self.ok(self.until(lambda: 'IPv6 alone' in self.zone('office')['probe']['says'], 35 + 2 * EVERY), 'without an address of the zone, LLMNR over IPv6 is left', self.zone('office'))
        self.net.run('gw', ['ip', 'addr', 'add', '10.10.1.1/24', 'brd', '+', 'dev', 'br-office'])

    def another_law(self):
        other = os.path.join(self.net.work, 'other.yaml')
        with open(other, 'w') as f:
            f.write(POLICY % '')
        a, b = self.cli('policy', 'apply', other), self.cli('policy', 'confirm')
        self.ok(a.returncode == 0 and b.returncode == 0 and 'probe' not in self.zone('office'), 'a policy without the probe is applied', a.stderr + b.stderr)
        time.sleep(0.5)
        d = self.dump('pc', 'office')
        time.sleep(EVERY * 1.5)
        self.end(d)
        self.ok(self.count(d, 'udp') == 0, 'and nothing more is asked', self.count(d, 'udp'))
        self.stop()

    def run(self):
        if not shutil.which('tcpdump') or not shutil.which('dnsmasq'):
            print('1..0 # skip tcpdump or dnsmasq is not installed')
            return 77
        self.nothing()
        self.found()
        self.deaths()
        self.addresses()
        self.another_law()
        print('1..%d' % self.n, flush=True)
        return self.bad != 0


if __name__ == '__main__':
    sys.exit(daemon.main(Probe))
