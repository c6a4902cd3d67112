#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way to cut, by the CLI of a running daemon, against real connections: containment, islands, single connections,
segments, breakers and drawbridges; and that releasing one order leaves alone what another holds. Prints TAP."""
import json
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon  # noqa: E402

TALK = '''import socket,sys,time
s=socket.socket(); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1); s.bind(("",int(sys.argv[3]))); s.settimeout(2)
s.connect((sys.argv[1],int(sys.argv[2])))
try:
 while True:
  s.sendall(b"x")
  if not s.recv(1): break
  print(time.time(),flush=True); time.sleep(0.05)
except OSError: pass
'''


class Verbs(daemon.Test):
    def __init__(self):
        super().__init__()
        away = time.time() + 12 * 3600  # a window that is not now, in whatever zone this runs
        window = time.strftime('%H:%M', time.localtime(away)) + '-' + time.strftime('%H:%M', time.localtime(away + 3600))
        with open(self.policy, 'w') as f:
            f.write(daemon.POLICY.replace('to: servers, allow: [any]}', 'to: servers, allow: [any], breaker: {admin-off: contain, pins-only: isolate}}')
                    .replace('to: office, allow: [any]}', 'to: office, allow: [any], drawbridge: {open: "%s"}}' % window))
        code = ('import socket\n'
                's=socket.socket();s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1);s.bind(("",22));s.listen(16)\n'
                'while True:\n c,_=s.accept();c.close()\n')
        self.net.spawn('srv', [sys.executable, '-c', code], log='ssh.log')
        self.net.wait_port('pc-a', '10.10.2.20', 22)

    def talk(self, frm, to, port, sport):
        p = self.net.spawn(frm, [sys.executable, '-c', TALK, to, str(port), str(sport)], stdout=subprocess.PIPE)
        time.sleep(0.6)
        return p

    @staticmethod
    def last(p):
        p.terminate()
        t = p.communicate(timeout=5)[0].split()
        return float(t[-1]) if t else 0

    def conduit(self, name):
        got = [c for c in self.status().get('conduits', []) if c['conduit'] == name]
        return got[0] if got else {'state': 'normal', 'why': 'none'}

    def held(self):
        """networks in the kernel's own sets"""
        return sorted(m for f in '46' for m in re.findall(r'[\d.a-f:]+/\d+', self.nft('list', 'set', 'inet', 'bulkhead', 'isonet' + f).stdout))

    def holds(self, addr):
        return addr + ' ' in self.nft('list', 'set', 'inet', 'bulkhead', 'iso4').stdout

    def give(self, *args, code=0, name=None):
        r = self.cli(*args)
        self.ok(r.returncode == code, name or ' '.join(args) + (' is done' if code == 0 else ' is refused'), r.stdout + r.stderr)
        return r

    def kill(self):
        one, other = self.talk('pc-a', '10.10.2.20', 80, 45001), self.talk('pc-a', '10.10.2.20', 80, 45002)
        t0 = time.time()
        self.give('kill', 'tcp', '10.10.1.11:45001', '10.10.2.20:80', '--reason', 'copies itself')
        time.sleep(0.8)
        self.ok(self.last(one) < t0 + 0.5 and self.last(other) > t0 + 0.6, 'that connection dies, the one beside it lives')
        self.ok(self.reaches(), 'and its host may open others')
        r = self.give('kill', 'tcp', '10.10.1.11:45003', '10.10.2.20:7000', '--reason', 'x', code=4)
        self.ok('pinned' in r.stderr, 'a pinned one is not killed, and why', r.stderr)
        o = self.orders()
        self.ok(len(o) == 1 and o[0]['step'] == 'kill' and o[0]['cut'] == ['tcp 10.10.1.11:45001 > 10.10.2.20:80'], 'status shows the connection', o)
        self.give('release', str(o[0]['order']))
        self.ok(not self.orders(), 'and it can be released by its number')

    def contain_and_breaker(self):
        self.ok(self.reaches(22) and self.reaches(22, frm='pc-b'), 'ssh works')
        self.give('isolate', 'pc-a', '--contain', '--reason', 'odd logons', '--ttl', '60s')
        self.ok(not self.reaches(22) and self.reaches(80), 'contained, it administers nobody and works on')
        self.ok(self.conduit('all').get('why') == 'breaker' and self.conduit('all')['state'] == 'no-admin', 'the breaker has tripped', self.status().get('conduits'))
        self.ok(self.until(lambda: not self.reaches(22, frm='pc-b')), 'for the neighbour too')
        self.give('breaker', 'all', 'normal', '--reason', 'we know who it is')
        self.ok(self.reaches(22, frm='pc-b') and not self.reaches(22), 'reset by hand, the neighbour administers again; who is contained does not')
        self.give('release', 'pc-a')
        self.ok(self.until(lambda: self.reaches(22)), 'released, it does again')
        r = self.give('breaker', 'all', 'pins-only', '--ttl', '60s', '--dry-run')
        self.ok(self.reaches() and 'would be closed but for pins' in r.stdout, 'a dry run says what would be and changes nothing', r.stdout)
        self.give('breaker', 'all', 'pins-only', '--ttl', '60s', '--reason', 'fire')
        self.ok(not self.reaches() and self.reaches(7000), 'closed by hand, nothing but pins passes, the moment the command is back')
        r = self.cli('status')
        self.ok('conduit   all closed by hand' in r.stdout and 'fire' in r.stdout, 'a person reads why', r.stdout)
        self.give('breaker', 'all', 'normal', '--reason', 'over')
        self.ok(self.reaches(), 'and opens it')
        self.give('breaker', 'nowhere', 'normal', '--reason', 'x', code=2, name='a conduit nobody knows is an error')
        told = [e['bulkhead'] for e in self.records('posture')]
        self.ok(any(e['conduit'] == 'all' and e['to'] == 'no-admin' and e['why'] == 'breaker' for e in told) and
                any(e['conduit'] == 'all' and e['to'] == 'closed' and e.get('reason') == 'fire' for e in told), 'every change is in the record', told)

    def drawbridge(self):
        self.ok(self.conduit('back').get('why') == 'hours' and not self.reaches(frm='srv', to='10.10.1.12'), 'outside its hours the drawbridge is up', self.status().get('conduits'))
        self.give('drawbridge', 'back', 'lower', '--ttl', '60s', '--reason', 'a delivery')
        self.ok(self.reaches(frm='srv', to='10.10.1.12'), 'lowered by hand it lets through')
        p = self.talk('srv', '10.10.1.12', 80, 45010)
        t0 = time.time()
        self.give('drawbridge', 'back', 'auto', '--reason', 'done')
        time.sleep(0.8)
        self.ok(self.last(p) < t0 + 0.6 and not self.reaches(frm='srv', to='10.10.1.12'), 'up again, what was open is closed too')

    def island(self):
        inside = self.net.connects('pc-a', '10.10.1.12', 80, 0.5)
        self.give('isolate', 'zone:servers', '--island', '--reason', 'outbreak', code=4, name='a zone with a host never to be isolated becomes no island')
        self.give('isolate', 'zone:office', '--island', '--ttl', '60s', '--reason', 'outbreak')
        self.ok(not self.reaches() and not self.reaches(frm='pc-b', to='fd00:a2::14') and self.reaches(7000), 'nothing but pins crosses the edge of an island')
        self.ok(self.net.connects('pc-a', '10.10.1.12', 80, 0.5) == inside, 'inside nothing has changed')
        self.give('release', 'zone:office')
        self.ok(self.until(lambda: self.reaches()), 'and it can be released')

    def scopes_and_shared_cuts(self):
        self.give('isolate', 'pc-a', '--scope', 'segment', '--ttl', '60s', '--reason', 'who knows who else')
        self.ok(not self.reaches(frm='pc-b') and not self.reaches(frm='pc-b', to='fd00:a2::14') and self.reaches(7000), 'the segment is cut around the host in both families, the pin is not')
        self.ok(self.held() == ['10.10.1.0/24', 'fd00:a1::/64'], 'by its networks', self.held())
        h = json.loads(self.cli('hosts', '10.10.1.12', '--json').stdout)['hosts']
        self.ok(h and h[0]['isolated'], 'its neighbours are shown as isolated', h)
        self.give('release', str(self.orders()[0]['order']))
        self.ok(self.until(lambda: self.reaches(frm='pc-b')), 'released by its number')
        self.give('isolate', '10.10.1.0/25', '--ttl', '60s', '--reason', 'a network')
        self.ok(self.held() == ['10.10.1.0/25'] and not self.reaches(frm='pc-b'), 'a network is a target', self.held())
        self.give('isolate', 'zone:office', '--ttl', '60s', '--reason', 'all of it')
        self.give('release', '10.10.1.0/25')
        self.ok(self.until(lambda: self.held() == ['10.10.1.0/25', '10.10.1.128/25', 'fd00:a1::/64']), 'the wider order holds all when the narrower is released', self.held())
        self.give('isolate', '10.10.1.0/25', '--ttl', '60s', '--reason', 'a network')
        self.give('release', 'zone:office')
        self.ok(self.until(lambda: self.held() == ['10.10.1.0/25']), 'and the narrower its part when the wider is', self.held())
        self.give('release', '10.10.1.0/25')
        self.ok(self.until(lambda: not self.held() and self.reaches(frm='pc-b')), 'then nothing is')
        self.give('isolate', 'pc-a', '--ttl', '90s', '--reason', 'first')
        self.give('isolate', 'pc-a', '--ttl', '5s', '--reason', 'second')
        ids = [o['order'] for o in self.orders()]
        r = self.give('release', str(ids[-1]))
        self.ok('another order holds' in r.stdout and self.holds('10.10.1.11') and not self.reaches(), 'what the first order holds stays cut when the second is released', r.stdout)
        time.sleep(5)
        self.ok(self.holds('10.10.1.11') and [o['order'] for o in self.orders()] == ids[:1], 'and has not got the short life of the second')
        self.give('release', 'pc-a')
        self.ok(self.until(lambda: self.reaches()), 'until the first is released as well')

    def deaths(self):
        self.give('breaker', 'all', 'pins-only', '--ttl', '60s', '--reason', 'fire')
        self.give('drawbridge', 'back', 'lower', '--ttl', '60s', '--reason', 'a delivery')
        for role in ('core', 'enforcer'):
            old = self.pid(role)
            os.kill(old, signal.SIGKILL)
            opened = 0
            end = time.time() + 3
            while time.time() < end:
                opened += self.net.connects('pc-a', '10.10.2.20', 80, 0.1)
            self.ok(self.until(lambda: self.pid(role) not in (0, old)) and not opened, 'the %s dies and comes back, and the closed conduit was open at no moment' % role, opened)
            self.ok(self.conduit('all')['state'] == 'closed' and self.conduit('all').get('reason') == 'fire', 'the next one knows who closed it and why', self.status().get('conduits'))
            self.ok(self.reaches(7000) and self.reaches(frm='srv', to='10.10.1.12'), 'the pin passes, and what was lowered by hand is down')
        self.give('breaker', 'all', 'normal', '--reason', 'over')
        self.give('isolate', 'pc-a', '--contain', '--reason', 'odd logons', '--ttl', '60s')
        self.ok(self.until(lambda: not self.reaches(22, frm='pc-b')), 'a breaker has tripped')
        old = self.pid('core')
        os.kill(old, signal.SIGKILL)
        opened = 0
        end = time.time() + 3
        while time.time() < end:
            opened += self.net.connects('pc-b', '10.10.2.20', 22, 0.1)
        self.ok(self.until(lambda: self.pid('core') not in (0, old)) and not opened, 'what tripped it is read from the kernel before there is a new law', opened)
        self.give('release', 'pc-a')
        self.ok(self.until(lambda: self.reaches(22, frm='pc-b')), 'and released it opens')

    def run(self):
        self.ok(self.start(), 'run starts')
        self.kill()
        self.contain_and_breaker()
        self.drawbridge()
        self.island()
        self.scopes_and_shared_cuts()
        self.deaths()
        self.stop()
        print('1..%d' % self.n, flush=True)
        return self.bad != 0


if __name__ == '__main__':
    sys.exit(daemon.main(Verbs))
