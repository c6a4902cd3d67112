# SPDX-License-Identifier: GPL-3.0-or-later
"""A small network in namespaces of its own: zones are bridges of one gateway, hosts hang on them.

Everything lives in private network, mount, process and IPC namespaces (and a user namespace when not root), so that
nothing outlives the program, even when it is killed. Only the standard library and iproute2 are needed.

    lab.private()                        first thing in main(): re-executes inside the namespaces
    net = lab.Lab()
    net.zone('office', '10.10.1.0/24', 'fd00:10:1::/64')
    net.host('pc-17', 'office', 17)
    net.up()
    net.spawn('pc-17', ['ping', ...]); net.run('gw', [...])
"""
import ast
import ctypes
import ipaddress
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """The machine cannot do this; the text says why and what to do."""


def private():
    """Re-executes the running program in namespaces of its own; returns when already inside."""
    if os.environ.get('BULKHEAD_LAB') == '1':
        setup_inside()
        return
    cmd = ['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--ipc', '--uts']
    if os.geteuid() != 0:
        cmd += ['--user', '--map-root-user']
    probe = subprocess.run(cmd + ['true'], capture_output=True, text=True)
    if probe.returncode:
        raise Unavailable('namespaces are not allowed here (%s); run as root, or allow user namespaces '
                          '(sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces>0)' % probe.stderr.strip())
    env = dict(os.environ, BULKHEAD_LAB='1', BULKHEAD_LAB_USERNS='0' if os.geteuid() == 0 else '1')
    child = subprocess.Popen(cmd + [sys.executable] + sys.argv, env=env)
    # Ctrl-C reaches the whole foreground group; here it is enough to wait for the inner program's end
    def stop(signum, frame):
        # unshare itself waits through a SIGTERM; the program inside clears up and ends
        try:
            with open('/proc/%d/task/%d/children' % (child.pid, child.pid)) as f:
                inside = [int(p) for p in f.read().split()]
            for pid in inside:
                os.kill(pid, signal.SIGTERM)
        except OSError:
            child.kill()

    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, stop)
    while True:
        try:
            sys.exit(child.wait() if child.returncode is None else child.returncode)
        except KeyboardInterrupt:
            continue


def setup_inside():
    subprocess.check_call(['mount', '--make-rprivate', '/'])
    subprocess.check_call(['mount', '-t', 'tmpfs', 'tmpfs', '/run'])
    os.makedirs('/run/netns', exist_ok=True)
    # Samba asks who it is; a name that /etc/hosts lacks would be asked of a name server nobody reaches from here
    socket.sethostname('localhost')
    signal.signal(signal.SIGTERM, lambda s, f: sys.exit(143))


def in_userns():
    return os.environ.get('BULKHEAD_LAB_USERNS') == '1'


def wrappers(work):
    """Environment that lets daemons which insist on setgroups() run with a single mapped id."""
    if not in_userns():
        return {}
    for src, dst in (('/etc/passwd', 'passwd'), ('/etc/group', 'group')):
        with open(src) as f, open(os.path.join(work, dst), 'w') as out:
            out.write(f.read())
    return {'LD_PRELOAD': 'libuid_wrapper.so:libnss_wrapper.so', 'UID_WRAPPER': '1', 'UID_WRAPPER_ROOT': '1',
            'NSS_WRAPPER_PASSWD': os.path.join(work, 'passwd'), 'NSS_WRAPPER_GROUP': os.path.join(work, 'group')}


def ip_batch(lines, ns=None):
    cmd = ['ip'] + (['-n', ns] if ns else []) + ['-batch', '-']
    r = subprocess.run(cmd, input='\n'.join(lines) + '\n', text=True, capture_output=True)
    if r.returncode:
        raise Unavailable('ip %s: %s' % (ns or '', r.stderr.strip()))


def enter(ns):
    fd = os.open('/run/netns/' + ns, os.O_RDONLY)
    if libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), 'setns ' + ns)
    os.close(fd)


