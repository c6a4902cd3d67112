#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypted SMB3 between real programs: what sizes say is compared with what the clients did. Prints TAP.

An smbd that requires encryption, impacket and smbclient as clients, the traffic recorded and replayed. Every file written and
read must be told with its exact bytes, nothing else may be told, and no size may stay unexplained.
"""
import os
import random
import re
import subprocess
import sys
import time

ROOT = os.environ.get('BH_SRC') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'drills'))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'net'))
import lab  # noqa: E402

BIN = os.environ.get('BULKHEAD_BIN', os.path.join(ROOT, 'build', 'bulkhead'))
IMPACKET = '''
import os, sys
from impacket.smbconnection import SMBConnection
from impacket.smb3structs import FILE_OPEN, FILE_CREATE
c = SMBConnection('*SMBSERVER', sys.argv[1], timeout=5)
c.login('root', 'Passw0rd!')
t = c.connectTree('data')
for i in range(12):
    name, n = 'doc%d.txt' % (i * i * i), 400 + i * 9001
    f = c.openFile(t, name, desiredAccess=0x12019f, shareMode=7, creationDisposition=FILE_CREATE)
    for at in range(0, n, 60000):
        c.writeFile(t, f, os.urandom(min(60000, n - at)), at)
    c.closeFile(t, f)
    print('close 0 %d %d' % (n, len(name)))
    f = c.openFile(t, name, desiredAccess=0x12019f, shareMode=7, creationDisposition=FILE_OPEN)
    data = b''
    while len(data) < n:
        data += c.readFile(t, f, len(data), min(60000, n - len(data)))
    c.writeFile(t, f, os.urandom(min(n, 60000)), 0)
    c.closeFile(t, f)
    print('close %d %d %d' % (n, min(n, 60000), len(name)))
    c.rename('data', name, name + '.lockd')
    print('rename %d' % (len(name) + 6))
'''


def smbd(net, host):
    d = os.path.join(net.work, 'smb')
    for sub in ('private', 'lock', 'state', 'cache', 'ncalrpc', 'data'):
        os.makedirs(os.path.join(d, sub))
    conf = os.path.join(d, 'smb.conf')
    with open(conf, 'w') as f:
        f.write('[global]\nserver role = standalone server\nprivate dir = {0}/private\npassdb backend = tdbsam:{0}/private/p.tdb\n'
                'lock directory = {0}/lock\nstate directory = {0}/state\ncache directory = {0}/cache\npid directory = {0}\n'
                'ncalrpc dir = {0}/ncalrpc\nlog file = {0}/log\nserver smb encrypt = required\nsmb ports = 445\ndisable spoolss = yes\n'
                '[data]\npath = {0}/data\nread only = no\n'.format(d))
    env = dict(os.environ, **lab.wrappers(d))
    subprocess.run(['smbpasswd', '-c', conf, '-s', '-a', 'root'], input='Passw0rd!\nPassw0rd!\n', text=True, env=env, capture_output=True, check=True)
    net.spawn(host, ['smbd', '-F', '--no-process-group', '-s', conf, '--debug-stdout'], log='smbd.log', env=env)
    os.chmod(os.path.join(d, 'data'), 0o777)


def record(net, cmd):
    """what the client printed, and the facts of its traffic in order"""
    pcap = os.path.join(net.work, 'x.pcap')
    p = net.spawn('pc', ['tcpdump', '-Z', 'root', '-i', 'eth0', '-U', '--immediate-mode', '-B', '16384', '-s', '0', '-w', pcap, 'tcp', 'port', '445'], log='tcpdump.log')
    time.sleep(0.6)
    r = net.run('pc', cmd, timeout=20, cwd=net.work)
    time.sleep(0.5)
    p.terminate()
    p.wait(5)
    lines = subprocess.run([BIN, 'replay', pcap, '--events', '-'], capture_output=True, text=True).stdout.splitlines()
    facts = []
    for line in lines:
        op = re.search(r' smb .* do=(close|rename|delete) .*sflags=1', line)
        if op:
            v = {k: int(x) for k, x in re.findall(r' (read|wrote|namelen)=(\d+)', line)}
            facts.append('close %d %d %d' % (v.get('read', 0), v.get('wrote', 0), v.get('namelen', 0)) if op[1] == 'close' else '%s %d' % (op[1], v.get('namelen', 0)))
    return r, facts


def padded(line):
    """some clients pad a name to four bytes: lengths are compared rounded up"""
    head, n = line.rsplit(' ', 1)
    return '%s %d' % (head, (int(n) + 1) // 2 * 2)


def main():
    try:
        lab.private()
    except lab.Unavailable as e:
        print('1..0 # skip %s' % e)
        return 77
    os.environ['PATH'] += ':/usr/sbin:/sbin'
    need = [x for x in ('smbd', 'smbpasswd', 'smbclient', 'tcpdump') if not any(os.access(d + '/' + x, os.X_OK) for d in os.environ['PATH'].split(':'))]
    if need or subprocess.run([sys.executable, '-c', 'import impacket'], capture_output=True).returncode:
        print('1..0 # skip not installed: %s' % ' '.join(need or ['impacket']))
        return 77
    net = lab.Lab()
    net.zone('one', '10.10.1.0/24')
    net.host('pc', 'one', 11)
    net.host('srv', 'one', 20)
    net.up()
    bad = 0
    try:
        smbd(net, 'srv')
        ip = net.ip('srv')
        if not net.wait_port('pc', ip, 445):
            print('1..0 # skip smbd does not start')
            return 77
        r, facts = record(net, [sys.executable, '-c', IMPACKET, ip])
        did = r.stdout.splitlines()
        ok = len(did) == 36 and did == facts
        bad += not ok
        print('%sok 1 - impacket: each of %d files and renames is told, exactly and in order' % ('' if ok else 'not ', len(did)))
        if not ok:
            print('# did %s\n# told %s\n# %s' % (did, facts, r.stderr[-200:]))
        rng, todo, did = random.Random(4), [], []
        for i in range(8):
            name, n = 'photo%s.jpg' % ('x' * i), rng.randint(1000, 300000)
            with open(os.path.join(net.work, name), 'wb') as f:
                f.write(rng.randbytes(n))
            todo += ['put ' + name, 'get %s back' % name, 'rename %s %s.lck' % (name, name)]
            did += ['close 0 %d %d' % (n, len(name)), 'close %d 0 %d' % (n, len(name)), 'rename %d' % (len(name) + 4)]
        r, facts = record(net, ['smbclient', '//%s/data' % ip, '-U', 'root%Passw0rd!', '--client-protection=encrypt', '-m', 'SMB3', '-c', '; '.join(todo)])
        ok = [padded(x) for x in did] == [padded(x) for x in facts]
        bad += not ok
        print('%sok 2 - smbclient: the same, names padded' % ('' if ok else 'not '))
        if not ok:
            print('# did %s\n# told %s\n# %s' % (did, facts, r.stdout[-200:]))
    finally:
        net.down()
    print('1..2')
    return bad != 0


if __name__ == '__main__':
    sys.exit(main())
