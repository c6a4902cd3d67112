#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`bulkhead run` watches while hosts that do not belong are plugged in, and while others do what looks much the same. Prints TAP.

Real programs: DHCP servers and clients, radvd and thc-ipv6, dsniff and ettercap, Samba, keepalived, Avahi. Each attack has a
host of its own, and must be named by its detector with its MAC. A witness of our own (intruders.py) notes when the decisive frame
was on the wire; the alert has five seconds from there. At the end nobody else may have been named at medium or above, and
nobody else cut. The slower half runs when BH_ALL=1 is set, as tools/test --all does. BH_KEEP=DIR keeps records, logs and a capture there.
"""
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

import yaml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon  # noqa: E402
import lateral  # noqa: E402
import victims  # noqa: E402
lab, BIN, LEVELS = daemon.lab, daemon.BIN, lateral.LEVELS

HELPER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'intruders.py')
EXTRA = os.path.join(daemon.ROOT, 'build-extra/rogue')
LIBS = {'LD_LIBRARY_PATH': ':'.join(EXTRA + d + '/%s-linux-gnu' % os.uname().machine for d in ('/usr/lib', '/lib'))}
ZONES = {'office': 1, 'servers': 2, 'plant': 3, 'guests': 4, 'desks': 5, 'hall': 6}
SECONDS = 5  # from the decisive frame to the alert
POLICY = '''version: 1
site: Test town
zones:
  office:  {networks: [10.10.1.0/24, "fd00:a1::/64"], purdue: 4}
  servers: {networks: [10.10.2.0/24, "fd00:a2::/64"], purdue: 4, critical: true}
  plant:   {networks: [10.10.3.0/24, "fd00:a3::/64"], purdue: 1, ot: true, static: true}
  guests:  {networks: [10.10.4.0/24, "fd00:a4::/64"], purdue: 5}
  desks:   {networks: [10.10.5.0/24, "fd00:a5::/64"], purdue: 4}
  hall:    {networks: [10.10.6.0/24, "fd00:a6::/64"], purdue: 4}
hosts:
%s
conduits:
  - {name: work, from: office, to: servers, allow: [any]}
  - {name: more, from: desks, to: servers, allow: [any]}
  - {name: most, from: hall, to: servers, allow: [any]}
  - {name: back, from: servers, to: guests, allow: [udp/67, udp/68]}
  - {name: ask, from: guests, to: servers, allow: [udp/67]}
response:
  mode: auto
  budget: {burst: 30, per-hour: 100, share-of-zone: 100%%, share-of-role: 50%%}
'''
SCRIPT = '''#!/bin/sh
# of udhcpc and dhclient alike: what was given is set, the rest left alone
[ "$interface" ] || exit 0
case "$1$reason" in
bound|renew) ip addr flush dev $interface scope global; ip addr add $ip/${mask:-24} dev $interface; for r in $router; do ip route replace default via $r; done ;;
BOUND|RENEW|REBIND|REBOOT) ip addr replace $new_ip_address/24 dev $interface; for r in $new_routers; do ip route replace default via $r; done ;;
esac
exit 0
'''


def program(path):
    """Where the program is: on the machine, or unpacked into the tree"""
    return shutil.which(os.path.basename(path)) or next((p for p in (path, EXTRA + path) if os.access(p, os.X_OK)), None)


class Rogue(lateral.Lateral):
    def __init__(self):
        self.n = self.bad = 0
        self.daemon, self.everything = None, os.environ.get('BH_ALL') == '1'
        self.net = n = lab.Lab()
        for zone, k in ZONES.items():
            n.zone(zone, '10.10.%d.0/24' % k, 'fd00:a%d::/64' % k)
        n.up()
        self.policy, self.sock, self.eve, self.seen, self.frames = (os.path.join(n.work, x) for x in ('town.yaml', 'api.sock', 'eve.json', 'seen', 'frames'))
        with open(os.path.join(daemon.ROOT, 'policies/gadgets.yaml')) as f:
            self.sheet = yaml.safe_load(f)
        self.macs, self.plugged, self.blamed, self.running, self.times, self.notes = {}, 0, set(), [], [], []
        self.on = victims.Servers(n)
        self.script = self.file('lease.sh')
        with open(self.script, 'w') as f:
            f.write(SCRIPT)
        os.chmod(self.script, 0o755)
        self.gateways()

    def gateways(self):
        # LLDP is for the next bridge; it is passed on here, so that it is seen
        lab.ip_batch(['link set br-%s address 3c:52:82:00:%02x:01 type bridge group_fwd_mask 0x4000' % (z, k) for z, k in ZONES.items()], 'gw')
        # host (zone, number): those the policy knows, by MAC; "name: zone" has the address the number says
        self.known = {}
        for zone, k in ZONES.items():
            self.known['gw-' + zone] = ('[10.10.%d.1, "fd00:a%d::1"]' % (k, k), '3c:52:82:00:%02x:01' % k, 'gateway' if zone in ('plant', 'guests') else 'gateway, dhcp')

    def know(self, name, zone, number, mac, roles=''):
        k = ZONES[zone]
        self.known[name] = ('[10.10.%d.%d, "fd00:a%d::%x"]' % (k, number, k, number), mac, roles)
        self.macs[name], self.net.hosts[name] = mac, (zone, number, ())

    def write_policy(self):
        with open(self.policy, 'w') as f:
            f.write(POLICY % '\n'.join('  %s: {addresses: %s, mac: "%s"%s}' % (name, a, mac, ', roles: [%s]' % roles if roles else '') for name, (a, mac, roles) in self.known.items()))

    # ---- hosts ----
    def plug(self, name, zone=None, number=0, mac=None, up=True):
        """A host appears at a port; those the policy knows need only their name. number 0: it has no address yet"""
        n = self.net
        if name in self.known and not mac:
            (zone, number, _), mac = n.hosts[name], self.macs[name]
        n.hosts[name], self.macs[name] = (zone, number, ()), mac
        k, i = ZONES[zone], self.plugged
        self.plugged += 1
        if not os.path.exists('/run/netns/' + name):
            lab.ip_batch(['netns add ' + name])
        lab.ip_batch(['link add p%d type veth peer name eth0 netns %s address %s' % (i, name, mac), 'link set p%d master br-%s up' % (i, zone)], 'gw')
        lines = ['link set lo up']
        if number:
            lines += ['addr add 10.10.%d.%d/24 dev eth0' % (k, number), 'addr add fd00:a%d::%x/64 dev eth0 nodad' % (k, number)]
        if up:
            lines += ['link set eth0 up'] + (['route add default via 10.10.%d.1' % k, 'route add default via fd00:a%d::1' % k] if number else [])
        lab.ip_batch(lines, name)
        return name

    def helper(self, ns, *args):
        return self.go(ns, ['/usr/bin/python3', HELPER] + [str(a) for a in args])

    def apart(self, ns, cmd, etc=''):
        """In a mount namespace of its own: /run and the files of state are empty, /etc is what the program needs"""
        d = self.on.folder('etc-' + ns)
        for name in ('passwd', 'group', 'nsswitch.conf', 'ld.so.cache', 'hosts', 'services', 'protocols'):
            if os.path.exists('/etc/' + name):
                shutil.copy('/etc/' + name, d)
        with open(d + '/passwd', 'a') as f, open(d + '/group', 'a') as g:
            for i, user in enumerate(('avahi', 'dhcpcd', 'systemd-network', 'messagebus')):
                f.write('%s:x:%d:%d::/:/bin/false\n' % (user, 0 if lab.in_userns() else 900 + i, 0 if lab.in_userns() else 900 + i))
                g.write('%s:x:%d:\n' % (user, 0 if lab.in_userns() else 900 + i))
        return self.go(ns, ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /var/lib; mount --bind %s /etc; %s\nexec "$@"' % (d, etc), 'sh'] + cmd, env=LIBS)

    def udhcpc(self, ns, *more):
        return self.go(ns, ['busybox', 'udhcpc', '-f', '-n', '-q', '-t', '4', '-T', '1', '-i', 'eth0', '-s', self.script] + list(more))

    def dhclient(self, ns, name=''):
        d = self.on.folder('dhclient-' + ns)
        with open(d + '/conf', 'w') as f:
            f.write('timeout 8;\nretry 2;\ninitial-interval 1;\n' + ('send host-name "%s";\n' % name if name else '') +
                    'option classless code 121 = array of unsigned integer 8;\nrequest subnet-mask, broadcast-address, time-offset, routers, domain-name, domain-name-servers,\n'
                    'domain-search, host-name, netbios-name-servers, netbios-scope, interface-mtu, classless, ntp-servers;\n')  # as Debian's
        return self.go(ns, ['dhclient', '-4', '-d', '-1', '-cf', d + '/conf', '-lf', d + '/leases', '-pf', d + '/pid', '-sf', self.script, 'eth0'])

    def dhcpcd(self, ns):
        path = program('/usr/sbin/dhcpcd')
        return path and self.apart(ns, [path, '-4', '-B', '-1', '-A', '-t', '6', '-f', '/etc/dhcpcd.conf', '-c', '/bin/true', 'eth0'], 'mkdir -p /run/dhcpcd /var/lib/dhcpcd; : >/etc/dhcpcd.conf')

    def dnsmasq(self, ns, first, last, *options, lease='1h', iface='eth0'):
        d = self.on.folder('dnsmasq-' + ns)
        return self.net.spawn(ns, ['dnsmasq', '-d', '-C', '/dev/null', '--interface=' + iface, '--except-interface=lo', '--bind-interfaces', '--port=0', '--user=root', '--log-dhcp',
                                   '--dhcp-leasefile=%s/leases-%s' % (d, iface), '--pid-file=', '--dhcp-range=%s,%s,255.255.255.0,%s' % (first, last, lease)] + list(options), log='dnsmasq-%s.log' % ns)

    def dhcpd(self, ns, net, first, last, options='', declare=''):
        d = self.on.folder('dhcpd-' + ns)
        with open(d + '/conf', 'w') as f:
            f.write('authoritative;\nping-check false;\ndefault-lease-time 3600;\n%s\nsubnet %s netmask 255.255.255.0 {\n range %s %s;\n%s\n}\n' % (declare, net, first, last, options))
        open(d + '/leases', 'a').close()
        return self.net.spawn(ns, [program('/usr/sbin/dhcpd'), '-4', '-d', '-f', '--no-pid', '-cf', d + '/conf', '-lf', d + '/leases', 'eth0'], log='dhcpd-%s.log' % ns, env=LIBS)

    # ---- what was said ----
    def told(self, mac, name=None, least=0, since=0):
        return [a for a in self.alerts() if a.get('ether', {}).get('src_mac') == mac and a['level'] >= least and a['seen'] >= since and name in (None, a['name'])]

    def frame(self, mac, kind, since=0.0, nth=1):
        """When the witness saw the nth frame of a kind from a MAC"""
        try:
            with open(self.frames) as f:
                for line in f:
                    at, who, what = line.split()
                    if who == mac and what == kind and float(at) >= since:
                        nth -= 1
                        if not nth:
                            return float(at)
        except (OSError, ValueError):
            pass
        return None

    def expect(self, title, who, name, frame, least=3, since=0.0, nth=1, seconds=8, says='', frm=None):
        """The detector names who, a host, by its MAC, within five seconds of the nth frame of the kind that decides; frame '': of the packet it says"""
        mac = self.macs[who]
        self.blamed.add(mac)
        found = []
        self.until(lambda: found.extend([a for a in self.told(mac, name, least, since) if says in a['bulkhead']['evidence'][0]['text']][:1]) or found, seconds)
        at = self.frame(self.macs[frm] if frm else mac, frame, since, nth) if frame else found and self.when(found[0])
        late = found and at and found[0]['seen'] - at
        self.ok(found and at and late <= SECONDS, '%s: %s names %s' % (title, name, who),
                (late, [(x['name'], LEVELS[x['level']], x['bulkhead']['evidence'][0]['text']) for x in self.alerts() if x.get('ether', {}).get('src_mac') == mac], self.net.log('go-%s.log' % who)[-400:]))
        if found and at:
            self.times.append((late, title))
            print('#   %s; record %.1f ms after the frame, %.1f ms after its packet' % (found[0]['bulkhead']['evidence'][0]['text'], 1000 * late, 1000 * (found[0]['seen'] - self.when(found[0]))), flush=True)
        return found and found[0]

    def cut(self, kind=None):
        """MACs and addresses that are cut now"""
        out = set()
        for o in self.orders():
            if kind in (None, o['step']):
                out |= set(o['cut'])
        return out

    def expect_cut(self, title, who, kind, seconds=5):
        mac = self.macs[who]
        self.blamed.add(mac)
        self.ok(self.until(lambda: self.names_of(who) & self.cut(kind), seconds), '%s: %s is %s' % (title, who, {'shield': 'shielded', 'isolate': 'isolated'}[kind]),
                ([(o['step'], o['cut']) for o in self.orders()], [(e['src_ip'], e['bulkhead'].get('refused') or e['bulkhead']) for e in self.records('refused')[-3:]]))

    def names_of(self, who):
        """What it may be cut by; one without an address, by the one its MAC makes"""
        b = [int(x, 16) for x in self.macs[who].split(':')]
        return {self.macs[who], self.address(who), str(lab.ipaddress.ip_address('fe80::%x:%x:%x:%x' % ((b[0] ^ 2) << 8 | b[1], b[2] << 8 | 0xff, 0xfe00 | b[3], b[4] << 8 | b[5])))}

    def talks(self, ns, addr, port, seconds=8):
        """Somebody connects, says something and is answered"""
        code = 'import socket,sys\ns=socket.create_connection((%r,%d),1); s.settimeout(1); s.sendall(b"x"); sys.exit(s.recv(1)!=b"x")' % (addr, port)
        return self.until(lambda: self.net.run(ns, ['/usr/bin/python3', '-c', code]).returncode == 0, seconds)

    def address(self, who):
        zone, number, _ = self.net.hosts[who]
        if number or not os.path.exists('/run/netns/' + who):
            return '10.10.%d.%d' % (ZONES[zone], number)
        given = self.net.run(who, ['ip', '-4', '-o', 'addr', 'show', 'dev', 'eth0']).stdout.split()
        return given[3].split('/')[0] if len(given) > 3 else None

    def infos(self, what, names, most=0):
        """Nobody of these is told of but as info; most: so many may be low"""
        macs = {self.macs[x] for x in names}
        said = [(a['name'], LEVELS[a['level']], a['bulkhead']['evidence'][0]['text']) for a in self.alerts() if a.get('ether', {}).get('src_mac') in macs]
        above = [s for s in said if s[1] != 'info']
        self.ok(len(above) <= most and not [s for s in above if s[1] != 'low'], what, said)
        count = {}
        for s in said:
            count[s[:2]] = count.get(s[:2], 0) + 1
        self.notes.append('%s: %s' % (what, ', '.join('%d x %s %s' % (n, a, b) for (a, b), n in sorted(count.items())) or 'nothing'))
        return said

    # ---- attacks ----
    def handing_out(self):
        """DHCP servers nobody declared, beside the declared one; clients of four makes"""
        tricks = ('--dhcp-option-force=121,0.0.0.0/1,10.10.1.31,128.0.0.0/1,10.10.1.31', '--dhcp-option-force=249,0.0.0.0/1,10.10.1.31,128.0.0.0/1,10.10.1.31',
                  '--dhcp-option-force=252,http://10.10.1.31/wpad.dat')
        cases = [('dnsmasq with 121, 249 and 252', 'dhcp-a', 'office', self.udhcpc, '(252)', lambda ns: self.dnsmasq(ns, '10.10.1.200', '10.10.1.220', '--no-ping', '--dhcp-authoritative', *tricks)),
                 ('ISC dhcpd', 'dhcp-b', 'hall', self.dhclient, '', lambda ns: self.dhcpd(ns, '10.10.6.0', '10.10.6.200', '10.10.6.220', ' option routers 10.10.6.31;'))]
        self.handed_out(cases)
        if self.everything:
            codes = 'option c121 code 121 = string;\noption c249 code 249 = string;\noption c252 code 252 = text;\noption dhcp-parameter-request-list 1,3,6,121,249,252;'
            half = '01:00:0a:0a:03:26:01:80:0a:0a:03:26'
            cases = [('dnsmasq', 'dhcp-c', 'office', self.dhcpcd, '', lambda ns: self.dnsmasq(ns, '10.10.1.221', '10.10.1.240', '--no-ping', '--dhcp-authoritative')),
                      ('ISC dhcpd with 121, 249 and 252', 'dhcp-d', 'plant', self.networkd, '(252)', lambda ns: self.dhcpd(
                         ns, '10.10.3.0', '10.10.3.200', '10.10.3.220', ' option c121 %s;\n option c249 %s;\n option c252 "http://10.10.3.38/wpad.dat";' % (half, half), codes))]
            self.handed_out(cases)

    def handed_out(self, cases):
        for title, ns, zone, client, says, serve in cases:
            self.plug(ns, zone, 31 if ns in ('dhcp-a', 'dhcp-b') else 38, '3c:52:82:66:01:%02x' % ord(ns[-1]))
            serve(ns)
            self.plug('asks-' + ns, zone, 0, '3c:52:82:77:01:%02x' % ord(ns[-1]))
        time.sleep(0.7)
        asking = []
        for title, ns, zone, client, says, serve in cases:
            asking.append(client('asks-' + ns))
        for (title, ns, zone, client, says, serve), p in zip(cases, asking):
            if p is None:
                self.skip('%s, and a client of it' % title, 'dhcpcd or systemd-networkd missing')
                continue
            self.expect(title, ns, 'rogue.dhcp', 'dhcp-give', says=says)
            # no host of OT or with a role is isolated by itself; what it may reach is
            self.expect_cut(title, ns, 'isolate' if zone != 'plant' else 'shield')

    def networkd(self, ns):
        path = '/lib/systemd/systemd-networkd'
        if not os.access(path, os.X_OK) or lab.in_userns():
            return None
        return self.apart(ns, [path], 'mount -t sysfs -o ro sysfs /sys; mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp; '
                          'printf "[Match]\\nName=eth0\\n[Network]\\nDHCP=ipv4\\nLLDP=no\\nIPv6AcceptRA=no\\nLinkLocalAddressing=no\\n" >/run/systemd/network/a.network; '
                          'echo 0123456789abcdef0123456789abcdef >/etc/machine-id; chown -R systemd-network:systemd-network /run/systemd')

    def routing(self):
        """Routers nobody declared: radvd, believed by a client; thc-ipv6's; a redirect"""
        radvd = program('/usr/sbin/radvd')
        if not radvd:
            return self.skip('a rogue router', 'radvd missing; tools/test unpacks it')
        self.plug('ra-a', 'office', 33, '3c:52:82:66:02:01')
        lab.ip_batch(['addr add 2001:db8:ffff::1/128 dev lo', 'addr add 2001:db8:bad::1/64 dev eth0 nodad'], 'ra-a')
        self.net.sysctl('ra-a', {'net.ipv6.conf.all.forwarding': 1})
        self.net.spawn('ra-a', ['/usr/bin/python3', '-c', ECHO])
        conf = self.file('radvd.conf')
        with open(conf, 'w') as f:
            f.write('interface eth0 { AdvSendAdvert on; MaxRtrAdvInterval 4; MinRtrAdvInterval 3; AdvDefaultPreference high; prefix 2001:db8:bad::/64 { AdvOnLink on; AdvAutonomous on; }; RDNSS 2001:db8:bad::1 {}; };\n')
        self.net.spawn('ra-a', [radvd, '-n', '-C', conf, '-p', self.file('radvd.pid'), '-m', 'stderr'], log='radvd.log')
        self.expect('radvd', 'ra-a', 'rogue.ra', 'ra', says='high preference')
        self.expect_cut('radvd', 'ra-a', 'shield')
        used = self.talks('pc-s', '2001:db8:ffff::1', 7)
        self.ok(used, 'a client believes it, and goes that way', self.net.run('pc-s', ['ip', '-6', 'route']).stdout)
        self.expect_cut('radvd, believed', 'ra-a', 'isolate')
        if not self.everything or self.lacks("thc-ipv6's routers", 'atk6-fake_router26', 'atk6-redir6'):
            return
        self.plug('ra-b', 'hall', 33, '3c:52:82:66:02:02')
        self.go('ra-b', ['timeout', '8', 'atk6-fake_router26', '-A', '2001:db8:bad2::/64', 'eth0'])
        self.expect('fake_router26', 'ra-b', 'rogue.ra', 'ra')
        self.plug('ra-c', 'desks', 33, '3c:52:82:66:02:03')
        self.plug('desk-1')
        router = self.net.run('gw', ['ip', '-6', '-o', 'addr', 'show', 'dev', 'br-desks', 'scope', 'link']).stdout.split()[3].split('/')[0]
        self.go('ra-c', ['timeout', '5', 'atk6-redir6', 'eth0', 'fd00:a5::%x' % self.net.hosts['desk-1'][1], '2001:db8:ffff::1', router, sorted(self.names_of('ra-c') - {self.macs['ra-c'], '10.10.5.33'})[0]])
        # it sends in the router's name and with its MAC: the frame that decides is not its own
        self.expect('redir6', 'ra-c', 'rogue.ra', 'ra', says='sends traffic', frm='gw-desks')

    def beats(self, host):
        return [(float(t), how == 'ok') for t, how in (line.split() for line in self.net.log('beat-' + host).splitlines() if line.count(' ') == 1)]

    def between(self):
        """In the way between two clients and their gateway, from a registered host: dsniff's arpspoof; ettercap; for IPv6 parasite6"""
        tools = [('arpspoof', 'office', 'spoof-a', 'client', 'second')] + ([('ettercap', 'hall', 'spoof-b', 'client-b', 'second-b')] if self.everything else [])
        for tool, zone, ns, victim, other in tools:
            if self.lacks(tool, tool):
                continue
            gate, prey = '10.10.%d.1' % ZONES[zone], self.address(victim)
            self.plug(ns)
            self.plug(victim)
            self.plug(other)
            self.net.sysctl(ns, {'net.ipv4.ip_forward': 1, 'net.ipv4.conf.all.send_redirects': 0, 'net.ipv4.conf.eth0.send_redirects': 0})
            if tool == 'arpspoof':  # entries that are in use are believed for 15 to 45 s, whatever was cut since; with ettercap that is waited for
                for at, iface in ((victim, 'eth0'), (other, 'eth0'), ('gw', 'br-' + zone)):
                    self.net.sysctl(at, {'net.ipv4.neigh.%s.base_reachable_time_ms' % iface: 1000, 'net.ipv4.neigh.%s.delay_first_probe_time' % iface: 1})
            for at in (victim, other, 'srv'):  # what ettercap passes on it wants with whole checksums, as they are on a real wire
                self.net.run(at, ['ethtool', '-K', 'eth0', 'tx', 'off'])
            for at in (victim, other):
                self.helper(at, 'beat', '10.10.2.20', 80, self.file('beat-' + at))
            self.until(lambda: sum(ok for _, ok in self.beats(victim)) > 5, 5)
            if tool == 'arpspoof':
                self.go(ns, ['arpspoof', '-i', 'eth0', '-t', prey, gate])
                self.go(ns, ['arpspoof', '-i', 'eth0', '-t', gate, prey])
                self.expect(tool, ns, 'arp.spoof', 'arp-' + gate)
                self.expect_cut(tool + ', one believer: a registered host', ns, 'shield', 10)
                self.ok(self.macs[ns] not in self.cut('isolate'), tool + ': it could be framed by one, and is not isolated', self.cut('isolate'))
                self.go(ns, ['arpspoof', '-i', 'eth0', '-t', self.address(other), gate])
                self.go(ns, ['arpspoof', '-i', 'eth0', '-t', gate, self.address(other)])
            else:
                self.go(ns, ['sh', '-c', 'sleep 20 | ettercap -T -q -i eth0 -M arp:remote "/%s;%s//" "/%s//"' % (prey, self.address(other), gate)])
                self.expect(tool, ns, 'arp.spoof', 'arp-' + gate)
            self.expect_cut(tool, ns, 'isolate', 10)
            at = time.time()
            self.ok({self.macs[ns], self.address(ns)} <= self.cut('isolate'), '%s: by its MAC and its own address' % tool, self.cut('isolate'))
            back = self.until(lambda: len([1 for t, ok in self.beats(victim) if t > at and ok]) >= 5 and all(ok for _, ok in self.beats(victim)[-5:]), 60)
            beats = self.beats(victim)
            good = [t for t, ok in beats if ok and t > at]
            self.ok(back, "%s: the client's traffic works again while it goes on" % tool, beats[-40:])
            print('#   traffic works %.1f s after the isolation, %d of %d tries lost' % (good[0] - at if good else -1, sum(not ok for _, ok in beats), len(beats)), flush=True)
            cut = self.cut()
            self.ok(not cut & {gate, prey, self.macs[victim], self.known['gw-' + zone][1]}, '%s: neither the client nor the gateway is cut' % tool, cut)
        if self.everything and not self.lacks('parasite6', 'atk6-parasite6'):
            self.plug('spoof-6', 'desks', 35, '3c:52:82:66:03:03')
            self.net.sysctl('spoof-6', {'net.ipv6.conf.all.forwarding': 1})
            self.go('spoof-6', ['timeout', '15', 'atk6-parasite6', 'eth0'])
            time.sleep(0.5)
            self.plug('desk-2')
            self.go('desk-2', 'ping -6 -c 3 -i 0.3 fd00:a5::1; ping -6 -c 2 -i 0.3 fd00:a5::%x' % self.net.hosts['desk-1'][1])
            self.expect('parasite6', 'spoof-6', 'arp.spoof', 'na')

    def answering(self):
        """Names answered that are one's own by nobody's leave, by LLMNR, NetBIOS and mDNS; a client that believes it"""
        self.plug('poison', 'office', 36, '3c:52:82:66:04:01')
        self.plug('pc-n')
        self.on.smbd('poison', 'server smb encrypt = off\nsmb ports = 445')
        self.helper('poison', 'poison', '10.10.1.36')
        self.net.wait_port('poison', '10.10.1.36', 445, 8)
        time.sleep(0.3)
        since = time.time()
        self.go('pc-n', ['nmblookup', '-B', '10.10.1.255', 'FILESERV3R'])
        self.helper('pc-n', 'ask', 'fileserv4r', 'prinetr', 'intranett')
        self.expect('three names', 'poison', 'name.poison', 'llmnr', since=since, nth=2)  # one by NetBIOS, two by LLMNR
        self.expect_cut('three names', 'poison', 'shield')
        self.go('pc-n', ['smbclient', '//WPAD/data', '-R', 'bcast', '--option=interfaces=eth0', '-U', 'root%' + victims.PASSWORD, '-c', 'ls'])
        self.expect_cut('believed by smbclient', 'poison', 'isolate')
        cut = self.cut()
        self.ok(not cut & {self.macs['pc-n'], self.address('pc-n')}, 'and who believed it is not', cut)
        if self.everything:
            self.plug('poison-m', 'desks', 36, '3c:52:82:66:04:02')
            self.helper('poison-m', 'poison', '10.10.5.36', '5353')
            time.sleep(0.5)
            self.plug('desk-3')
            self.helper('desk-3', 'ask', 'nas', 'printer', 'tv', 'server', 'mail', 'files')
            self.expect('five names by mDNS', 'poison-m', 'name.poison', 'mdns', nth=5)
            self.expect_cut('five names by mDNS', 'poison-m', 'shield')

    def copied(self):
        """MAC and host name of somebody who was here: another system asks with them; and both at once"""
        for i, (client, name) in enumerate(((self.udhcpc, 'udhcpc'), (self.dhclient, 'dhclient'))):
            was, now = 'was-%d' % i, 'copy-%d' % i
            self.plug(was)
            got = self.helper(was, 'dhcp', 'windows', 'PC-%d' % i)
            got.wait(12)
            self.ok(got.returncode == 0, 'a Windows asks for an address and gets it', self.net.log('go-%s.log' % was))
            lab.ip_batch(['link del eth0'], was)
            self.plug(now, 'hall', 0, self.macs[was])
            since = time.time()
            client(now, *(['-x', 'hostname:PC-%d' % i] if client == self.udhcpc else ['PC-%d' % i]))
            self.expect('copied, asked by ' + name, now, 'id.drift', 'dhcp-ask', since=since)
            self.talks(now, '10.10.2.20', 80)
            self.expect_cut('copied, and answered', now, 'shield')
        self.plug('twin-a')
        self.plug('twin-b', 'hall', 0, self.macs['twin-a'])
        self.net.connects('twin-a', '10.10.2.20', 80, 1)
        since = time.time()
        self.helper('twin-b', 'syn', self.address('twin-a'), '10.10.2.20', 80, 20, 0.25)
        self.helper('twin-a', 'beat', '10.10.2.20', 80, self.file('beat-twin-a'))
        self.expect('two at once', 'twin-a', 'id.clone', '', since=since)
        self.expect_cut('two at once', 'twin-a', 'shield')
        self.ok(not self.cut('isolate') & {self.macs['twin-a'], self.address('twin-a')}, 'and not isolated: one of the two is innocent', self.cut())

    def tethered(self):
        """A telephone behind a PC; its address told by ARP and by Samba"""
        self.plug('pc-t')
        lab.ip_batch(['netns add phone'])
        lab.ip_batch(['link add usb0 type veth peer name eth0 netns phone', 'addr add 192.168.42.1/24 dev usb0', 'link set usb0 up'], 'pc-t')
        lab.ip_batch(['addr add 192.168.42.129/24 dev eth0', 'link set lo up', 'link set eth0 up', 'route add default via 192.168.42.1'], 'phone')
        self.net.sysctl('pc-t', {'net.ipv4.ip_forward': 1})
        self.net.run('pc-t', ['nft', 'table ip nat { chain post { type nat hook postrouting priority 100; oifname eth0 masquerade; }; }'])
        for ns in ('pc-t', 'phone'):
            for _ in range(4):
                self.net.connects(ns, '10.10.2.20', 80, 1)
        self.expect('a telephone behind a PC', 'pc-t', 'nat.behind', 'syn', least=1, nth=7)
        self.helper('phone', 'syn', '192.168.42.129', '10.10.2.20', 80, 4, 0.1)
        self.expect('a Windows behind a Linux', 'pc-t', 'nat.behind', 'syn', least=2, nth=9)
        for ns, zone, level in (('leak-a', 'desks', 2), ('leak-p', 'plant', 4)):
            self.plug(ns)
            self.net.run(ns, ['ping', '-c', '1', '-W', '1', '10.10.%d.1' % ZONES[zone]])
            self.go(ns, ['arping', '-c', '2', '-w', '1', '-i', 'eth0', '-S', '192.168.42.23', '10.10.%d.1' % ZONES[zone]])
            self.expect('ARP from a telephone\'s network in ' + zone, ns, 'dualhome.leak', 'arp-192.168.42.23', least=level)
        self.expect_cut('in the plant', 'leak-p', 'shield')
        self.plug('leak-s')
        lab.ip_batch(['link add usb0 type veth peer name phone', 'addr add 192.168.42.140/24 dev usb0', 'link set usb0 up', 'link set phone up'], 'leak-s')
        self.on.smbd('leak-s', 'server smb encrypt = off\nserver multi channel support = yes')
        self.plug('desk-8')
        self.net.wait_port('desk-8', self.address('leak-s'), 445, 8)
        since = time.time()
        self.helper('desk-8', 'multichannel', self.address('leak-s'), 'root', victims.PASSWORD)
        self.expect("Samba's list of interfaces", 'leak-s', 'dualhome.leak', 'any', least=2, since=since, says='SMB')

    def gadgets(self):
        """Each of the sheet, plugged in as it comes"""
        rows = []
        for i, (name, g) in enumerate(self.sheet['gadgets'].items()):
            ns, macs = 'gadget-%d' % i, g.get('macs') or []
            if macs:
                rows.append((name, ns, (macs[0] + ':0a:0b:%02x' % i)[:17], None))
            elif 'dhcp-vendor' in g or 'hostname' in g:
                rows.append((name, ns, '00:c0:ca:66:05:%02x' % i, g))
        rows.append(('Linux gadget', 'gadget-l', 'be:57:1a:2b:3c:4d', None))
        told = 0
        for i, (name, ns, mac, asks) in enumerate(rows):
            self.plug(ns, 'hall', 0 if asks else 100 + i, mac)
            if asks:
                vendor = [] if asks['dhcp-vendor'] == 'udhcp *' else ['-V', asks['dhcp-vendor'].replace('*', '1')]
                self.udhcpc(ns, '-x', 'hostname:' + asks['hostname'], *vendor)
            else:
                self.go(ns, ['arping', '-c', '1', '-w', '1', '-i', 'eth0', '10.10.6.1'])
        for name, ns, mac, asks in rows:
            random = name == 'Linux gadget'
            told += bool(self.expect('the sheet', ns, 'usb.oui', 'dhcp-ask' if asks else 'any', least=0 if random else 3, says='random' if random else name))
        self.plug('gadget-p', 'plant', 100, '48:6f:73:74:50:43')
        self.go('gadget-p', ['arping', '-c', '1', '-w', '1', '-i', 'eth0', '10.10.3.1'])
        self.expect_cut('a gadget in the plant', 'gadget-p', 'shield')
        print('# gadgets told: %d of %d' % (told, len(rows)), flush=True)

    # ---- what is quiet ----
    def models(self):
        """20 prefixes of USB network cards"""
        all_ = [p for maker in self.sheet['macs']['usb-nic'].values() for p in maker if p.count(':') == 2]
        return [all_[i % len(all_)] for i in range(20)]

    def dongles(self):
        """USB network cards, those the policy knows and those it does not"""
        mine, others = ['card-%d' % i for i in range(20)], ['other-%d' % i for i in range(20)]
        for name, model in zip(others, self.models()):
            self.plug(name, 'desks', 120 + int(name[6:]), model + ':0b:0c:%02x' % int(name[6:]))
        for name in mine:
            self.plug(name)
        for name in mine + others:
            self.go(name, 'ping -c 1 -W 1 10.10.5.1')
        self.until(lambda: len({a['ether']['src_mac'] for a in self.alerts() if a['name'] == 'new.mac' and a['who'].startswith('10.10.5.')} & {self.macs[x] for x in others}) == 20, 8)
        time.sleep(1)
        said = self.infos('20 registered network cards raise nothing', mine)
        self.ok(not said, 'not even as info', said)
        said = self.infos('20 unregistered ones of the same models are told as that, at most one above info', others, most=1)
        who = {a['ether']['src_mac'] for a in self.alerts() if a['name'] == 'new.mac'} & {self.macs[x] for x in others}
        self.ok(len(who) == 20 and not [s for s in said if 'gadget' in s[2] or s[0].startswith('rogue')], 'each is told as unregistered, none as a gadget', (len(who), said))

    def redundant(self):
        """keepalived moves an address from one to another, with a virtual MAC and without"""
        path = program('/usr/sbin/keepalived')
        if not path:
            return self.skip('keepalived', 'missing; tools/test unpacks it')
        names = []
        for k, vmac in ((0, ''), (1, 'use_vmac')):
            for role, prio in (('MASTER', 150), ('BACKUP', 100)):
                ns = self.plug('vrrp-%d%s' % (k, role[0].lower()))
                names.append(ns)
                d = self.on.folder(ns)
                with open(d + '/conf', 'w') as f:
                    f.write('global_defs {\n vrrp_startup_delay 0\n}\nvrrp_instance a {\n state %s\n interface eth0\n %s\n virtual_router_id %d\n priority %d\n advert_int 0.3\n'
                            ' version 3\n virtual_ipaddress {\n 10.10.5.%d/24\n }\n}\n' % (role, vmac, 40 + k, prio, 110 + k))
                self.go(ns, [path, '-n', '-l', '-P', '-f', d + '/conf', '-p', d + '/pid', '-r', d + '/vrrp.pid'], env=LIBS)
        user = self.plug('desk-9')
        up = [self.until(lambda: self.net.run(user, ['ping', '-c', '1', '-W', '1', '10.10.5.%d' % (110 + k)]).returncode == 0, 8) for k in (0, 1)]
        for p in self.running:
            if 'vrrp-' in str(p.args) and 'm/conf' in str(p.args):
                os.killpg(p.pid, signal.SIGKILL)  # as when its power is gone
        for k in (0, 1):
            lab.ip_batch(['link set eth0 down'], 'vrrp-%dm' % k)
        moved = [self.until(lambda: self.net.run(user, ['ping', '-c', '1', '-W', '1', '10.10.5.%d' % (110 + k)]).returncode == 0, 8) for k in (0, 1)]
        self.ok(all(up + moved), 'keepalived moves two addresses', (up, moved, self.net.log('go-vrrp-0b.log')[-500:], self.net.log('go-vrrp-1b.log')[-500:]))
        time.sleep(0.5)
        self.infos('a virtual router that moves, with its own MAC and without, raises nothing', names + [user])

    def announcing(self):
        """Avahi's services, LLDP, an address looked for before it is taken, one that moves"""
        names = [self.plug('desk-%d' % k) for k in (4, 5, 6, 7)]
        avahi = program('/usr/sbin/avahi-daemon')
        if avahi:
            services = ''.join('<service><type>_%s._tcp</type><port>%d</port></service>' % x for x in (('ipp', 631), ('http', 80), ('smb', 445), ('ssh', 22), ('printer', 515), ('device-info', 9)))
            self.apart('desk-4', [avahi, '--no-drop-root', '--no-chroot', '--no-rlimits', '-f', '/etc/avahi/avahi-daemon.conf'],
                       'mkdir -p /etc/avahi/services /run/avahi-daemon; printf "[server]\\nhost-name=desk-4\\nenable-dbus=no\\n[publish]\\npublish-workstation=yes\\n" >/etc/avahi/avahi-daemon.conf; '
                       'printf \'<?xml version="1.0"?><!DOCTYPE service-group SYSTEM "avahi-service.dtd"><service-group><name>Desk four</name>%s</service-group>\' >/etc/avahi/services/a.service' % services)
        else:
            self.skip('avahi-daemon', 'missing; tools/test unpacks it')
        self.helper('desk-5', 'lldp', 'desk-5')
        time.sleep(2)
        self.helper('desk-6', 'ask', 'desk-4')
        self.go('desk-6', 'arping -c 2 -w 1 -i eth0 10.10.5.1; arping -c 1 -w 1 -i eth0 -S 0.0.0.0 10.10.5.116; ip addr add fd00:a5::dad/64 dev eth0; ping -c 1 10.10.5.1')
        self.go('desk-7', 'ping -c 1 10.10.5.1; ip addr del 10.10.5.%d/24 dev eth0; ip addr add 10.10.5.117/24 dev eth0; ip route add default via 10.10.5.1; arping -c 2 -w 1 -i eth0 -U -S 10.10.5.117 10.10.5.117; ping -c 1 10.10.5.1' % self.net.hosts['desk-7'][1])
        time.sleep(3)
        if avahi:
            self.ok('desk-4' in self.net.log('go-desk-6.log') and self.frame(self.macs['desk-4'], 'mdns'), 'Avahi announces six services', self.net.log('go-desk-4.log'))
        self.ok(self.frame(self.macs['desk-5'], 'lldp'), 'LLDP is on the wire', self.net.log('go-desk-5.log'))
        self.infos('services announced, LLDP, probes, and an address that moves raise nothing', names)

    def work(self):
        """Clients that ask for addresses: installed by network, relayed to two servers, telephones, everybody after a power cut"""
        virtual = [self.plug('vm-%d' % i, 'desks', 100 + i, mac) for i, mac in enumerate(('52:54:00:0a:0b:01', '02:42:0a:0a:05:65', '00:15:5d:0a:0b:02', '00:50:56:0a:0b:03'))]
        for ns in virtual:
            self.go(ns, 'ping -c 1 10.10.5.1')
            self.net.connects(ns, '10.10.2.20', 80, 0.5)
        self.plug('pxe')
        for kind in ('pxe', 'windows'):
            self.helper('pxe', 'dhcp', kind, 'PC-PXE').wait(12)
        relay = program('/usr/sbin/dhcrelay')
        if relay and program('/usr/sbin/dhcpd'):
            for k, ns in enumerate(('lease-a', 'lease-b')):
                self.plug(ns)
                self.dhcpd(ns, '10.10.4.0', '10.10.4.%d' % (50 + 80 * k), '10.10.4.%d' % (129 + 80 * k), ' option routers 10.10.4.1;', 'subnet 10.10.2.0 netmask 255.255.255.0 { }')
            self.net.spawn('gw', [relay, '-4', '-d', '-pf', self.file('relay.pid'), '-id', 'br-guests', '-iu', 'br-servers', self.address('lease-a'), self.address('lease-b')], log='relay.log', env=LIBS)
            time.sleep(1)
            phones = [self.plug('phone-%d' % i, 'guests', 0, '%02x:5a:11:0a:0b:%02x' % (0x02 | i << 4, i)) for i in range(6)]
            asked = [self.udhcpc(ns, '-V', 'android-dhcp-13', '-x', 'hostname:Phone-%d' % i) for i, ns in enumerate(phones)]
            for p in asked:
                p.wait(15)
            self.ok(all(p.returncode == 0 for p in asked), 'six telephones get addresses over a relay from one of two servers', self.net.log('relay.log')[-600:] + self.net.log('dhcpd-lease-a.log')[-400:])
            self.infos('telephones with private addresses among guests raise no more than the first of an hour', phones, most=1)
            self.infos('nor do two declared servers and a relay', ['lease-a', 'lease-b', 'gw-guests'])
        else:
            self.skip('a relay and two servers', 'dhcrelay or dhcpd missing; tools/test unpacks them')
        self.infos('machines and containers with virtual addresses raise no more than the first of an hour', virtual, most=1)
        self.infos('a PC installed over the network, then with its system, raises nothing', ['pxe'])

    def power_cut(self):
        """Thirty clients come back at once"""
        names = [self.plug('back-%d' % i) for i in range(30)]
        for _ in range(2):
            asked = [self.udhcpc(ns) for ns in names]
            for p in asked:
                p.wait(20)
            for ns in names:
                lab.ip_batch(['link set eth0 down', 'link set eth0 up'], ns)
        self.ok(sum(p.returncode == 0 for p in asked) >= 28, 'thirty clients get their addresses again', [p.returncode for p in asked])
        said = self.infos('thirty clients that renew at once raise nothing', names)
        self.ok(not said, 'not even as info', said)

    def tagged(self):
        """A dock several laptops use, and a PC of two systems, once somebody has said so"""
        if self.cli('host', 'tag', self.macs['dock'], 'shared').returncode or self.cli('host', 'tag', self.macs['dual'], 'dual-boot').returncode:
            return self.skip('a shared dock and a dual boot', 'bulkhead host tag does not work here')
        for ns in ('dock', 'dual'):
            self.plug(ns)
        for ns, names in (('dock', ('laptop-a', 'laptop-b', 'laptop-c')), ('dual', ('pc-2', 'pc-2', 'pc-2'))):
            for kind, name in zip(('windows', 'udhcpc', 'android' if ns == 'dock' else 'windows'), names):
                p = self.udhcpc(ns, '-x', 'hostname:' + name) if kind == 'udhcpc' else self.helper(ns, 'dhcp', kind, name)
                p.wait(12)
        time.sleep(0.5)
        self.infos('a dock that several laptops use, tagged shared, is told as info', ['dock'])
        said = self.infos('a PC with two systems, tagged dual-boot, raises nothing', ['dual'])
        self.ok(not said, 'not even as info', said)

    # ---- the frame ----
    def afterwards(self):
        strangers = [(a['name'], a.get('ether', {}).get('src_mac'), a['who'], a['bulkhead']['evidence'][0]['text']) for a in self.alerts() if a['level'] >= 2 and
                     a.get('ether', {}).get('src_mac') not in self.blamed]
        self.ok(not strangers, 'nobody else is named at medium or above', strangers)
        guilty = self.blamed | {self.address(x) for x, mac in self.macs.items() if mac in self.blamed}
        cut = {(e['bulkhead'].get('step'), x.get('mac') or x.get('net', '').split('/')[0]) for e in self.records('applied') for x in e['bulkhead'].get('cut', []) if x['kind'] in ('shield', 'isolate', 'contain')}
        innocents = [x for x in cut if x[1] not in guilty and not x[1].startswith(('fe80:', 'fd00:', '2001:db8:bad', '192.168.42.'))]
        six = [x for x in cut if x[1].startswith('fd00:') and '10.10.%d.%d' % (int(x[1][6:7], 16), int(x[1].rsplit(':', 1)[1], 16) & 255) not in guilty]
        self.ok(not innocents and not six, 'and nobody else is cut', innocents + six)
        s = self.status().get('counters', {})
        self.ok(s.get('packets', 0) > 200 and not s['kernel_drops'] and not s['ring_drops'], 'the daemon saw it all, and the core heard all it said', s)
        late = sorted(t for t, _ in self.times)
        if late:
            print('# decisive frame to record: p50 %.1f ms, max %.1f ms (%s), %d alerts' % (1000 * statistics.median(late), 1000 * late[-1], max(self.times)[1], len(late)), flush=True)
        for line in self.notes:
            print('# ' + line, flush=True)

    def start(self, *args):
        self.daemon = self.net.spawn('gw', [BIN, 'run', '--policy', self.policy, '--iface', ','.join('br-' + z for z in ZONES), '--eve', self.eve, '--socket', self.sock, '--bridge'] + list(args), log='daemon.log')
        return self.until(lambda: self.status().get('enforcer_up') and self.nft('list', 'table', 'inet', 'bulkhead').returncode == 0, 15)

    def everybody(self):
        """Those the policy knows, by MAC"""
        self.know('srv', 'servers', 20, '3c:52:82:00:02:14', 'file')
        self.know('lease-a', 'servers', 30, '3c:52:82:00:02:1e', 'dhcp')
        self.know('lease-b', 'servers', 31, '3c:52:82:00:02:1f', 'dhcp')
        for zone, names in (('office', ('spoof-a', 'client', 'pc-n', 'pc-t', 'pc-s', 'pc-0', 'pc-1', 'pc-2', 'pc-3', 'second')), ('hall', ('spoof-b', 'client-b', 'was-0', 'was-1', 'twin-a', 'second-b')), ('plant', ('leak-p', 'plc')),
                            ('desks', ('leak-a', 'leak-s', 'pxe', 'dock', 'dual', 'vrrp-0m', 'vrrp-0b', 'vrrp-1m', 'vrrp-1b') + tuple('desk-%d' % i for i in range(1, 10)))):
            for i, name in enumerate(names):
                self.know(name, zone, 10 + i, '3c:52:82:01:%02x:%02x' % (ZONES[zone], 10 + i))
        for i, model in enumerate(self.models()):
            self.know('card-%d' % i, 'desks', 40 + i, model + ':0a:0c:%02x' % i)
        for i in range(30):
            self.know('back-%d' % i, 'desks', 70 + i, '3c:52:82:02:05:%02x' % i)
        for name in ('was-0', 'was-1', 'pxe', 'dock', 'dual') + tuple('back-%d' % i for i in range(30)):
            self.net.hosts[name] = (self.net.hosts[name][0], 0, ())  # they ask for one
        for z, k in ZONES.items():
            self.macs['gw-' + z], self.net.hosts['gw-' + z] = self.known['gw-' + z][1], (z, 1, ())
        self.write_policy()

    def run(self):
        quick = [self.dongles, self.handing_out, self.routing, self.between, self.answering, self.copied, self.tethered, self.gadgets, self.announcing]
        every = [self.dongles, self.power_cut, self.tagged, self.redundant, self.announcing, self.work, self.handing_out, self.routing, self.between, self.answering, self.copied,
                 self.tethered, self.gadgets]
        self.everybody()
        self.plug('srv')
        self.net.spawn('srv', ['/usr/bin/python3', '-c', ECHO.replace('7', '80')])
        for zone in ('office', 'hall', 'desks'):
            # it looks whether somebody has the address before it offers it, so that a rogue is faster; not where thirty ask at once
            self.dnsmasq('gw', '10.10.%d.150' % ZONES[zone], '10.10.%d.199' % ZONES[zone], *(['--no-ping'] if zone == 'desks' else []), iface='br-' + zone)
        workers = [self.plug('pc-%d' % i) for i in range(4)] + [self.plug('pc-s')]
        self.net.spawn('gw', ['/usr/bin/python3', '-c', lateral.WATCHER, self.eve, self.seen])
        self.net.spawn('gw', ['/usr/bin/python3', HELPER, 'wire', self.frames] + ['br-' + z for z in ZONES], log='wire.log')
        keep = os.environ.get('BH_KEEP')
        if keep:
            for zone in ZONES:
                self.net.spawn('gw', ['tcpdump', '-Z', 'root', '-i', 'br-' + zone, '-Q', 'in', '-U', '-w', self.file(zone + '.pcap')])
        if not self.ok(self.start() and self.until(lambda: self.net.log('frames').startswith('0 ready'), 3), 'run starts', self.net.log('wire.log')):
            return 1
        for ns in workers:
            self.talks(ns, '10.10.2.20', 80)
        only = sys.argv[1:]
        for case in every if self.everything or only else quick:
            if not only or case.__name__ in only:
                t = time.time()
                try:
                    case()
                except lab.Unavailable as e:
                    self.skip(case.__name__, e)
                self.end(0.1)
                print('# %s: %.1f s' % (case.__name__, time.time() - t), flush=True)
        time.sleep(0.5)
        self.afterwards()
        self.stop()
        if keep:
            os.makedirs(keep, exist_ok=True)
            for name in os.listdir(self.net.work):
                if os.path.isfile(self.file(name)) and (name.endswith(('.log', '.json', '.pcap', '.yaml')) or name in ('seen', 'frames')):
                    shutil.copy(self.file(name), keep)
        print('1..%d' % self.n, flush=True)
        return self.bad != 0


ECHO = '''
import socket,threading
def serve(fam):
    s=socket.socket(fam,socket.SOCK_STREAM); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1)
    if fam==socket.AF_INET6: s.setsockopt(socket.IPPROTO_IPV6,socket.IPV6_V6ONLY,1)
    s.bind(("",7)); s.listen(64)
    while True:
        c,_=s.accept(); threading.Thread(target=echo,args=(c,),daemon=True).start()
def echo(c):
    try:
        c.sendall(c.recv(16)); c.recv(16); c.close()
    except OSError: pass
threading.Thread(target=serve,args=(socket.AF_INET6,),daemon=True).start(); serve(socket.AF_INET)
'''


if __name__ == '__main__':
    sys.exit(lateral.main(Rogue, ('dnsmasq', 'busybox', 'dhclient', 'arping', 'smbd', 'smbclient', 'nmblookup', 'nft')))
