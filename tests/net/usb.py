#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a USB port of an endpoint to an alert: companion, signature, intake, detector, EVE; and what must make none.

The network interface is real and its uevent is the kernel's; what it hangs on is a copy of sysfs, since here is no USB. A real
gadget: tests/net/usb_gadget.py, in the VM. Prints TAP.
"""
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon  # noqa: E402
from daemon import BIN  # noqa: E402

POLICY = '''version: 1
site: Ports
zones:
  office: {networks: [10.10.1.0/24], purdue: 4}
  servers: {networks: [10.10.2.0/24], critical: true}
hosts:
  pc-b: {addresses: [10.10.1.12], mac: "02:bb:00:00:00:02"}
conduits:
  - {name: all, from: office, to: servers, allow: [any]}
response: {mode: auto}
'''
MAC = '02:55:53:42:00:01'
HEAR = 'import socket,sys\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.bind(("10.10.1.11",9999));s.settimeout(8)\nprint("ready",flush=True);print(s.recv(2000).hex())\n'
SAY = 'import socket,sys\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\nfor d in sys.argv[2:]: s.sendto(bytes.fromhex(d),("10.10.1.1",int(sys.argv[1])))\n'
# a frame of ARP as the new interface would send it
FRAME = '''import socket
m=bytes.fromhex("%s")
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW);s.bind(("eth0",0))
s.send(b"\\xff"*6+m+b"\\x08\\x06"+bytes.fromhex("0001080006040001")+m+socket.inet_aton("10.10.1.50")+bytes(6)+socket.inet_aton("10.10.1.1")+bytes(18))
''' % MAC.replace(':', '')


class Usb(daemon.Test):
    def __init__(self):
        super().__init__()
        with open(self.policy, 'w') as f:
            f.write(POLICY)
        self.sys = os.path.join(self.net.work, 'sysfs')
        self.keys = os.path.join(self.net.work, 'usb.keys')

    def file(self, path, text):
        path = os.path.join(self.sys, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as f:
            f.write(text + '\n')

    def device(self, port, vid, pid, cls, product, iface=None, mac=None):
        base = 'bus/usb/devices/' + port
        for name, text in (('idVendor', vid), ('idProduct', pid), ('bDeviceClass', '00'), ('product', product), ('serial', '4711'), ('manufacturer', 'Somebody')):
            self.file('%s/%s' % (base, name), text)
        for name, text in zip(('bInterfaceClass', 'bInterfaceSubClass', 'bInterfaceProtocol'), cls):
            self.file('%s/%s:1.0/%s' % (base, port, name), text)
        if iface:
            real = 'devices/pci0000:00/usb1/%s/%s:1.0/net/%s' % (port, port, iface)
            self.file(real + '/address', mac)
            os.makedirs(os.path.join(self.sys, 'class/net'), exist_ok=True)
            os.symlink('../../' + real, os.path.join(self.sys, 'class/net', iface))

    def key(self, name):
        path = os.path.join(self.net.work, name + '.key')
        r = self.net.run('pc-a', [BIN, 'usb-watch', '--make-key', path, '--name', name])
        return path, r.stdout.strip(), r

    def alerts(self):
        try:
            with open(self.eve) as f:
                return [e for e in map(json.loads, f) if e['event_type'] == 'alert' and e['alert']['signature_id'] == 9100045]
        except FileNotFoundError:
            return []

    def usb(self):
        return self.status().get('usb', {})

    def says(self, n):
        return json.dumps(self.alerts()[n])

    def send(self, frm, *datagrams, port=7788):
        self.net.run(frm, [sys.executable, '-c', SAY, str(port)] + [d.hex() for d in datagrams])

    def plug(self, name, mac):
        """A network interface appears in the endpoint's namespace; its uevent is the kernel's own."""
        self.net.run('pc-a', ['ip', 'link', 'add', name, 'address', mac, 'type', 'veth', 'peer', 'name', name + 'p'])

    def keys_and_options(self):
        path, line, r = self.key('pc-a')
        self.ok(r.returncode == 0 and line.startswith('pc-a ') and os.stat(path).st_mode & 0o777 == 0o600, 'make-key writes a key nobody else may read and prints its line', r.stderr)
        again = self.key('pc-a')[2]
        self.ok(again.returncode == 1 and 'not overwritten' in again.stderr, 'a key is not overwritten', again.stderr)
        with open(self.keys, 'w') as f:
            f.write('# endpoints\n%s 10.10.1.11\nbad\n' % line)
        run = [BIN, 'run', '--policy', self.policy, '--iface', 'br-office', '--eve', self.eve, '--socket', self.sock, '--usb-listen', '10.10.1.1:7788']
        r = self.net.run('gw', run + ['--usb-keys', self.keys])
        self.ok(r.returncode == 3 and 'usb.keys:3:4: error:' in r.stderr, 'a mistake in the key file is told with line and column (exit 3)', r.stderr)
        r = self.net.run('gw', run)
        self.ok(r.returncode == 2 and '--usb-keys' in r.stderr, 'nobody is listened to without keys (exit 2)', r.stderr)
        os.chmod(path, 0o644)
        r = self.net.run('pc-a', [BIN, 'usb-watch', '--to', '10.10.1.1:7788', '--key', path, '--once'])
        self.ok(r.returncode == 4 and 'others may read' in r.stderr, 'a key others may read is not used (exit 4)', r.stderr)
        os.chmod(path, 0o600)
        with open(self.keys, 'w') as f:
            f.write('# endpoints\n%s 10.10.1.11\n' % line)
        return path

    def watch(self, key, *args):
        return [BIN, 'usb-watch', '--to', '10.10.1.1:7788', '--key', key, '--name', 'pc-a', '--sysfs', self.sys] + list(args)

    def plugged(self, key):
        self.device('1-1', '046d', 'c52b', ('03', '01', '01'), 'Keyboard')
        self.net.spawn('pc-a', self.watch(key), log='watch.log')
        self.ok(self.until(lambda: self.usb().get('taken') == 1, 5), 'what is there at the start is told once', '%s %s' % (self.usb(), self.net.log('watch.log')))
        self.device('1-2', '0bda', '8153', ('02', '06', '00'), 'USB LAN', 'usb0', MAC)
        t0 = time.time()
        self.plug('usb0', MAC)
        self.until(lambda: self.alerts(), 5)
        took = time.time() - t0
        self.ok(len(self.alerts()) == 1, 'a network interface on a USB port is told, what was there is not', self.usb())
        text = self.says(0)
        self.ok(all(w in text for w in ('0bda:8153', 'USB LAN', '10.10.1.11 (pc-a) port 1-2', MAC, 'signed')), 'with ids, name, endpoint, port and MAC', text)
        print('# from the uevent to the record: %.0f ms' % (took * 1000))
        self.net.run('pc-a', [sys.executable, '-c', FRAME])
        shown = lambda: self.cli('host', 'show', MAC, '--json').stdout  # noqa: E731
        self.ok(self.until(lambda: '0bda:8153 USB LAN at pc-a 1-2' in shown(), 5), 'when its MAC appears on the wire the device says where it is plugged in', shown())

    def capture(self, key):
        p = self.net.spawn('pc-a', [sys.executable, '-c', HEAR], stdout=-1)
        p.stdout.readline()
        self.net.run('pc-a', [BIN, 'usb-watch', '--to', '10.10.1.11:9999', '--key', key, '--name', 'pc-a', '--sysfs', self.sys, '--once'])
        return bytes.fromhex(p.communicate(timeout=10)[0].decode().strip())

    def refused(self, key):
        other = self.key('other')[0]
        n, real = len(self.alerts()), self.capture(key)
        add = lambda d: bytearray(d)  # noqa: E731
        forged = add(real)
        forged[32] = 1  # an ADD instead of what was there
        self.send('pc-a', bytes(forged), real, real, real[:100], b'x')
        self.send('pc-b', real)
        self.net.run('pc-a', self.watch(other, '--once'))
        want = {'bad_signature': 1, 'replayed': 1, 'malformed': 2, 'from_elsewhere': 1}
        good = self.until(lambda: all(self.usb().get(k) == v for k, v in want.items()) and self.usb().get('unknown_key', 0) >= 1, 5)
        self.ok(good, 'a forged datagram, a replayed one, one from elsewhere and one of a wrong key are counted', self.usb())
        self.ok(len(self.alerts()) == n, 'and make no alert')
        text = self.cli('status').stdout
        self.ok('1 bad signature, 1 replayed' in text, 'status tells them', text)
        return real

    def killed(self, real):
        pid = self.pid('intake')
        os.kill(pid, signal.SIGKILL)
        self.ok(self.until(lambda: self.pid('intake') not in (0, pid), 5), 'kill -9 of the intake: it comes back')
        n = self.usb()['replayed']
        self.send('pc-a', real)
        self.ok(self.until(lambda: self.usb().get('replayed') == n + 1, 5), 'and still knows a recording', self.usb())
        n = len(self.alerts())
        self.device('1-4', '1d6b', '0104', ('02', '06', '00'), 'Gadget', 'usb1', '02:55:53:42:00:02')
        self.plug('usb1', '02:55:53:42:00:02')
        self.ok(self.until(lambda: len(self.alerts()) > n, 5) and 'Linux gadget' in self.says(-1), 'a gadget is told after it, by its ids', self.alerts()[-1:])

    def event_log(self):
        n = len(self.alerts())
        line = '<14>Nov 28 12:00:00 PC-9 x: ' + json.dumps({'EventID': 6416, 'Computer': 'PC-9', 'DeviceId': 'USB\\VID_0525&PID_A4A2\\1', 'ClassName': 'Net', 'SubjectUserName': 'alice'})
        self.send('pc-b', line.encode(), b'<14>Nov 28 12:00:00 PC-9 sshd[1]: hello', port=5514)
        self.ok(self.until(lambda: len(self.alerts()) > n, 5) and 'PC-9' in self.says(-1) and 'unsigned' in self.says(-1), 'a Windows event by syslog is told as unsigned', self.usb())
        self.ok(self.usb().get('event_logs') == 1 and self.usb().get('other_lines') == 1, 'other lines are none of it', self.usb())

    def flood(self):
        code = 'import socket,os\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\nfor i in range(20000): s.sendto(b"BHU\\x01"+os.urandom(330),("10.10.1.1",7788))\n'
        n = len(self.alerts())
        self.net.run('pc-b', [sys.executable, '-c', code])
        self.ok(self.until(lambda: self.usb().get('too_many', 0) > 1000, 5) and len(self.alerts()) == n, 'a flood is held back by its source', self.usb())
        self.device('1-5', '0781', '5567', ('08', '06', '50'), 'LAN again', 'usb2', '02:55:53:42:00:03')
        self.plug('usb2', '02:55:53:42:00:03')
        self.ok(self.until(lambda: len(self.alerts()) > n, 5), 'and another endpoint is heard after it', self.usb())

    def run(self):
        key = self.keys_and_options()
        self.ok(self.start('--usb-listen', '10.10.1.1:7788', '--usb-keys', self.keys, '--syslog-listen', '10.10.1.1:5514'), 'run starts with an intake')
        begun = time.time()
        self.plugged(key)
        real = self.refused(key)
        self.killed(real)
        self.event_log()
        self.flood()
        s = self.status()
        self.ok(not s['orders'] and s['counters']['ring_drops'] == 0, 'nothing of it cuts anybody', s)
        self.ok(self.until(lambda: 'intake: in the last minute' in self.net.log('daemon.log'), 75 - (time.time() - begun)), 'what was refused is told in the journal once a minute')
        self.stop()
        print('1..%d' % self.n, flush=True)
        return self.bad != 0


if __name__ == '__main__':
    sys.exit(daemon.main(Usb))
