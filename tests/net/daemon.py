#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`bulkhead run` with all its processes at a gateway in private namespaces: orders, refusals, deaths, foreign hands, full disks.

Prints TAP. Real kernel, real nft (as the foreign hand and as the independent reader), no mock.
"""
import faulthandler
import json
import os
import signal
import subprocess
import sys
import time

ROOT = os.environ.get('BH_SRC') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'drills'))
import lab  # noqa: E402

BIN = os.environ.get('BULKHEAD_BIN', os.path.join(ROOT, 'build', 'bulkhead'))
POLICY = '''version: 1
site: Test town
zones:
  office:  {networks: [10.10.1.0/24, "fd00:a1::/64"], purdue: 4}
  servers: {networks: [10.10.2.0/24, "fd00:a2::/64"], critical: true}
hosts:
  srv:   {addresses: [10.10.2.20, "fd00:a2::14"], roles: [file], never-isolate: true}
  pc-a:  {addresses: [10.10.1.11, "fd00:a1::b"]}
  ward:  {addresses: [10.10.2.30], roles: [safety]}
conduits:
  - {name: all, from: office, to: servers, allow: [any]}
  - {name: back, from: servers, to: office, allow: [any]}
pins:
  - {name: alarm, from: 10.10.1.11, to: 10.10.2.20, allow: [tcp/7000], reason: "nurse call"}
  - {name: pump, from: 10.10.2.30, to: 10.10.1.12, allow: [tcp/7001], reason: "infusion pump"}
response: {mode: auto, budget: {burst: 5, per-hour: 20, share-of-zone: 50%, share-of-role: 50%}}
'''


class Test:
    def __init__(self):
        self.n = self.bad = 0
        self.net = n = lab.Lab()
        n.zone('office', '10.10.1.0/24', 'fd00:a1::/64')
        n.zone('servers', '10.10.2.0/24', 'fd00:a2::/64')
        for name, zone, number in (('pc-a', 'office', 11), ('pc-b', 'office', 12), ('srv', 'servers', 20), ('ward', 'servers', 30)):
            n.host(name, zone, number)
        n.up()
        self.policy = os.path.join(n.work, 'town.yaml')
        with open(self.policy, 'w') as f:
            f.write(POLICY)
        self.sock = os.path.join(n.work, 'api.sock')
        self.eve = os.path.join(n.work, 'eve.json')
        self.daemon = None
        code = ('import socket,threading,sys\n'
                'def serve(fam,port):\n'
                ' s=socket.socket(fam,socket.SOCK_STREAM);s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1)\n'
                ' if fam==socket.AF_INET6: s.setsockopt(socket.IPPROTO_IPV6,socket.IPV6_V6ONLY,1)\n'
                ' s.bind(("",port));s.listen(16)\n'
                ' while True:\n'
                '  c,_=s.accept();threading.Thread(target=echo,args=(c,),daemon=True).start()\n'
                'def echo(c):\n'
                ' try:\n'
                '  while True:\n'
                '   d=c.recv(4096)\n'
                '   if not d: c.close(); return\n'
                '   c.sendall(d)\n'
                ' except OSError: pass\n'
                't=[threading.Thread(target=serve,args=(f,p)) for f in (socket.AF_INET,socket.AF_INET6) for p in (80,7000,7001)]\n'
                '[x.start() for x in t];[x.join() for x in t]\n')
        for host in ('srv', 'ward', 'pc-b'):
            n.spawn(host, [sys.executable, '-c', code], log=host + '.log')
        assert n.wait_port('pc-a', '10.10.2.20', 80) and n.wait_port('pc-a', '10.10.2.20', 7000) and n.wait_port('pc-b', 'fd00:a2::14', 80)

    # ---- helpers ----
    def ok(self, cond, name, why=''):
        self.n += 1
        self.bad += not cond
        print('%sok %d - %s' % ('' if cond else 'not ', self.n, name), flush=True)
        if not cond:
            for line in (str(why) + '\n' + self.net.log('daemon.log')[-1500:]).splitlines():
                print('# ' + line, flush=True)
        return cond

    def cli(self, *args, ns='gw', **kw):
        return self.net.run(ns, [BIN] + list(args) + ['--socket', self.sock], timeout=20, **kw)

    def status(self):
        r = self.cli('status', '--json')
        return json.loads(r.stdout) if r.returncode == 0 else {}

    def start(self, *args, eve=None):
        self.daemon = self.net.spawn('gw', [BIN, 'run', '--policy', self.policy, '--iface', 'br-office,br-servers', '--eve', eve or self.eve, '--socket', self.sock] + list(args), log='daemon.log')
        return self.until(lambda: self.status().get('enforcer_up') and self.nft('list', 'table', 'inet', 'bulkhead').returncode == 0, 10)

    def stop(self):
        self.daemon.terminate()
        self.daemon.wait(10)

    @staticmethod
    def until(test, seconds=5):
        end = time.time() + seconds
        while time.time() < end:
            if test():
                return True
            time.sleep(0.05)
        return False

    def nft(self, *args):
        return self.net.run('gw', ['nft'] + list(args))

    def reaches(self, port=80, frm='pc-a', to='10.10.2.20'):
        return self.net.connects(frm, to, port, 0.5)

    def records(self, action):
        with open(self.eve) as f:
            return [e for e in map(json.loads, f) if e['event_type'] == 'bulkhead' and e['bulkhead']['action'] == action]

    def pid(self, role):
        return self.status().get('processes', {}).get(role, {}).get('pid', 0)

    def orders(self):
        return self.status().get('orders', [])

    # ---- cases ----
    def orders_and_refusals(self):
        self.ok(self.reaches() and self.reaches(to='fd00:a2::14'), 'before any order everything the policy allows works in both families')
        stream = self.net.spawn('pc-a', [sys.executable, '-c', STREAM, '10.10.2.20', '80'], stdout=subprocess.PIPE)
        pinned = self.net.spawn('pc-a', [sys.executable, '-c', STREAM, '10.10.2.20', '7000'], stdout=subprocess.PIPE)
        six = self.net.spawn('pc-a', [sys.executable, '-c', STREAM, 'fd00:a2::14', '80'], stdout=subprocess.PIPE)
        near = self.net.spawn('pc-b', [sys.executable, '-c', STREAM, '10.10.2.20', '80'], stdout=subprocess.PIPE)
        time.sleep(0.6)
        r = self.cli('isolate', 'pc-a', '--reason', 'test', '--dry-run', '--json')
        self.ok(r.returncode == 0 and sorted(json.loads(r.stdout)['order']['cut'])[:2] == ['10.10.1.11', 'fd00:a1::b'] or '02:bb' in r.stdout, 'a dry run names every address of the device', r.stdout)
        self.ok(json.loads(r.stdout)['order']['kept'] == ['alarm'] and self.reaches() and not self.orders(), 'and the pin it keeps, and changes nothing', r.stdout)
        t0 = time.time()
        r = self.cli('isolate', 'pc-a', '--reason', 'test', '--ttl', '60s')
        self.ok(r.returncode == 0 and 'confirmed by the kernel' in r.stdout, 'an isolation by host name is confirmed by the kernel', r.stdout + r.stderr)
        time.sleep(0.8)
        ends = [float(p.communicate(timeout=5)[0].split()[-1]) if p.terminate() is None else 0 for p in (stream, six, pinned, near)]
        self.ok(ends[0] < t0 + 0.4 and ends[1] < t0 + 0.4, 'established flows die in both families', [e - t0 for e in ends])
        self.ok(ends[2] > t0 + 0.6 and ends[3] > t0 + 0.6, 'the pinned flow and the neighbour run on', [e - t0 for e in ends])
        self.ok(not self.reaches() and self.reaches(7000), 'new connections are refused, the pin opens')
        r = self.cli('release', '10.10.1.11', '--reason', 'cleaned')
        self.ok(r.returncode == 0 and self.until(lambda: self.reaches()), 'a release by address frees the whole device', r.stdout + r.stderr)
        r = self.cli('isolate', 'srv', '--reason', 'test')
        self.ok(r.returncode == 4 and 'never' in r.stderr, 'a never-isolate host is refused with exit 4', r.stderr)
        r = self.cli('isolate', '10.10.2.30', '--reason', 'test')
        self.ok(r.returncode == 4 and 'pump' in r.stderr and 'town.yaml:1' in r.stderr, 'a pin in a critical zone is refused with exit 4, pin, file and line', r.stderr)
        r = self.cli('isolate', 'zone:servers', '--reason', 'test')
        self.ok(r.returncode == 4, 'a zone that holds a never-isolate host is refused', r.stderr)
        r = self.cli('isolate', 'nobody-here', '--reason', 'test')
        self.ok(r.returncode == 2, 'an unknown target is a usage error', r.stderr)
        r = self.cli('isolate', '10.10.2.1', '--reason', 'test')
        self.ok(r.returncode == 4, 'the gateway itself is refused', r.stdout + r.stderr)
        r = self.cli('isolate', 'pc-a', '--reason', 'ttl', '--ttl', '2s')
        gone = self.until(lambda: not self.reaches(), 2)
        self.ok(gone and self.until(lambda: self.reaches(), 5) and self.until(lambda: not self.orders(), 3), 'a TTL of two seconds ends by itself, and the order with it')
        self.ok(self.until(lambda: self.records('expired'), 3), 'and the record says expired')
        r = self.cli('isolate', 'zone:office', '--reason', 'outbreak', '--ttl', '30s')
        self.ok(r.returncode == 0 and not self.reaches() and not self.reaches(frm='pc-b') and self.reaches(7000), 'a whole zone is cut, its pin stays', r.stdout + r.stderr)
        self.cli('release', 'zone:office')
        self.ok(self.until(lambda: self.reaches(frm='pc-b')), 'and released')
        mac = '02:bb:00:00:00:02'
        r = self.cli('isolate', mac, '--reason', 'by mac', '--ttl', '30s')
        self.ok(r.returncode == 0 and not self.reaches(frm='pc-b') and not self.reaches(frm='pc-b', to='fd00:a2::14'), 'a MAC is cut in both families', r.stdout + r.stderr)
        self.cli('release', mac)
        self.ok(self.until(lambda: self.reaches(frm='pc-b')), 'and released by MAC')

    def rights(self):
        if os.environ.get('BULKHEAD_LAB_USERNS') == '1':
            print('ok %d - only root may order # skip one user id here' % (self.n + 1))
            self.n += 1
            return
        pre = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', BIN]
        os.chmod(self.net.work, 0o755)
        r = self.net.run('gw', pre + ['status', '--json', '--socket', self.sock])
        r2 = self.net.run('gw', pre + ['isolate', 'pc-a', '--reason', 'x', '--socket', self.sock])
        self.ok(r.returncode == 0 and r2.returncode == 5 and not self.orders(), 'anybody may read the status, only root may order (exit 5)', r.stderr + r2.stderr)
        r = self.net.run('gw', pre + ['run', '--iface', 'br-office', '--eve', '/tmp/none', '--socket', self.net.work + '/other.sock'])
        self.ok(r.returncode == 5 and 'CAP_NET_RAW' in r.stderr, 'run without privileges says which one is missing (exit 5)', r.stderr)

    def deaths(self):
        self.cli('isolate', 'pc-a', '--reason', 'stands', '--ttl', '120s')
        for role in ('sensor', 'core', 'enforcer', 'reporter'):
            pid = self.pid(role)
            os.kill(pid, signal.SIGKILL)
            listed = self.nft('list', 'ruleset')
            held = not self.reaches()
            self.ok(listed.returncode == 0 and held, 'kill -9 of the %s leaves a valid ruleset and the isolation' % role, listed.stderr)
            back = self.until(lambda: self.pid(role) not in (0, pid) and self.status().get('enforcer_up'), 8)
            kept = self.until(lambda: any('10.10.1.11' in o['cut'] for o in self.orders()), 5)
            self.ok(back and kept and not self.reaches(), 'the %s comes back and knows the standing isolation' % role, self.status())
        r = self.cli('isolate', '10.10.1.12', '--reason', 'after all that', '--ttl', '30s')
        self.ok(r.returncode == 0 and not self.reaches(frm='pc-b'), 'and orders work afterwards', r.stdout + r.stderr)
        self.cli('release', '10.10.1.12')
        r = self.cli('release', '10.10.1.11')
        self.ok(r.returncode == 0 and self.until(lambda: self.reaches()), 'an adopted isolation can be released', r.stdout + r.stderr)

    def foreign_hands(self):
        self.nft('add', 'table', 'inet', 'theirs')
        self.nft('add', 'chain', 'inet', 'theirs', 'fw', '{ type filter hook forward priority 0; policy accept; }')
        self.nft('add', 'rule', 'inet', 'theirs', 'fw', 'ct', 'state', 'established,related', 'accept')
        before = self.nft('list', 'table', 'inet', 'theirs').stdout
        self.cli('isolate', 'pc-a', '--reason', 'drift', '--ttl', '120s')
        self.nft('flush', 'chain', 'inet', 'bulkhead', 'forward')
        fixed = self.until(lambda: not self.reaches(), 4)
        self.ok(fixed and self.until(lambda: self.records('reverted'), 3), 'a flushed chain is noticed and repaired')
        rec = self.records('reverted')
        self.ok(rec and 'nft' in rec[-1]['bulkhead']['by'] and 'pid' in rec[-1]['bulkhead']['by'], 'and the foreign program is named with its pid', rec)
        self.nft('delete', 'table', 'inet', 'bulkhead')
        self.ok(self.until(lambda: self.nft('list', 'table', 'inet', 'bulkhead').returncode == 0 and not self.reaches(), 4), 'a deleted table comes back with its isolation')
        left = [o['left_s'] for o in self.orders()]
        self.ok(left and max(left) <= 120, 'with the TTL that was left', left)
        self.nft('flush', 'ruleset')
        self.ok(self.until(lambda: not self.reaches(), 4), 'even after nft flush ruleset')
        self.nft('add', 'table', 'inet', 'theirs')
        self.nft('add', 'chain', 'inet', 'theirs', 'fw', '{ type filter hook forward priority 0; policy accept; }')
        self.nft('add', 'rule', 'inet', 'theirs', 'fw', 'ct', 'state', 'established,related', 'accept')
        self.cli('release', 'pc-a')
        self.cli('isolate', 'pc-a', '--reason', 'again', '--ttl', '60s')
        self.ok(self.nft('list', 'table', 'inet', 'theirs').stdout == before, "another owner's table is byte-identical before and after")
        self.cli('release', 'pc-a')

    def one_at_a_time(self):
        r = self.net.run('gw', [BIN, 'run', '--policy', self.policy, '--iface', 'br-office', '--eve', '/dev/null', '--socket', self.sock])
        self.ok(r.returncode == 1 and 'another daemon' in r.stderr, 'a second daemon on the same socket refuses to start', r.stderr)
        r = self.cli('hosts', '--json')
        ips = {h['ip'] for h in json.loads(r.stdout)['hosts']}
        self.ok(r.returncode == 0 and {'10.10.1.11', '10.10.2.20'} <= ips, 'hosts names who was seen', sorted(ips))
        r = self.net.run('gw', [BIN, 'doctor', '--json'])
        self.ok(r.returncode == 0 and json.loads(r.stdout)['checks']['nftables inet'] == 'yes', 'doctor probes the kernel by dry runs', r.stdout + r.stderr)

    def full_disk(self):
        if self.net.run('gw', ['true']).returncode:
            return
        small = os.path.join(self.net.work, 'small')
        os.makedirs(small)
        subprocess.check_call(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small])
        with open(small + '/fill', 'wb') as f:
            f.write(b'x' * 61000)
        self.start(eve=small + '/eve.json')
        for i in range(60):
            self.reaches()
            self.reaches(7000, to='fd00:a2::14')
        self.cli('isolate', 'pc-a', '--reason', 'disk', '--ttl', '60s')
        told = self.until(lambda: 'No space left' in self.net.log('daemon.log'), 15)
        s = self.status()
        self.ok(told and s.get('enforcer_up') and not self.reaches(), 'a full disk is said once and stops neither detection nor enforcement', s)
        os.unlink(small + '/fill')
        self.ok(self.until(lambda: 'is written again' in self.net.log('daemon.log'), 15), 'and writing goes on when there is room')
        with open(small + '/eve.json') as f:
            lines = f.read().split('\n')
        self.ok(all(json.loads(x) for x in lines[:-1]) and lines[-1] == '', 'every line in the file is whole')
        self.cli('release', 'pc-a')
        self.stop()
        subprocess.call(['umount', small])

    def stopping(self):
        self.cli('isolate', 'pc-a', '--reason', 'stays', '--ttl', '100s')
        self.stop()
        self.ok(not self.reaches() and self.nft('list', 'table', 'inet', 'bulkhead').returncode == 0, 'stopping leaves the ruleset and the isolation')
        r = self.cli('status')
        self.ok(r.returncode == 6 and 'drill' in r.stderr, 'without a daemon the exit code is 6 and says what to do', r.stderr)
        self.ok(self.start('--bridge') and self.until(lambda: self.orders(), 5) and not self.reaches(), 'a new daemon takes the standing isolation over', self.status())
        r = self.nft('list', 'set', 'bridge', 'bulkhead', 'iso4')
        self.ok('10.10.1.11' in r.stdout, 'and with --bridge it stands between the ports of a bridge too', r.stdout + r.stderr)
        if '"owner and persist":"yes"' in self.net.run('gw', [BIN, 'doctor', '--json']).stdout:
            refused = self.nft('delete', 'table', 'inet', 'bulkhead').returncode
            r = self.net.run('gw', [BIN, 'disarm', '--yes'])
            self.ok(refused and r.returncode != 0 and 'running daemon' in r.stderr and not self.reaches(), 'while it runs the table is its own: nft and disarm are refused', r.stderr)
        self.stop()
        r = self.net.run('gw', [BIN, 'disarm', '--yes'])
        tables = self.nft('list', 'tables').stdout
        self.ok(r.returncode == 0 and 'bulkhead' not in tables and 'theirs' in tables and self.reaches(), 'disarm removes our table and nothing else', tables + r.stderr)

    def observing(self):
        self.start('--mode', 'observe')
        r = self.cli('isolate', 'pc-a', '--reason', 'x')
        self.ok(r.returncode == 4 and 'observe' in r.stderr, 'in observe mode an order is refused and says why', r.stderr)
        self.ok(self.reaches() and self.net.connects('ward', '10.10.1.12', 80, 0.5), 'and nothing is dropped')
        r = self.cli('mode', 'auto')
        r = self.cli('isolate', 'pc-a', '--reason', 'x', '--ttl', '20s')
        self.ok(r.returncode == 0 and not self.reaches(), 'mode auto takes effect without a restart', r.stderr)
        self.cli('release', 'pc-a')
        self.stop()

    def two_workers(self):
        self.start('--workers', '2', '--mode', 'auto')
        self.until(lambda: self.reaches(frm='pc-b', to='10.10.2.30') and self.status()['counters']['packets'] > 0, 10)  # it listens
        code = ('import socket\n'
                'for p in (9001,9002,9003,9004,9005,9006):\n'
                ' s=socket.socket();s.settimeout(0.3)\n'
                ' try: s.connect(("10.10.2.30",p))\n'
                ' except OSError: pass\n')
        self.net.run('pc-b', [sys.executable, '-c', code])
        found = self.until(lambda: any(o['step'] == 'shield' and '10.10.1.12' in o['cut'] for o in self.orders()), 5)
        s = self.status()
        self.ok(found and s['counters']['kernel_drops'] == 0 and s['counters']['ring_drops'] == 0, 'two workers find a scan of closed ports and shield the critical zone', s)
        self.ok(not self.reaches(frm='pc-b', to='10.10.2.30') and self.reaches(frm='pc-a'), 'the shielded host opens nothing there, its neighbour does')
        self.cli('release', '10.10.1.12')
        self.ok(self.until(lambda: self.reaches(frm='pc-b', to='10.10.2.30')), 'a shield is released like an isolation')
        self.stop()

    def run(self):
        self.ok(self.start('--share-table'), 'run starts sensor, core, enforcer and reporter')
        self.orders_and_refusals()
        self.rights()
        self.deaths()
        self.foreign_hands()
        self.one_at_a_time()
        self.stopping()
        self.observing()
        self.two_workers()
        self.full_disk()
        print('1..%d' % self.n, flush=True)
        return self.bad != 0


STREAM = '''
import socket,sys,time
s=socket.create_connection((sys.argv[1],int(sys.argv[2])),2); s.settimeout(0.3)
last=time.time()
try:
    while True:
        s.sendall(b"x"); s.recv(16); last=time.time(); print(last,flush=True); time.sleep(0.01)
except OSError: time.sleep(5)
'''


def main(kind=Test):
    try:
        lab.private()
    except lab.Unavailable as e:
        print('1..0 # skip %s' % e)
        return 77
    os.environ['PATH'] += ':/usr/sbin:/sbin'
    faulthandler.dump_traceback_later(200, exit=True)  # a hang says where
    t = kind()
    try:
        return int(t.run())
    finally:
        t.net.down()


if __name__ == '__main__':
    sys.exit(main())