class Lab:
    def __init__(self):
        self.zones, self.hosts, self.procs = {}, {}, []
        self.work = tempfile.mkdtemp(prefix='bulkhead-lab-')
        os.chmod(self.work, 0o755)

    def zone(self, name, net4, net6=None):
        self.zones[name] = (ipaddress.ip_network(net4), ipaddress.ip_network(net6) if net6 else None)

    def host(self, name, zone, number, more=()):
        """number is the host part in both families; more: further host numbers on the same interface"""
        self.hosts[name] = (zone, number, tuple(more))

    def ip(self, host, family=4):
        zone, number, _ = self.hosts[host]
        return str(self.zones[zone][0 if family == 4 else 1][number])

    def iface(self, zone):
        return 'br-' + zone

    def up(self):
        ip_batch(['netns add gw'] + ['netns add ' + h for h in self.hosts])
        lines = ['link set lo up']
        for z, (n4, n6) in self.zones.items():
            lines += ['link add br-%s type bridge' % z, 'link set br-%s up' % z, 'addr add %s/%d dev br-%s' % (n4[1], n4.prefixlen, z)]
            if n6:
                lines += ['addr add %s/%d dev br-%s nodad' % (n6[1], n6.prefixlen, z)]
        for i, (h, (z, _, _)) in enumerate(self.hosts.items()):
            lines += ['link add p%d type veth peer name eth0 netns %s address 02:bb:00:00:00:%02x' % (i, h, i + 1),
                      'link set p%d master br-%s up' % (i, z)]
        ip_batch(lines, 'gw')
        self.sysctl('gw', {'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1, 'net.bridge.bridge-nf-call-iptables': 0,
                           'net.bridge.bridge-nf-call-ip6tables': 0, 'net.bridge.bridge-nf-call-arptables': 0})
        for h, (z, number, more) in self.hosts.items():
            n4, n6 = self.zones[z]
            lines = ['link set lo up', 'link set eth0 up']
            for k in (number,) + more:
                lines += ['addr add %s/%d dev eth0' % (n4[k], n4.prefixlen)]
                if n6:
                    lines += ['addr add %s/%d dev eth0 nodad' % (n6[k], n6.prefixlen)]
            lines += ['route add default via %s' % n4[1]]
            if n6:
                lines += ['route add default via %s' % n6[1]]
            ip_batch(lines, h)

    def sysctl(self, ns, values):
        pid = os.fork()
        if pid == 0:
            try:
                enter(ns)
                for key, value in values.items():
                    path = '/proc/sys/' + key.replace('.', '/')
                    if os.path.exists(path):
                        with open(path, 'w') as f:
                            f.write(str(value))
                os._exit(0)
            except BaseException as e:
                print('sysctl: %s' % e, file=sys.stderr)
                os._exit(1)
        os.waitpid(pid, 0)

    def command(self, ns, cmd):
        return ['nsenter', '--net=/run/netns/' + ns, '--'] + cmd

    def run(self, ns, cmd, timeout=30, **kw):
        kw.setdefault('capture_output', True)
        kw.setdefault('text', True)
        return subprocess.run(self.command(ns, cmd), timeout=timeout, **kw)

    def spawn(self, ns, cmd, log=None, env=None, stdin=subprocess.DEVNULL, stdout=None):
        out = open(os.path.join(self.work, log), 'ab') if log else subprocess.DEVNULL
        p = subprocess.Popen(self.command(ns, cmd), stdin=stdin, stdout=stdout or out, stderr=out, start_new_session=True,
                             env=dict(os.environ, **env) if env else None)
        self.procs.append(p)
        return p

    def log(self, name):
        try:
            with open(os.path.join(self.work, name), errors='replace') as f:
                return f.read()
        except OSError:
            return ''

    def connects(self, ns, addr, port, timeout=1.0):
        """True when a TCP connection from ns to addr:port is established."""
        code = 'import socket,sys\ntry: socket.create_connection((%r,%d),%f).close()\nexcept OSError: sys.exit(1)' % (addr, port, timeout)
        return self.run(ns, [sys.executable, '-c', code], timeout=timeout + 5).returncode == 0

    def wait_port(self, ns, addr, port, seconds=10):
        end = time.time() + seconds
        while time.time() < end:
            if self.connects(ns, addr, port, 0.5):
                return True
            time.sleep(0.05)
        return False

    def down(self):
        for p in self.procs:
            if p.poll() is None:
                try:
                    os.killpg(p.pid, signal.SIGTERM)
                except OSError:
                    pass
        end = time.time() + 2
        for p in self.procs:
            try:
                p.wait(max(0.01, end - time.time()))
            except subprocess.TimeoutExpired:
                try:
                    os.killpg(p.pid, signal.SIGKILL)
                except OSError:
                    pass
        subprocess.run(['rm', '-rf', self.work])


