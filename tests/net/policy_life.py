#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy's life at a running gateway: applied, confirmed, taken back, run out, outlived by nobody who dies; and the next boot.

Prints TAP. Real kernel, real daemon, in private namespaces.
"""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon  # noqa: E402
from daemon import BIN, POLICY, STREAM  # noqa: E402

NARROW = POLICY.replace('allow: [any]}\n  - {name: back', 'allow: [tcp/80]}\n  - {name: back').replace('  - {name: pump', '  # - {name: pump')
CLOSED = POLICY.replace('  - {name: all, from: office, to: servers, allow: [any]}\n', '')


class Life(daemon.Test):
    def __init__(self):
        super().__init__()
        self.state = os.path.join(self.net.work, 'state')
        os.makedirs(self.state)
        for name, text in (('narrow.yaml', NARROW), ('closed.yaml', CLOSED), ('bad.yaml', POLICY + 'nonsense: 1\n')):
            with open(self.file(name), 'w') as f:
                f.write(text)

    def file(self, name):
        return os.path.join(self.net.work, name)

    def pol(self, *args):
        return self.cli('policy', *args)

    def begin(self):
        return self.start('--state', self.state, '--mode', 'auto')

    def said(self, text):
        return [r for r in self.records('policy') if text in json.dumps(r)] if os.path.exists(self.eve) else []

    def apply(self, name, within='60s'):
        return self.pol('apply', self.file(name), '--within', within)

    def stream(self, port):
        return self.net.spawn('pc-a', [sys.executable, '-c', STREAM, '10.10.2.20', str(port)], stdout=subprocess.PIPE)

    @staticmethod
    def ticks(p):
        p.terminate()
        t = [float(x) for x in p.communicate(timeout=5)[0].split()]
        return t[-1] if t else 0, max([b - a for a, b in zip(t, t[1:])] or [9])

    # ---- cases ----
    def applied_and_taken_back(self):
        r = self.pol('apply', self.file('narrow.yaml'), '--dry-run')
        self.ok(r.returncode == 0 and 'narrowed' in r.stdout and self.reaches(7001, to='10.10.2.30'), 'apply --dry-run says what would change and changes nothing', r.stdout + r.stderr)
        gone = self.net.spawn('pc-a', [sys.executable, '-c', STREAM, '10.10.2.30', '7001'], stdout=subprocess.PIPE)
        time.sleep(0.5)
        r = self.pol('simulate', self.file('narrow.yaml'))
        self.ok(r.returncode == 7 and 'CRITICAL NEWLY DROPPED 10.10.1.11 > 10.10.2.30 tcp/7001' in r.stdout and '1 open now' in r.stdout, 'simulate names the open connection it would drop', r.stdout + r.stderr)
        self.ticks(gone)
        r = self.pol('apply', self.file('bad.yaml'))
        self.ok(r.returncode == 3 and 'bad.yaml:' in r.stderr and 'nonsense' in r.stderr, 'a policy that is not valid is refused with its place', r.stderr)
        web, pin, gone = self.stream(80), self.stream(7000), self.net.spawn('pc-a', [sys.executable, '-c', STREAM, '10.10.2.30', '7001'], stdout=subprocess.PIPE)
        time.sleep(0.5)
        t0 = time.time()
        r = self.apply('narrow.yaml')
        self.ok(r.returncode == 0 and 'on trial' in r.stdout, 'a policy goes on trial', r.stdout + r.stderr)
        r = self.pol('apply', self.file('closed.yaml'))
        self.ok(r.returncode == 4 and 'on trial' in r.stderr, 'a second one has to wait', r.stderr)
        time.sleep(0.6)
        r = self.pol('rollback')
        self.ok(r.returncode == 0 and self.until(lambda: self.reaches(7001, to='10.10.2.30'), 2), 'rollback brings the law before it back at once', r.stdout + r.stderr)
        time.sleep(0.3)
        (web_end, web_gap), (pin_end, pin_gap), (gone_end, _) = self.ticks(web), self.ticks(pin), self.ticks(gone)
        self.ok(gone_end < t0 + 0.5, 'a connection of a removed conduit dies at once', gone_end - t0)
        self.ok(web_end > t0 + 0.8 and pin_end > t0 + 0.8 and max(web_gap, pin_gap) < 0.2, 'unchanged connections and pins run on without a gap', (web_gap, pin_gap))
        r = self.pol('confirm')
        self.ok(r.returncode == 4, 'there is nothing left to confirm', r.stderr)

    def run_out(self):
        r = self.apply('closed.yaml', '2s')
        self.ok(r.returncode == 0 and not self.reaches() and self.reaches(7000), 'while on trial the new law judges, pins pass', r.stderr)
        self.ok(self.until(lambda: self.reaches(), 4), 'not confirmed, the old law is back by itself')
        r = self.pol('confirm')
        self.ok(r.returncode in (4, 8), 'and confirming later is refused', r.stdout + r.stderr)
        self.ok(self.until(lambda: self.nft('list', 'table', 'inet', 'bulkhead').stdout.count('set trial') == 0, 4), 'the table is cleared of it')

    def nobody_outlived(self):
        for victim in ('enforcer', 'core', 'daemon'):
            self.until(lambda: self.status().get('enforcer_up'), 8)
            r = self.apply('closed.yaml', '3s')
            self.ok(r.returncode == 0 and not self.reaches(), 'on trial before the %s is killed' % victim, r.stdout + r.stderr)
            if victim == 'daemon':
                pids = [self.pid(x) for x in ('sensor', 'core', 'enforcer', 'reporter')] + [self.daemon.pid]
                for p in pids:
                    try:
                        os.kill(p, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                self.daemon.wait(5)
            else:
                os.kill(self.pid(victim), signal.SIGKILL)
            self.ok(self.reaches(7000), 'the pin passes all the while')
            self.ok(self.until(lambda: self.reaches(), 5), 'kill -9 of the %s: the law before the trial comes back' % victim)
        self.ok(self.begin() and self.reaches(), 'a new daemon starts under the law before the trial')

    def orders_meanwhile(self):
        r = self.apply('narrow.yaml')
        r = self.cli('isolate', 'pc-a', '--reason', 'during the trial', '--ttl', '60s')
        self.ok(r.returncode == 0 and not self.reaches() and self.reaches(7000), 'a host is isolated during a trial, its pin passes', r.stdout + r.stderr)
        r = self.pol('confirm')
        self.ok(r.returncode == 0 and not self.reaches() and self.orders(), 'the isolation stands after confirm', r.stdout + r.stderr)
        r = self.cli('release', 'pc-a')
        self.ok(r.returncode == 0 and self.until(lambda: self.reaches(), 3) and not self.reaches(7001, to='10.10.2.30'), 'released, the host has what the confirmed law gives it', r.stdout + r.stderr)
        r = self.pol('diff', self.file('narrow.yaml'))
        self.ok(r.returncode == 0 and 'no difference' in r.stdout, 'the running policy is the confirmed one', r.stdout + r.stderr)

    def orders_the_new_law_forbids(self):
        with open(self.file('never.yaml'), 'w') as f:
            f.write(NARROW.replace('  ward:', '  pc-b:  {addresses: [10.10.1.12, 10.10.1.99], never-isolate: true}\n  ward:'))
        for target in ('10.10.1.12', '10.10.1.13'):
            self.cli('isolate', target, '--reason', 'before the law', '--ttl', '300s')
        self.ok(not self.reaches(frm='pc-b'), 'two are isolated')
        self.apply('never.yaml')
        self.ok(not self.reaches(frm='pc-b'), 'and stay so while a law that spares one of them is on trial')
        self.pol('confirm')
        self.ok(self.until(lambda: [o['host'] for o in self.orders()] == ['10.10.1.13'] and self.reaches(frm='pc-b'), 4), 'confirmed, the order against that one has ended, for the kernel and for who asks', self.orders())
        self.cli('release', '10.10.1.13')
        self.apply('narrow.yaml')
        self.pol('confirm')

    def kept_over_restarts(self):
        os.kill(self.pid('core'), signal.SIGKILL)
        self.until(lambda: self.status().get('enforcer_up'), 8)
        r = self.pol('diff', self.file('narrow.yaml'))
        self.ok(r.returncode == 0 and not self.reaches(7001, to='10.10.2.30'), 'a core that died knows the confirmed policy again', r.stdout + r.stderr)
        r = self.cli('isolate', '10.10.1.12', '--reason', 'over the boot', '--ttl', '300s')
        self.ok(r.returncode == 0 and not self.reaches(frm='pc-b'), 'isolated before the restart', r.stdout + r.stderr)
        self.until(lambda: os.path.exists(self.state + '/boot.plan') and b'10.10.1.12' in open(self.state + '/boot.plan', 'rb').read(), 5)
        self.stop()
        self.nft('delete', 'table', 'inet', 'bulkhead')  # as a restart of the machine would
        self.ok(self.reaches(7001, to='10.10.2.30') and self.reaches(frm='pc-b'), 'a machine without a table lets everything pass')
        r = self.net.run('gw', [BIN, 'boot', '--state', self.state])
        print('# ' + r.stdout.strip())
        self.ok(r.returncode == 0 and 'permits' in r.stdout, 'boot loads the kept plan without a daemon', r.stdout + r.stderr)
        self.ok(not self.reaches(7001, to='10.10.2.30') and self.reaches() and self.reaches(7000) and not self.reaches(frm='pc-b'), 'law, pins and the standing isolation are there before the network is')
        self.ok(self.begin() and self.until(lambda: self.orders(), 5) and not self.reaches(frm='pc-b'), 'the daemon takes them over')
        r = self.pol('diff', self.file('narrow.yaml'))
        self.ok(r.returncode == 0, 'and goes on with the confirmed policy, not the file it was once started with', r.stdout + r.stderr)
        self.cli('isolate', '10.10.1.77', '--reason', 'an address this box will take', '--ttl', '300s')
        self.until(lambda: b'10.10.1.77' in open(self.state + '/boot.plan', 'rb').read(), 5)
        self.stop()
        self.nft('delete', 'table', 'inet', 'bulkhead')
        self.net.run('gw', ['ip', 'addr', 'add', '10.10.1.77/32', 'dev', 'lo'])
        r = self.net.run('gw', [BIN, 'boot', '--state', self.state])
        self.ok(r.returncode == 0 and '1 cuts' in r.stdout and '10.10.1.77' in r.stderr and not self.reaches(7001, to='10.10.2.30') and not self.reaches(frm='pc-b'),
                'a kept cut that is refused by now leaves law and other cuts standing', r.stdout + r.stderr)
        self.net.run('gw', ['ip', 'addr', 'del', '10.10.1.77/32', 'dev', 'lo'])
        self.begin()
        self.cli('release', '10.10.1.12')
        self.stop()
        whole = open(self.state + '/boot.plan', 'rb').read()
        for what, data in (('cut short', whole[:-20]), ('changed by a bit', whole.replace(b'permit', b'permis', 1)), ('empty', b'')):
            with open(self.state + '/boot.plan', 'wb') as f:
                f.write(data)
            before = self.nft('list', 'ruleset').stdout
            r = self.net.run('gw', [BIN, 'boot', '--state', self.state])
            self.ok(r.returncode in (1, 3) and 'boot.plan' in r.stderr and len(self.nft('list', 'ruleset').stdout.splitlines()) == len(before.splitlines()), 'a kept plan that is %s is refused and nothing is changed' % what, r.stderr)

    def run(self):
        self.ok(self.begin(), 'run --state starts')
        self.applied_and_taken_back()
        self.run_out()
        self.nobody_outlived()
        self.orders_meanwhile()
        self.orders_the_new_law_forbids()
        self.kept_over_restarts()
        print('1..%d' % self.n, flush=True)
        return self.bad != 0


if __name__ == '__main__':
    sys.exit(daemon.main(Life))
