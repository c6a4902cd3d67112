#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input on the command line: one clear message that says what and what to do, the right exit code, nothing known is lost. TAP."""
import gzip
import json
import os
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BIN = os.environ['BULKHEAD_BIN']
GOOD = os.path.join(HERE, 'nmap-sweep', 'capture.pcap.gz')
n = bad = 0


def ok(cond, name, why=''):
    global n, bad
    n += 1
    bad += not cond
    print('%sok %d - %s' % ('' if cond else 'not ', n, name))
    if not cond:
        print('\n'.join('# ' + x for x in str(why).splitlines()[:12]))


def run(*args, **kw):
    return subprocess.run([BIN] + list(args), capture_output=True, text=True, timeout=60, **kw)


def main():
    d = tempfile.mkdtemp(prefix='bulkhead-bad-')

    def file(name, data):
        path = os.path.join(d, name)
        with open(path, 'wb') as f:
            f.write(data)
        return path

    whole = gzip.open(GOOD).read()
    want = json.loads(run('replay', GOOD, '--json').stdout)

    r = run('replay', file('cut.pcap', whole[:len(whole) - 7]), '--json')
    got = json.loads(r.stdout)
    ok(r.returncode == 1 and got['packets'] == want['packets'] - 1 and got['findings'] == want['findings'] and len(r.stderr.splitlines()) == 1,
       'a truncated capture gives what it held, says so in one line, exit 1', r.stderr + r.stdout[:300])
    r = run('replay', file('foreign', b'MZ this is no capture at all' * 20))
    ok(r.returncode == 3 and len(r.stderr.splitlines()) == 1 and 'foreign' in r.stderr, 'a foreign file is named, exit 3', r.stderr)
    r = run('replay', file('empty.pcap', b''))
    ok(r.returncode in (1, 3) and r.stderr, 'an empty file is an error', r.stderr)
    r = run('replay', file('link.pcap', struct.pack('<IHHiIIIIIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 230, 1, 1, 4, 4) + b'abcd'))
    ok(r.returncode == 3 and '230' in r.stderr, 'an unknown link type is named by number, exit 3', r.stderr)
    r = run('replay', os.path.join(d, 'missing.pcap'))
    ok(r.returncode == 1 and 'missing.pcap' in r.stderr and 'No such file' in r.stderr, 'a missing file, exit 1', r.stderr)
    damaged = bytearray(whole)
    damaged[24 + 8:24 + 12] = b'\xff\xff\xff\x7f'
    r = run('replay', file('damaged.pcap', bytes(damaged)))
    ok(r.returncode in (1, 3) and r.stderr, 'a record of two gigabytes is not believed', r.stderr)

    r = run('replay', GOOD, '--eve', '/dev/full', '--json')
    ok(r.returncode == 1 and 'No space left' in r.stderr and json.loads(r.stdout)['findings'] == want['findings'], 'a full disk under --eve loses no finding, exit 1', r.stderr)
    r = run('replay', GOOD, '--eve', d + '/no/such/dir/eve.json')
    ok(r.returncode == 1 and 'eve.json' in r.stderr, 'an output that cannot be opened is named', r.stderr)
    r = run('replay', GOOD, '--policy', os.path.join(ROOT, 'tests/policy/twenty-mistakes.yaml'))
    ok(r.returncode == 3 and r.stderr.count(': error: ') >= 20 and '^' in r.stderr, 'a policy with twenty mistakes shows them all, exit 3', r.stderr[-600:])
    r = run('replay', GOOD, '--policy', d + '/nowhere.yaml')
    ok(r.returncode == 3 and 'nowhere.yaml' in r.stderr, 'a missing policy, exit 3', r.stderr)

    for args in (('replay',), ('replay', GOOD, GOOD), ('replay', GOOD, '--mode', 'panic'), ('run',), ('isolate',), ('isolate', 'x'), ('isolate', 'x', '--ttl', 'soon', '--reason', 'y'),
                 ('nonsense',), ('mode', 'maybe'), ('disarm',), ('detectors', 'nope'), ('policy',), ('policy', 'check'), ('drill', 'no-such-drill'), ('status', 'a', 'b')):
        r = run(*args)
        ok(r.returncode == 2 and r.stderr and not r.stdout, '%s: usage, exit 2, on stderr' % ' '.join(os.path.basename(a) for a in args), r.stderr + r.stdout)
    for name in ('run', 'replay', 'drill', 'status', 'hosts', 'detectors', 'isolate', 'release', 'mode', 'policy', 'doctor', 'disarm'):
        r = run(name, '--help')
        ok(r.returncode == 0 and r.stdout.startswith('Usage: bulkhead ' + name) and not r.stderr, name + ' --help', r.stdout + r.stderr)
    r = run('status', '--socket', d + '/none.sock')
    ok(r.returncode == 6 and 'drill' in r.stderr, 'no daemon: exit 6 and what to do', r.stderr)
    r = run('run', '--iface', 'bh-none', '--eve', '/dev/null', '--socket', d + '/s')
    ok(r.returncode in (1, 5) and r.stderr, 'an interface that is not there, or no right to open it, is said', r.stderr)
    p = subprocess.Popen([BIN, 'replay', GOOD, '--events', '-'], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdout.read(10)
    p.stdout.close()
    ok(p.wait(20) in (0, 1, -13), 'a reader that goes away does not hang the replay', p.stderr.read())
    r = run('doctor', '--json', env=dict(os.environ, LANG='C', TERM='dumb'))
    ok(r.returncode == 0 and json.loads(r.stdout)['kernel'], 'doctor answers with any rights', r.stderr)
    subprocess.call(['rm', '-rf', d])
    print('1..%d' % n)
    return 1 if bad else 0


sys.exit(main())
