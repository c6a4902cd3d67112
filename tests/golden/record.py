#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records the golden captures anew (needs smbd, impacket, nmap, dnsmasq, busybox, tcpdump). Not part of the tests."""
import gzip
import os
import random
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, 'drills'))
import lab  # noqa: E402
import willebroek  # noqa: E402


class Options:
    mode, json, seed, keep = 'auto', False, 7, None


def capture(net, iface, path, ns='gw'):
    p = net.spawn(ns, ['tcpdump', '-Z', 'root', '-i', iface, '-U', '--immediate-mode', '-s', '0', '-w', path], log='tcpdump.log')
    time.sleep(0.7)
    return p


def finish(p, path, case):
    time.sleep(0.5)
    p.send_signal(signal.SIGTERM)
    p.wait(5)
    out = os.path.join(HERE, case)
    os.makedirs(out, exist_ok=True)
    with open(path, 'rb') as f, gzip.GzipFile(os.path.join(out, 'capture.pcap.gz'), 'wb', mtime=0) as z:
        z.write(f.read())
    print('%s: %d bytes' % (case, os.path.getsize(os.path.join(out, 'capture.pcap.gz'))))


def files(root, n, seed):
    rng = random.Random(seed)
    words = [''.join(rng.choice('abcdefghijklmnopqrstuvwxyz') for _ in range(rng.randint(2, 11))) for _ in range(300)]
    for i in range(n):
        os.makedirs('%s/d%d' % (root, i % 3), exist_ok=True)
        os.chmod('%s/d%d' % (root, i % 3), 0o777)
        name = '%s/d%d/letter%02d.docx' % (root, i % 3, i)
        with open(name, 'w') as f:
            f.write(' '.join(rng.choice(words) for _ in range(2700)))
        os.chmod(name, 0o666)


def main():
    lab.private()
    d = willebroek.Drill(Options)
    net = d.net
    try:
        d.build()
        data = d.samba('files', net.ip('files'))
        files(data, 14, 3)
        net.wait_port('pc-17', net.ip('files'), 445)
        pcap = os.path.join(net.work, 'x.pcap')

        intruder = d.intruder()
        p = capture(net, 'br-office', pcap)
        intruder.stdin.write(b'go\n')
        intruder.stdin.flush()
        intruder.wait(20)
        finish(p, pcap, 'ransom-smb2')

        shutil.rmtree(data)
        os.makedirs(data)
        os.chmod(data, 0o777)
        files(net.work + '/local', 6, 4)
        p = capture(net, 'br-office', pcap)
        cmds = ''.join('put %s/local/d%d/letter%02d.docx letter%02d.docx; ' % (net.work, i % 3, i, i) for i in range(6))
        cmds += 'rename letter00.docx summary.docx; get letter01.docx /dev/null; del letter02.docx; ls'
        net.run('pc-31', ['smbclient', '//%s/data' % net.ip('files'), '-U', 'root%Passw0rd!', '-m', 'SMB2', '-c', cmds])
        finish(p, pcap, 'benign-files')

        p = capture(net, 'br-office', pcap)
        net.run('pc-23', ['nmap', '-sT', '-Pn', '-n', '-T4', '--max-retries', '0', '--host-timeout', '8s', '-p', '22,135,445,3389', '10.11.10.20,30,101,102,201-208'])
        time.sleep(3.5)
        finish(p, pcap, 'nmap-sweep')

        # at the client: the bridge itself sees no unicast between two of its ports
        p = capture(net, 'eth0', pcap, 'pc-31')
        for host, lease in (('pc-17', '2m'),):
            net.spawn(host, ['dnsmasq', '-d', '-C', '/dev/null', '--port=0', '--no-ping', '--interface=eth0', '--bind-interfaces', '--dhcp-range=10.10.1.150,10.10.1.160,' + lease,
                             '--dhcp-option=3,10.10.1.17', '--dhcp-leasefile=' + net.work + '/leases', '--pid-file=', '--user=root'], log='dnsmasq.log')
        time.sleep(0.5)
        net.run('pc-31', ['busybox', 'udhcpc', '-i', 'eth0', '-n', '-q', '-f', '-t', '3', '-s', '/bin/true'], timeout=15)
        finish(p, pcap, 'rogue-dhcp')
    finally:
        d.close()


if __name__ == '__main__':
    sys.exit(main())
