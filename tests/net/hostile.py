#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`bulkhead run` among people who mean it harm: clients that hang, flood and stammer, processes stopped, logs rotated.

Prints TAP. The lab, the policy and the helpers are those of daemon.py.
"""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon  # noqa: E402
lab, BIN = daemon.lab, daemon.BIN


GUEST = '''import os,socket,sys
os.setgid(65534); os.setuid(65534)
held=[]
while True:
 s=socket.socket(socket.AF_UNIX)
 try:
  s.connect(sys.argv[1]); s.sendall(b"flows\\n")
 except OSError: pass
 held.append(s)
 if len(held)>int(sys.argv[2]): held.pop(0).close()
'''


class Hostile(daemon.Test):
    def connect(self):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.connect(self.sock)
        s.settimeout(3)
        return s

    def quick(self, limit=1.0):
        t = time.time()
        r = self.cli('status', '--json')
        return r.returncode == 0 and time.time() - t < limit

    @staticmethod
    def answer(s):
        data = b''
        try:
            while True:
                d = s.recv(65536)
                if not d:
                    break
                data += d
        except OSError:
            pass
        return data.decode()

    def clients(self):
        idle = [self.connect() for _ in range(40)]
        self.ok(self.quick(), 'forty silent clients leave room for one that asks')
        time.sleep(5.5)
        idle[-1].settimeout(1)
        try:
            gone = idle[-1].recv(1) == b''
        except OSError as e:
            gone = isinstance(e, ConnectionError)
        self.ok(gone, 'a client that never asks is let go after five seconds')
        s = self.connect()
        try:
            s.sendall(b'A' * (1 << 20))
        except OSError:
            pass
        self.ok('too long' in self.answer(s) and self.quick(), 'a line of a megabyte is refused with a word, and the next client served')
        for text in (b'\n', b'status\0\n', b'isolate\n', b'isolate target=\n', b'isolate target=10.10.1.12\n', b'release dry=1 target=10.10.1.12\n', b'mode\n', b'nonsense a=b\n', b'\xff\xfe\n', b'release target="\n', b'mode mode=war\n', b'isolate target=10.10.1.12 for=99999999999999999999\n'):
            s = self.connect()
            s.sendall(text)
            a = self.answer(s)
            self.ok(a.endswith('\n') and json.loads(a)['exit'] != 0 and json.loads(a)['text'], 'the request %r gets one JSON object that says what is wrong' % text, a)
        s = self.connect()
        for c in b'status':
            s.sendall(bytes([c]))
            time.sleep(0.01)
        s.sendall(b'\nstatus\n')
        self.ok(json.loads(self.answer(s))['exit'] == 0, 'a request byte by byte is answered')
        lazy = []
        for _ in range(8):
            s = self.connect()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            s.sendall(b'hosts\n')
            lazy.append(s)
        t = time.time()
        r = self.cli('isolate', '10.10.1.12', '--reason', 'among the lazy', '--ttl', '30s')
        self.ok(r.returncode == 0 and time.time() - t < 1.5, 'eight clients that do not read delay no isolation', r.stderr)
        self.cli('release', '10.10.1.12')
        for s in idle + lazy:
            s.close()

    def guests(self):
        """who may only read asks for what costs most, without waiting for the answer"""
        if os.environ.get('BULKHEAD_LAB_USERNS') == '1':
            print('ok %d - guests # skip one user id here' % (self.n + 1))
            self.n += 1
            return
        os.chmod(self.net.work, 0o755)
        before = self.status()['processes']['enforcer']['pid']
        for keep in (0, 40):
            p = self.net.spawn('gw', [sys.executable, '-c', GUEST, self.sock, str(keep)])
            time.sleep(0.5)
            worst = bad = 0
            for _ in range(4):
                t = time.time()
                bad += self.cli('isolate', '10.10.1.12', '--reason', 'among guests', '--ttl', '30s').returncode != 0
                worst = max(worst, time.time() - t)
                self.cli('release', '10.10.1.12')
            p.terminate()
            p.wait(5)
            self.ok(not bad and worst < 1.5, 'a flood of questions by who may only read, %s, delays no isolation' % ('each waiting' if keep else 'none waiting'), (bad, worst))
        self.ok(self.status()['processes']['enforcer']['pid'] == before, 'and costs no enforcer')

    def manners(self):
        with open('/dev/full', 'w') as full:
            r = self.net.run('gw', [BIN, 'detectors', '--json'], stdout=full, capture_output=False)
            self.ok(r.returncode == 1, 'an output that cannot be written is exit 1', r.returncode)
        r = self.net.run('gw', [BIN, 'detectors', 'scan.seq', '--json'])
        self.ok(r.returncode == 0 and [d['name'] for d in json.loads(r.stdout)['detectors']] == ['scan.seq'], 'one detector as JSON', r.stdout + r.stderr)
        for args in (['run', '--iface', 'lo,lo'], ['run', '--iface', 'lo', '--workers', '3x'], ['run', '--iface', 'lo', '--mode', 'war'], ['release', '--shield', '10.10.1.12'], ['release', '--dry-run', '10.10.1.12'], ['isolate', '', '--reason', 'x'], ['status', '--socket', 'x' * 200]):
            r = self.net.run('gw', [BIN] + args + ([] if '--socket' in args else ['--socket', self.sock]))
            self.ok(r.returncode == 2 and r.stderr and not self.orders(), '%s is a usage error and cuts nothing' % ' '.join(args)[:40], (r.returncode, r.stderr))
        self.ok(self.status()['mode'] == 'auto', 'and the mode is what it was')

    def privileges(self):
        for role in ('sensor', 'core', 'enforcer', 'reporter'):
            pid = self.pid(role)
            with open('/proc/%d/status' % pid) as f:
                st = dict(line.split(':\t', 1) for line in f.read().splitlines() if ':\t' in line)
            caps = int(st['CapEff'], 16) | int(st['CapPrm'], 16) | int(st['CapInh'], 16) | int(st['CapAmb'], 16)
            want = 1 << 12 if role == 'enforcer' else 0
            self.ok(caps == want and st['NoNewPrivs'] == '1' and st['Seccomp'] == '2', 'the %s holds %s, no new privileges, a filter' % (role, 'CAP_NET_ADMIN' if want else 'no capability'), (st['CapEff'], st['CapPrm'], st['NoNewPrivs'], st['Seccomp']))
            fds = {}
            for fd in os.listdir('/proc/%d/fd' % pid):
                try:
                    fds[int(fd)] = os.readlink('/proc/%d/fd/%s' % (pid, fd))
                except OSError:
                    pass
            extra = [v.split(':')[0] for k, v in sorted(fds.items()) if k > 2]
            most = {'sensor': 5, 'core': 5, 'enforcer': 6, 'reporter': 3}[role]
            files = [v for k, v in fds.items() if k > 2 and v.startswith('/') and v != self.eve]
            self.ok(len(extra) <= most and not files and (role == 'reporter' or self.eve not in fds.values()), 'the %s holds its own descriptors only' % role, fds)

    def stopped(self):
        pid = self.pid('enforcer')
        os.kill(pid, signal.SIGSTOP)
        r = self.cli('isolate', '10.10.1.12', '--reason', 'while stopped', '--ttl', '60s')
        self.ok(r.returncode == 8 and 'not answered' in r.stderr + r.stdout, 'an enforcer that is stopped: exit 8 says the kernel has not answered', (r.returncode, r.stdout + r.stderr))
        self.ok(self.quick(), 'and the core goes on answering')
        os.kill(pid, signal.SIGCONT)
        self.ok(self.until(lambda: not self.reaches(frm='pc-b')), 'continued, it does what was asked')
        os.kill(pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)
        self.ok(self.until(lambda: self.status().get('enforcer_up') and self.pid('enforcer') not in (0, pid), 8), 'killed, it comes back')
        self.until(lambda: any(o['state'] == 'applied' for o in self.orders()), 3)
        cuts = [o['cut'] for o in self.orders() if '10.10.1.12' in o['cut']]
        self.ok(len(cuts) == 1 and len(cuts[0]) == len(set(cuts[0])), 'and the order holds every cut once', cuts)
        r = self.cli('release', '10.10.1.12')
        self.ok(r.returncode == 0 and self.until(lambda: self.reaches(frm='pc-b')), 'and is released')
        for role in ('sensor', 'reporter'):
            pid = self.pid(role)
            os.kill(pid, signal.SIGSTOP)
            for _ in range(3):
                self.reaches()
            r = self.cli('isolate', '10.10.1.12', '--reason', role, '--ttl', '60s')
            self.ok(r.returncode == 0 and not self.reaches(frm='pc-b'), 'a stopped %s stops no order' % role, r.stderr)
            self.cli('release', '10.10.1.12')
            os.kill(pid, signal.SIGCONT)
        pid = self.pid('core')
        os.kill(pid, signal.SIGSTOP)
        t = time.time()
        r = self.cli('status')
        self.ok(r.returncode in (6, 8) and time.time() - t < 15, 'a stopped core: the CLI gives up and says so', (r.returncode, r.stderr, time.time() - t))
        os.kill(pid, signal.SIGCONT)
        self.ok(self.until(self.quick, 5), 'continued, it answers')

    def release_without_enforcer(self):
        self.cli('isolate', '10.10.1.12', '--reason', 'x', '--ttl', '120s')
        pid = self.pid('enforcer')
        os.kill(self.daemon.pid, signal.SIGSTOP)  # nobody starts it again
        os.kill(pid, signal.SIGKILL)
        self.until(lambda: not self.status().get('enforcer_up'), 3)
        r = self.cli('release', '10.10.1.12')
        self.ok(r.returncode == 8 and 'still holds' in r.stdout + r.stderr and not self.reaches(frm='pc-b'), 'a release without an enforcer says that the kernel still holds it', (r.returncode, r.stdout + r.stderr))
        r = self.cli('isolate', '10.10.1.11', '--reason', 'y', '--ttl', '120s')
        self.ok(r.returncode == 8 and 'no enforcer' in r.stdout + r.stderr, 'an isolation too', (r.returncode, r.stdout + r.stderr))
        os.kill(self.daemon.pid, signal.SIGCONT)
        self.ok(self.until(lambda: self.reaches(frm='pc-b'), 8) and not any('10.10.1.12' in o['cut'] for o in self.orders()), 'both are made good when one is there: released', self.orders())
        self.ok(self.until(lambda: not self.reaches(), 5), 'and isolated')
        self.cli('release', '10.10.1.11')
        for ttl in ('300s', '400s'):
            self.cli('isolate', '10.10.1.12', '--reason', 'held twice', '--ttl', ttl)
        last = self.orders()[-1]['order']
        os.kill(self.daemon.pid, signal.SIGSTOP)
        os.kill(self.pid('enforcer'), signal.SIGKILL)
        self.until(lambda: not self.status().get('enforcer_up'), 3)
        self.cli('release', str(last))
        monitor = self.net.spawn('gw', ['nft', 'monitor'], stdout=subprocess.PIPE)
        time.sleep(0.3)
        os.kill(self.daemon.pid, signal.SIGCONT)
        mine = lambda: 'order %d ' % (last - 1) in self.nft('list', 'set', 'inet', 'bulkhead', 'iso4').stdout  # noqa: E731
        back = self.until(mine, 8)
        monitor.terminate()
        steps = monitor.communicate(timeout=5)[0].decode().split('# new generation')
        freed = [s for s in steps if 'delete element inet bulkhead iso4' in s and 'e element inet bulkhead iso4' not in s.replace('delete element', '')]
        self.ok(back and not freed, 'what one of two orders frees meanwhile is at no moment free', freed)
        self.cli('release', '10.10.1.12')

    def modes(self):
        self.cli('isolate', '10.10.1.12', '--reason', 'over the modes', '--ttl', '120s')
        self.cli('mode', 'observe')
        self.ok(self.until(lambda: self.reaches(frm='pc-b'), 3), 'observing, nothing is cut')
        self.cli('mode', 'auto')
        self.ok(self.until(lambda: not self.reaches(frm='pc-b'), 3) and len(self.orders()) == 1, 'back in auto, the standing isolation is in the kernel again', self.orders())
        self.cli('release', '10.10.1.12')
        path = os.path.join(self.net.work, 'precious')
        with open(path, 'w') as f:
            f.write('not a socket')
        r = self.net.run('gw', [BIN, 'run', '--policy', self.policy, '--iface', 'br-office', '--eve', '/dev/null', '--socket', path], timeout=10)
        self.ok(r.returncode == 1 and os.path.exists(path) and 'cannot listen' in r.stderr, 'a file that is no socket is not removed for one', (r.returncode, r.stderr))

    def rotation(self):
        os.rename(self.eve, self.eve + '.1')
        self.daemon.send_signal(signal.SIGHUP)
        self.cli('isolate', '10.10.1.12', '--reason', 'rotated', '--ttl', '2s')
        self.ok(self.until(lambda: os.path.exists(self.eve) and self.records('expired'), 8), 'SIGHUP opens a new file where only root may', os.stat(os.path.dirname(self.eve)))
        for i in range(6):
            for _ in range(10):
                self.reaches()
            os.kill(self.pid('reporter' if i % 2 else 'core'), signal.SIGKILL)
            self.until(lambda: self.status().get('enforcer_up') and self.pid('reporter'), 8)
        self.stop()
        bad = []
        for name in (self.eve, self.eve + '.1'):
            with open(name, 'rb') as f:
                for line in f:
                    try:
                        e = json.loads(line)
                        assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d{4}', e['timestamp']) and len(line) <= 65536
                    except (ValueError, AssertionError, KeyError):
                        bad.append(line)
        self.ok(not bad, 'every line of both files is one valid record, whoever died', bad[:3])

    def run(self):
        self.ok(self.start(), 'run starts')
        self.clients()
        self.guests()
        self.manners()
        self.privileges()
        self.stopped()
        self.release_without_enforcer()
        self.modes()
        self.rotation()
        print('1..%d' % self.n, flush=True)
        return self.bad != 0


def main():
    try:
        lab.private()
    except lab.Unavailable as e:
        print('1..0 # skip %s' % e)
        return 77
    os.environ['PATH'] += ':/usr/sbin:/sbin'
    t = Hostile()
    try:
        return int(t.run())
    finally:
        t.net.down()


if __name__ == '__main__':
    sys.exit(main())
