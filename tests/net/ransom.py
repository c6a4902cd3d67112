#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ransomware against real file servers behind a gateway that runs Bulkhead in mode auto: how many files are lost?

Prints TAP and, per case, the files lost. BULKHEAD_RANSOM=all runs every protocol with every variant and the slow ones;
BULKHEAD_RANSOM_RUNS repeats that and ends with the figures over all runs.
"""
import faulthandler
import hashlib
import os
import random
import re
import statistics
import subprocess
import sys
import time

ROOT = os.environ.get('BH_SRC') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'drills'))
import lab  # noqa: E402

BIN = os.environ.get('BULKHEAD_BIN', os.path.join(ROOT, 'build', 'bulkhead'))
HERE = os.path.join(ROOT, 'tests', 'net')
FILES, MOST = 40, 10
SERVERS = {'smb1': (20, 'server min protocol = NT1\nserver max protocol = NT1\nserver smb encrypt = off\n'),
           'smb2': (21, 'server max protocol = SMB2_10\nserver smb encrypt = off\n'),
           'smb3': (22, 'server min protocol = SMB3_00\nserver smb encrypt = required\n')}
# In encrypted SMB files that are overwritten in place and keep their names are nobody's sure sign.
VARIANTS = {'smb1': ['extension', 'inplace', 'copydel', 'renamefirst', 'partial', 'notes', 'slow'],
            'smb2': ['extension', 'inplace', 'copydel', 'renamefirst', 'partial', 'notes', 'slow'],
            'smb3': ['extension', 'copydel', 'renamefirst', 'partial', 'slow']}
FEW = [('smb1', 'extension'), ('smb2', 'copydel'), ('smb2', 'partial'), ('smb2', 'inplace'), ('smb3', 'extension'), ('smb3', 'copydel'), ('smb3', 'partial')]
POLICY = '''version: 1
site: Test town
zones:
  office:  {networks: [10.10.1.0/24], purdue: 4}
  servers: {networks: [10.10.2.0/24], critical: true}
conduits:
  - {name: files, from: office, to: servers, allow: [smb]}
response: {mode: auto, budget: {burst: 100, per-hour: 1000, share-of-zone: 100%, share-of-role: 100%}}
'''


class Run:
    def __init__(self, cases, seed):
        self.cases, self.rng, self.lost = cases, random.Random(seed), {}
        self.net = n = lab.Lab()
        n.zone('office', '10.10.1.0/24')
        n.zone('servers', '10.10.2.0/24')
        for i, case in enumerate(cases):
            n.host('pc-%d' % i, 'office', 20 + i)
        for name, (number, _) in SERVERS.items():
            n.host(name, 'servers', number)
        n.up()
        self.data = {name: self.samba(name, more) for name, (_, more) in SERVERS.items()}
        for name in SERVERS:
            if not n.wait_port('pc-0', n.ip(name), 445):
                raise lab.Unavailable('smbd does not start: ' + n.log('smbd-%s.log' % name)[-300:])
        self.start()

    def samba(self, host, more):
        d = os.path.join(self.net.work, 'smb-' + host)
        for sub in ('private', 'lock', 'state', 'cache', 'ncalrpc', 'data'):
            os.makedirs(os.path.join(d, sub))
        conf = os.path.join(d, 'smb.conf')
        with open(conf, 'w') as f:
            f.write('[global]\nserver role = standalone server\nprivate dir = {0}/private\npassdb backend = tdbsam:{0}/private/p.tdb\n'
                    'lock directory = {0}/lock\nstate directory = {0}/state\ncache directory = {0}/cache\npid directory = {0}\n'
                    'ncalrpc dir = {0}/ncalrpc\nlog file = {0}/log\nsmb ports = 445\ndisable spoolss = yes\n{1}'
                    '[data]\npath = {0}/data\nread only = no\n'.format(d, more))
        env = dict(os.environ, **lab.wrappers(d))
        r = subprocess.run(['smbpasswd', '-c', conf, '-s', '-a', 'root'], input='Passw0rd!\nPassw0rd!\n', text=True, env=env, capture_output=True)
        if r.returncode:
            raise lab.Unavailable('smbpasswd: ' + r.stderr.strip())
        self.net.spawn(host, ['smbd', '-F', '--no-process-group', '-s', conf, '--debug-stdout'], log='smbd-%s.log' % host, env=env)
        return os.path.join(d, 'data')

    def start(self):
        n, sock = self.net, os.path.join(self.net.work, 'api.sock')
        policy = os.path.join(n.work, 'town.yaml')
        with open(policy, 'w') as f:
            f.write(POLICY)
        n.spawn('gw', [BIN, 'run', '--policy', policy, '--iface', 'br-office,br-servers', '--eve', n.work + '/eve.json', '--socket', sock], log='daemon.log')
        end = time.time() + 15
        while '"enforcer_up":true' not in n.run('gw', [BIN, 'status', '--json', '--socket', sock]).stdout.replace(' ', ''):
            if time.time() > end:
                raise lab.Unavailable('the daemon does not start: ' + n.log('daemon.log')[-500:])
            time.sleep(0.1)
        time.sleep(0.3)

    def fill(self, root):
        """Documents of words in eight folders; what their bytes hash to."""
        subprocess.run(['rm', '-rf', root])
        os.makedirs(root)
        words = [''.join(self.rng.choice('abcdefghijklmnopqrstuvwxyz') for _ in range(self.rng.randint(2, 11))) for _ in range(400)]
        sums = {}
        for i in range(FILES):
            folder = os.path.join(root, 'dept%d' % (i % 8))
            os.makedirs(folder, exist_ok=True)
            body = ('PK\x03\x04' if i % 3 else '') + ' '.join(self.rng.choice(words) for _ in range(self.rng.randint(3000, 9000)))
            name = os.path.join(folder, '%s%02d.%s' % (self.rng.choice(('letter', 'minutes', 'b', 'plan-2024-')), i, self.rng.choice(('docx', 'xlsx', 'txt'))))
            with open(name, 'w') as f:
                f.write(body)
            sums[name] = hashlib.sha256(body.encode()).digest()
        subprocess.run(['chmod', '-R', '777', root])
        return sums

    def case(self, i):
        protocol, variant = self.cases[i]
        n, seconds = self.net, 14 if variant == 'slow' else 6
        sums = self.fill(self.data[protocol])
        p = n.spawn('pc-%d' % i, [sys.executable, os.path.join(HERE, 'encryptor.py'), n.ip(protocol), protocol, variant, str(seconds)],
                    log='encryptor-%d.log' % i, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if b'ready' not in p.stdout.readline():
            return None
        p.stdin.write(b'go\n')
        p.stdin.flush()
        try:
            p.wait(seconds + 12)
        except subprocess.TimeoutExpired:
            p.kill()
        lost = 0
        for name, was in sums.items():
            try:
                with open(name, 'rb') as f:
                    lost += hashlib.sha256(f.read()).digest() != was
            except OSError:
                lost += 1
        return lost


def report(all_lost):
    flat = [x for v in all_lost.values() for x in v]
    for case, v in sorted(all_lost.items()):
        print('# %-18s %2d runs: lost %d to %d, median %g' % (' '.join(case), len(v), min(v), max(v), statistics.median(v)))
    print('# all: %d runs, median %g, at most %d; %.1f %% lost %d or fewer' % (
        len(flat), statistics.median(flat), max(flat), 100 * sum(x <= MOST for x in flat) / len(flat), MOST))


def again(runs):
    """each run in namespaces of its own; their figures together"""
    all_lost, bad = {}, 0
    for k in range(runs):
        r = subprocess.run([sys.executable, os.path.abspath(__file__)], text=True, stdout=subprocess.PIPE,
                           env=dict(os.environ, BULKHEAD_RANSOM_RUNS='1', BULKHEAD_RANSOM_SEED=str(k)))
        bad += r.returncode != 0
        for m in re.finditer(r'ok \d+ - (\w+) (\w+): (\d+) of', r.stdout):
            all_lost.setdefault((m[1], m[2]), []).append(int(m[3]))
        print(r.stdout, flush=True)
    report(all_lost)
    return bad != 0


def main():
    runs = int(os.environ.get('BULKHEAD_RANSOM_RUNS', '1'))
    if runs > 1:
        return again(runs)
    try:
        lab.private()
    except lab.Unavailable as e:
        print('1..0 # skip %s' % e)
        return 77
    os.environ['PATH'] += ':/usr/sbin:/sbin'
    every = os.environ.get('BULKHEAD_RANSOM') == 'all'
    cases = [(p, v) for p in SERVERS for v in VARIANTS[p]] if every else FEW
    faulthandler.dump_traceback_later(380 if every else 110, exit=True)
    if subprocess.run([sys.executable, '-c', 'import impacket'], capture_output=True).returncode or not any(os.access(d + '/smbd', os.X_OK) for d in os.environ['PATH'].split(':')):
        print('1..0 # skip impacket or smbd is not installed')
        return 77
    bad, all_lost, run = 0, {}, None
    try:
        run = Run(cases, 1000 + int(os.environ.get('BULKHEAD_RANSOM_SEED', '0')))
        for i, case in enumerate(cases):
            lost = run.case(i)
            ok = lost is not None and lost <= MOST
            bad += not ok
            if lost is not None:
                all_lost.setdefault(case, []).append(lost)
            print('%sok %d - %s %s: %s of %d files lost' % ('' if ok else 'not ', i + 1, case[0], case[1], lost, FILES), flush=True)
            if not ok:
                print('# ' + (run.net.log('encryptor-%d.log' % i)[-400:] + run.net.log('daemon.log')[-300:]).replace('\n', '\n# '), flush=True)
    except lab.Unavailable as e:
        print('1..0 # skip %s' % str(e).replace('\n', ' '))
        return 77
    finally:
        if run:
            run.net.down()
    report(all_lost)
    print('1..%d' % len(cases))
    return bad != 0


if __name__ == '__main__':
    sys.exit(main())