class Witness:
    """Counts what arrives on a host's interface, independent of Bulkhead: a raw socket in the host's namespace."""

    def __init__(self, net, host):
        r, w = socket.socketpair()
        ready_r, ready_w = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            r.close()
            os.close(ready_r)
            try:
                self._child(host, w, ready_w)
            finally:
                os._exit(0)
        w.close()
        os.close(ready_w)
        os.read(ready_r, 1)
        os.close(ready_r)
        self.sock = r

    def _child(self, host, w, ready):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        enter(host)
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        s.bind(('eth0', 0))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        s.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
        os.write(ready, b'x')
        seen, shakes, half = {}, {}, set()
        import select
        while True:
            ready_list, _, _ = select.select([s, w], [], [])
            if w in ready_list:
                if not w.recv(16):
                    return
                w.sendall((repr((seen, shakes)) + '\n').encode())
            if s in ready_list:
                self._packet(s, seen, shakes, half)

    @staticmethod
    def _packet(s, seen, shakes, half):
        data, anc, _, addr = s.recvmsg(128, 64)
        stamp = time.time()
        for level, kind, value in anc:
            if level == socket.SOL_SOCKET and kind == 35:
                sec, ns = struct.unpack('ll', value[:16])
                stamp = sec + ns / 1e9
        if len(data) < 34 or data[12:14] != b'\x08\x00':
            return
        src, dst = socket.inet_ntoa(data[26:30]), socket.inet_ntoa(data[30:34])
        outgoing = addr[2] == socket.PACKET_OUTGOING
        ihl = (data[14] & 15) * 4
        tcp = data[14 + ihl:]
        # a reset is the gateway speaking to the healthy side in the isolated host's name: no packet of that host
        reset = data[23] == 6 and len(tcp) >= 14 and tcp[13] & 4
        if data[23] == 6 and len(tcp) >= 14:
            sport, dport, flags = struct.unpack('!HH', tcp[:4])[0], struct.unpack('!HH', tcp[:4])[1], tcp[13]
            if outgoing and flags & 0x12 == 0x12:
                half.add((dst, dport, src, sport))
            elif not outgoing and not flags & 0x06 and (src, sport, dst, dport) in half:
                half.discard((src, sport, dst, dport))
                shakes.setdefault(src, {}).setdefault(dst, stamp)
        if not outgoing and not reset:
            n, _ = seen.get(src, (0, 0))
            seen[src] = (n + 1, stamp)

    def report(self):
        """({source: (packets, time of the last)}, {source: {address it completed a handshake with: when}})"""
        self.sock.sendall(b'?')
        buf = b''
        while not buf.endswith(b'\n'):
            part = self.sock.recv(65536)
            if not part:
                return {}, {}
            buf += part
        return ast.literal_eval(buf.decode())

    def close(self):
        # later children hold copies of this socket, so its end would not be noticed: end our own child by pid
        self.sock.close()
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
