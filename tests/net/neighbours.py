#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Beside other owners of the same kernel: firewalld, rules as a container runtime makes them, a ruleset written by hand. Prints TAP.

Each must look the same, byte for byte, after everything a daemon of ours does; and none of them may keep a cut from working.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon  # noqa: E402
from daemon import BIN, POLICY  # noqa: E402

# never installed for a test: that would switch a firewall on; tools/test unpacks it here
FIREWALLD = os.environ.get('BH_FIREWALLD') or ('/' if os.path.exists('/usr/sbin/firewalld') else os.path.join(daemon.ROOT, 'build-extra/firewalld'))
BUS = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth><policy context="default">
<allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/><allow send_requested_reply="true" send_type="method_return"/>
<allow send_requested_reply="true" send_type="error"/><allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/>
<allow receive_type="signal"/></policy></busconfig>
'''
CONTAINERS = (
    '-t nat -N DOCKER', '-t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER', '-t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
    '-t nat -A DOCKER ! -i docker0 -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80',
    '-N DOCKER', '-N DOCKER-USER', '-N DOCKER-ISOLATION-STAGE-1', '-A FORWARD -j DOCKER-USER', '-A FORWARD -j DOCKER-ISOLATION-STAGE-1',
    '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT', '-A DOCKER-USER -s 10.10.0.0/16 -j ACCEPT', '-A DOCKER-USER -j RETURN',
    '-A DOCKER-ISOLATION-STAGE-1 -j RETURN', '-P FORWARD DROP')
BY_HAND = '''table inet filter {
	comment "the box's own"
	set friends { type ipv4_addr; flags interval; elements = { 10.10.0.0/16 }; }
	map ports { type inet_service : verdict; elements = { 22 : accept, 80 : accept }; }
	counter seen { }
	chain input { type filter hook input priority filter; policy accept; ct state established,related accept; ip saddr @friends accept; tcp dport vmap @ports; }
	chain forward { type filter hook forward priority filter; policy accept; ct state established,related accept; ct mark set ct mark; }
}
table ip6 raw { chain pre { type filter hook prerouting priority raw; policy accept; ip6 hoplimit 1 accept; }; }
table netdev port { chain in { type filter hook ingress device "br-office" priority 0; policy accept; }; }
table bridge l2 { chain f { type filter hook forward priority 0; policy accept; ether type arp accept; }; }
table arp a { chain in { type filter hook input priority 0; policy accept; }; }
'''


class Neighbours(daemon.Test):
    def others(self):
        text = self.nft('-s', 'list', 'ruleset').stdout
        return re.sub(r'table inet bulkhead \{.*?^\}\n', '', text, flags=re.S | re.M)

    def firewalld(self):
        d = os.path.join(self.net.work, 'fw')
        os.makedirs(d + '/etc/zones')
        with open(d + '/bus.conf', 'w') as f:
            f.write(BUS % d)
        with open(d + '/etc/firewalld.conf', 'w') as f:
            f.write('DefaultZone=trusted\nFirewallBackend=nftables\nCleanupOnExit=no\nIPv6_rpfilter=no\nLogDenied=off\n')
        self.bus = {'DBUS_SYSTEM_BUS_ADDRESS': 'unix:path=%s/bus' % d}
        self.net.spawn('gw', ['dbus-daemon', '--config-file=' + d + '/bus.conf', '--nofork', '--nopidfile'], log='bus.log')
        self.until(lambda: os.path.exists(d + '/bus'), 5)
        self.bus['PYTHONPATH'] = FIREWALLD + '/usr/lib/python3/dist-packages'
        self.net.spawn('gw', ['/usr/bin/python3', FIREWALLD + '/usr/sbin/firewalld', '--nofork', '--nopid', '--default-config', FIREWALLD + '/usr/lib/firewalld',
                              '--system-config', d + '/etc', '--log-file', d + '/log'], log='firewalld.log', env=self.bus)
        return self.until(lambda: self.fw('--state') == 0, 15)

    def fw(self, *args):
        return self.net.run('gw', ['/usr/bin/python3', FIREWALLD + '/usr/bin/firewall-cmd'] + list(args), env=dict(os.environ, **self.bus)).returncode

    def everything(self, who):
        """All a daemon does to the kernel, and what must be the same afterwards."""
        before = self.others()
        self.ok(self.start('--mode', 'auto') and self.reaches() and self.reaches(to='fd00:a2::14'), '%s: started beside it, traffic passes' % who)
        r = self.cli('isolate', 'pc-a', '--reason', 'test', '--ttl', '100s')
        self.ok(r.returncode == 0 and not self.reaches() and not self.reaches(to='fd00:a2::14') and self.reaches(7000), '%s: an isolation cuts, the pin stays' % who, r.stderr)
        other = os.path.join(self.net.work, 'other.yaml')
        with open(other, 'w') as f:
            f.write(POLICY.replace('allow: [any]}\n  - {name: back', 'allow: [tcp/80]}\n  - {name: back'))
        a = self.cli('policy', 'apply', other)
        b = self.cli('policy', 'confirm')
        self.ok(a.returncode == 0 and b.returncode == 0, '%s: another policy, tried and confirmed' % who, a.stderr + b.stderr)
        pid = self.pid('enforcer')
        os.kill(pid, signal.SIGKILL)
        self.until(lambda: self.pid('enforcer') not in (0, pid) and self.status().get('enforcer_up'), 8)
        self.nft('delete', 'table', 'inet', 'bulkhead')
        self.ok(self.until(lambda: not self.reaches(), 4), '%s: killed, deleted, repaired' % who)
        if who == 'firewalld':
            self.ok(self.fw('--reload') == 0 and not self.reaches() and self.reaches(7000), 'a reload of firewalld leaves the isolation')
            self.ok(self.fw('--complete-reload') == 0 and not self.reaches(), 'a complete one too')
        self.cli('release', 'pc-a')
        self.ok(self.until(lambda: self.reaches(), 3), '%s: released' % who)
        self.stop()
        r = self.net.run('gw', [BIN, 'disarm', '--yes'])
        after = self.others()
        self.ok(r.returncode == 0 and before == after and len(before) > 100, '%s: its rules are byte for byte what they were' % who, subprocess.run(['diff', '/dev/stdin', '/dev/null'], input=after, text=True, capture_output=True).stdout[:2000] if before != after else '')
        self.ok(self.reaches(), '%s: and it works as before' % who)

    def skip(self, who, why):
        self.n += 1
        print('ok %d - beside %s # skip %s' % (self.n, who, why), flush=True)

    def run(self):
        with open(os.path.join(self.net.work, 'hand.nft'), 'w') as f:
            f.write(BY_HAND)
        r = self.nft('-f', os.path.join(self.net.work, 'hand.nft'))
        self.ok(r.returncode == 0, 'a ruleset by hand, of six families, is loaded', r.stderr)
        self.everything('by hand')
        self.nft('flush', 'ruleset')
        if shutil.which('iptables-nft'):
            bad = [line for line in CONTAINERS if self.net.run('gw', ['iptables-nft'] + line.split()).returncode]
            self.ok(not bad, 'rules as a container runtime makes them are loaded', bad)
            self.everything('containers')
            self.nft('flush', 'ruleset')
        else:
            self.skip('containers', 'no iptables-nft')
        if os.path.exists(FIREWALLD + '/usr/sbin/firewalld') and os.environ.get('BULKHEAD_LAB_USERNS') != '1':
            self.ok(self.firewalld() and self.nft('list', 'table', 'inet', 'firewalld').returncode == 0, 'firewalld runs', self.net.log('firewalld.log') + self.net.log('bus.log'))
            self.everything('firewalld')
        else:
            self.skip('firewalld', 'neither installed nor unpacked in %s (tools/test does that), or one user id only' % FIREWALLD)
        print('1..%d' % self.n, flush=True)
        return self.bad != 0


if __name__ == '__main__':
    sys.exit(daemon.main(Neighbours))
