#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real USB gadget: dummy_hcd and g_ether of Debian's kernel. The endpoint is this machine, the sensor a namespace of it.

Run by tools/test --all in the VM; needs root, a kernel with these modules and a machine to itself, and skips with 77 otherwise. News
of USB devices reaches every namespace, so the sensor hears of the gadget as of one in its own port, and from the companion as of one
in the endpoint's; of the network interface, which belongs to the endpoint, only the companion knows. Prints TAP.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.environ.get('BH_SRC') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get('BULKHEAD_BIN', os.path.join(ROOT, 'build', 'bulkhead'))
MAC = '48:6f:73:74:50:43'
GW = ['nsenter', '--net=/run/netns/gw', '--']


def sh(*cmd, **kw):
    return subprocess.run(cmd, capture_output=True, text=True, timeout=60, **kw)


class Gadget:
    def __init__(self):
        self.n = self.bad = 0
        self.work = tempfile.mkdtemp(prefix='bulkhead-usb-')
        os.chmod(self.work, 0o755)
        self.procs = []

    def path(self, name):
        return os.path.join(self.work, name)

    def ok(self, cond, name, why=''):
        self.n += 1
        self.bad += not cond
        print('%sok %d - %s' % ('' if cond else 'not ', self.n, name), flush=True)
        if not cond:
            for log in ('run.log', 'watch.log'):
                why = '%s\n%s' % (why, open(self.path(log), errors='replace').read()[-800:] if os.path.exists(self.path(log)) else '')
            print('\n'.join('# ' + line for line in why.splitlines()), flush=True)

    def spawn(self, cmd, log):
        self.procs.append(subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=open(self.path(log), 'ab'), stderr=subprocess.STDOUT))

    @staticmethod
    def until(test, seconds):
        end = time.time() + seconds
        while time.time() < end:
            if test():
                return True
            time.sleep(0.05)
        return False

    def alerts(self, word=''):
        try:
            with open(self.path('eve.json')) as f:
                found = [e for e in map(json.loads, f) if e['event_type'] == 'alert' and e['alert']['signature_id'] == 9100045]
        except FileNotFoundError:
            return []
        return [e for e in map(json.dumps, found) if word in e]

    def usb(self):
        r = sh(*GW, BIN, 'status', '--json', '--socket', self.path('api.sock'))
        return json.loads(r.stdout).get('usb', {}) if r.returncode == 0 else {}

    def up(self):
        for line in ('ip netns add gw', 'ip link add veth0 type veth peer name wire netns gw', 'ip addr add 10.10.1.11/24 dev veth0', 'ip link set veth0 up',
                     'ip -n gw addr add 10.10.1.1/24 dev wire', 'ip -n gw link set wire up', 'ip -n gw link set lo up'):
            r = sh(*line.split())
            if r.returncode:
                return line + ': ' + r.stderr
        with open(self.path('town.yaml'), 'w') as f:
            f.write('version: 1\nsite: Ports\nzones:\n  office: {networks: [10.10.1.0/24], purdue: 4}\n')
        with open(self.path('keys'), 'w') as f:
            f.write(sh(BIN, 'usb-watch', '--make-key', self.path('key'), '--name', 'desk-1').stdout)
        self.spawn(GW + [BIN, 'run', '--policy', self.path('town.yaml'), '--iface', 'wire', '--no-enforcer', '--eve', self.path('eve.json'), '--socket', self.path('api.sock'),
                         '--usb-listen', '10.10.1.1:7788', '--usb-keys', self.path('keys')], 'run.log')
        return '' if self.until(lambda: self.usb(), 30) else 'the daemon did not start'

    def run(self):
        why = self.up()
        self.ok(not why, 'a sensor runs beside an endpoint', why)
        self.spawn([BIN, 'usb-watch', '--to', '10.10.1.1:7788', '--key', self.path('key'), '--name', 'desk-1'], 'watch.log')
        self.ok(self.until(lambda: self.usb().get('taken', 0) >= 1, 15), 'the companion tells what is there: a root hub', str(self.usb()))
        time.sleep(1)
        self.ok(not self.alerts(), 'and that is no news', str(self.alerts()))
        t0 = time.time()
        r = sh('modprobe', 'g_ether', 'host_addr=' + MAC, 'dev_addr=02:aa:bb:cc:dd:ee', 'idVendor=0x1d6b', 'idProduct=0x0104')
        told = self.until(lambda: self.alerts(MAC), 15)
        took = time.time() - t0
        print('# from modprobe to the record with its MAC: %.2f s' % took, flush=True)
        self.ok(told and took < 5, 'a real gadget is told within 5 s with its MAC', r.stderr + str(self.alerts()) + str(self.usb()))
        text = (self.alerts(MAC) or [''])[0]
        self.ok(all(w in text for w in ('1d6b:0104', 'desk-1', 'port 1-1', 'Linux gadget')), 'with its ids, endpoint and port', text)
        self.ok(self.until(lambda: self.alerts('this sensor'), 5), 'and the sensor tells what came to its own ports', str(self.alerts()))
        n, taken = len(self.alerts()), self.usb().get('taken', 0)
        sh('modprobe', '-r', 'g_ether')
        heard = self.until(lambda: self.usb().get('taken', 0) > taken, 5)
        time.sleep(1)
        self.ok(heard and len(self.alerts()) == n, 'that it is pulled out is heard, and no alert', str(self.alerts()) + str(self.usb()))
        print('1..%d' % self.n, flush=True)
        return self.bad != 0

    def down(self):
        for p in self.procs:
            p.terminate()
        for p in self.procs:
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
        sh('modprobe', '-r', 'g_ether')
        sh('ip', 'netns', 'del', 'gw')
        sh('rm', '-rf', self.work)


def main():
    os.environ['PATH'] += ':/usr/sbin:/sbin'
    if os.geteuid() or sh('modprobe', 'dummy_hcd').returncode or sh('modprobe', 'cdc_ether').returncode:
        print('1..0 # skip no dummy_hcd here: a USB port needs a kernel that has one')
        return 77
    g = Gadget()
    try:
        return int(g.run())
    finally:
        g.down()


if __name__ == '__main__':
    sys.exit(main())
