#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `isolate --dry-run` says will break, and that it then does; and what observe mode counts. Prints TAP."""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon  # noqa: E402
from daemon import BIN, POLICY, STREAM  # noqa: E402


class Preview(daemon.Test):
    def dry(self, *args, env=None):
        r = self.net.run('gw', [BIN, 'isolate', *args, '--dry-run', '--json', '--socket', self.sock], timeout=20, **({'env': env} if env else {}))
        return json.loads(r.stdout) if r.stdout.startswith('{') else {'bad': r.stdout + r.stderr}

    def lines(self, o, fate):
        return [c for c in o.get('preview', {}).get('connections', []) if c['fate'] == fate]

    def find(self, o, fate, dst, port):
        return [c for c in self.lines(o, fate) if c['dst'] == dst and c['dport'] == port]

    def stream(self, frm, to, port):
        p = self.net.spawn(frm, [sys.executable, '-c', STREAM, to, str(port)], stdout=subprocess.PIPE)
        return p

    @staticmethod
    def last(p):
        p.terminate()
        t = p.communicate(timeout=5)[0].split()
        return float(t[-1]) if t else 0

    def said_and_done(self):
        self.reaches(to='10.10.2.30')  # a connection that ends, and is remembered
        self.reaches(frm='pc-a', to='10.10.1.12')  # within the segment
        time.sleep(1.5)
        live = {('10.10.2.20', 80): self.stream('pc-a', '10.10.2.20', 80), ('10.10.2.20', 7000): self.stream('pc-a', '10.10.2.20', 7000),
                ('fd00:a2::14', 80): self.stream('pc-a', 'fd00:a2::14', 80)}
        other = self.stream('pc-b', '10.10.2.20', 80)
        time.sleep(1.0)
        o = self.dry('pc-a')
        got = self.find(o, 'cut', '10.10.2.20', 80)
        self.ok(got and got[0]['open'] == 1 and got[0]['critical'], 'an open connection into a critical zone will be lost', o)
        self.ok(self.find(o, 'cut', 'fd00:a2::14', 80), 'in IPv6 as well', o)
        got = self.find(o, 'kept', '10.10.2.20', 7000)
        self.ok(got and got[0]['open'] == 1 and got[0].get('pin') == 'alarm', 'the pinned one is kept, and by which pin', o)
        got = self.find(o, 'cut', '10.10.2.30', 80)
        self.ok(got and got[0]['open'] == 0 and 'last_seen' in got[0], 'a service used before is in the list with when', o)
        got = self.find(o, 'beyond', '10.10.1.12', 80)
        self.ok(got and 'same segment' in got[0]['why'], 'what stays within the segment cannot be cut here, and why', o)
        self.ok(not [c for c in o['preview']['connections'] if '10.10.1.12' == c['src']], 'a neighbour is not in the list', o)
        self.ok(self.lines(o, 'cut') == o['preview']['connections'][:len(self.lines(o, 'cut'))] and 'since' in o['preview']['window'], 'what will be lost comes first, and the window is stated', o)
        self.ok(any('10.10.1.11' in b for b in o['preview']['boxes']), 'and all that could be opened, as boxes', o['preview'].get('boxes'))
        r = self.net.run('gw', [BIN, 'isolate', 'pc-a', '--dry-run', '--socket', self.sock])
        self.ok('WILL BE LOST' in r.stdout and 'CRITICAL' in r.stdout and 'pin alarm' in r.stdout and 'CANNOT BE CUT HERE' in r.stdout, 'a person reads the same', r.stdout + r.stderr)
        for text in r.stdout.splitlines():
            print('# ' + text)
        self.ok(self.reaches() and not self.orders(), 'and nothing was changed')
        t0 = time.time()
        r = self.cli('isolate', 'pc-a', '--reason', 'as shown', '--ttl', '60s')
        time.sleep(0.8)
        ends = {k: self.last(p) for k, p in live.items()}
        for k, end in ends.items():
            fate = 'cut' if self.find(o, 'cut', *k) else 'kept'
            self.ok((end < t0 + 0.5) == (fate == 'cut'), '%s port %d is %s, as was said' % (*k, fate), end - t0)
        self.ok(self.last(other) > t0 + 0.6, 'the neighbour runs on')
        self.cli('release', 'pc-a')
        self.until(lambda: self.reaches())

    def own_session(self):
        env = dict(os.environ, SSH_CONNECTION='10.10.1.11 50000 10.10.1.1 22')
        o = self.dry('pc-a', env=env)
        s = o.get('preview', {}).get('session', {})
        self.ok(s.get('inside') is True and s.get('managed') is False, 'my own session inside the cut is told', o)
        r = self.net.run('gw', [BIN, 'isolate', 'pc-a', '--dry-run', '--socket', self.sock], env=env)
        self.ok('YOUR OWN SESSION' in r.stdout and 'will die' in r.stdout, 'and what becomes of it', r.stdout)
        o = self.dry('10.10.1.12', env=env)
        self.ok(o.get('preview', {}).get('session', {}).get('inside') is False, 'elsewhere it is safe', o)

    def shield(self):
        p = self.stream('pc-a', '10.10.2.20', 80)
        time.sleep(0.8)
        o = self.dry('pc-a', '--shield')
        got = self.find(o, 'kept', '10.10.2.20', 80)
        self.ok(got and got[0]['open'] == 1 and got[0]['opens_again'] is False, 'a shield keeps what is open, and says that it opens once only', o)
        self.ok(self.find(o, 'cut', '10.10.2.30', 80), 'and bars what would be opened into a critical zone', o)
        self.last(p)

    def refused(self):
        r = self.cli('isolate', 'srv', '--dry-run')
        self.ok(r.returncode == 4 and 'never' in r.stderr, 'what would be refused is refused dry as well', r.stdout + r.stderr)

    def bridged(self):
        """pc-a and pc-b are behind two ports of one bridge of this box."""
        self.stop()
        self.start('--bridge')
        self.until(lambda: self.status().get('segment') != 'off')
        first = self.status().get('segment')
        for host in ('pc-a', 'pc-b'):
            self.net.run(host, ['ip', 'neigh', 'flush', 'dev', 'eth0'])
        self.reaches(frm='pc-a', to='10.10.1.12')
        time.sleep(1.5)
        o = self.dry('pc-a')
        kept = 'stateless' if first == 'stateless' else 'stateful'
        self.ok(first == kept and self.find(o, 'cut', '10.10.1.12', 80) and not self.find(o, 'beyond', '10.10.1.12', 80),
                'with --bridge a pair behind two ports of it is cut, and status says what holds there: %s' % first, o)
        o = self.dry('pc-a', '--contain')
        got = self.find(o, 'beyond', '10.10.1.12', 80)
        self.ok(first != 'stateless' or (got and 'isolations alone' in got[0]['why']), 'without state no other cut holds there, and that is said', o)
        self.cli('isolate', 'pc-a', '--reason', 'as shown', '--ttl', '60s')
        self.ok(not self.reaches(frm='pc-a', to='10.10.1.12'), 'and it is cut indeed')
        self.cli('release', 'pc-a')
        r = self.cli('status')
        self.ok('segment   ' in r.stdout and ('isolations hold' in r.stdout) == (first == 'stateless'), 'a person reads it', r.stdout)
        self.stop()
        self.start()
        self.ok(self.status().get('segment') == 'off', 'without --bridge nothing holds there')
        self.stop()
        if os.path.exists('/proc/sys/net/bridge/bridge-nf-call-iptables') and first == 'stateless':
            on = {'net.bridge.bridge-nf-call-iptables': '1', 'net.bridge.bridge-nf-call-ip6tables': '1'}
            self.net.sysctl('gw', on)
            self.start('--bridge')
            self.until(lambda: self.status().get('segment') != 'off')
            said = self.status().get('segment')
            r = self.net.run('gw', [BIN, 'doctor'])
            row = [line for line in r.stdout.splitlines() if 'same segment' in line]
            self.ok(said == 'br_netfilter' and row and 'by br_netfilter' in row[0], 'with br_netfilter the whole law, say status and doctor', (said, row))
            self.net.sysctl('gw', dict.fromkeys(on, '0'))
            r = self.net.run('gw', [BIN, 'doctor'])
            row = [line for line in r.stdout.splitlines() if 'same segment' in line]
            self.ok(row and 'isolations alone' in row[0], 'without it doctor says what is missing', row)
            print('# ' + row[0])
            self.stop()
        self.start()

    def observed(self):
        self.stop()
        with open(self.policy, 'w') as f:
            f.write(POLICY.replace('allow: [any]}\n  - {name: back', 'allow: [tcp/80]}\n  - {name: back'))
        self.start('--mode', 'observe')
        for _ in range(3):
            self.reaches(7001, to='10.10.2.30')
        self.net.connects('pc-b', 'fd00:a2::14', 9000, 0.3)
        r = self.cli('counters', '--json')
        o = json.loads(r.stdout)
        got = [w for w in o['would_drop'] if w['dport'] == 7001]
        self.ok(got and got[0]['from'] == 'office' and got[0]['to'] == 'servers' and got[0]['conduits'] == ['all'] and got[0]['pairs'] == 1, 'observe counts what it would drop by zones, service and the conduit that lacks it', o)
        self.ok([w for w in o['would_drop'] if w['dport'] == 9000 and ':' in w['src']], 'in IPv6 too', o)
        self.ok(o['packets']['would'] > 0 and o['packets']['deny'] == 0, 'and drops none of it', o)
        r = self.cli('counters')
        self.ok('would have dropped' in r.stdout and 'not in conduit all' in r.stdout, 'a person reads it', r.stdout + r.stderr)
        self.stop()

    def run(self):
        self.ok(self.start(), 'run starts')
        self.said_and_done()
        self.own_session()
        self.shield()
        self.refused()
        self.bridged()
        self.observed()
        print('1..%d' % self.n, flush=True)
        return self.bad != 0


if __name__ == '__main__':
    sys.exit(daemon.main(Preview))
