#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts an intruder finds: Samba, sshd, an FTP server, a KDC, and mocks that answer what only Windows answers.

As a program it is one of the mocks:
    victims.py windows ROOT [smb1]   SMB with ADMIN$ and C$, service manager, task scheduler and spooler that do nothing; a spooler that
                                     is asked to notify somebody logs on there, as a real one does
    victims.py winrm                 /wsman on 5985
    victims.py sink PORT...          takes what it is sent and answers HTTP 200 or nothing
"""
import http.server
import os
import re
import socketserver
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon  # noqa: E402
lab = daemon.lab

PASSWORD = 'Passw0rd!'
# daemons that a package would start on somebody's machine: tools/test unpacks them into the tree instead of installing them
EXTRA = os.path.join(daemon.ROOT, 'build-extra/victims')
LIBS = {'LD_LIBRARY_PATH': ':'.join(EXTRA + d for d in ('/usr/lib/x86_64-linux-gnu', '/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/lib/aarch64-linux-gnu'))}
NDR = bytes.fromhex('045d888aeb1cc9119fe808002b10486002000000')


def program(path):
    for p in (path, EXTRA + path):
        if os.access(p, os.X_OK):
            return p
    return None


# ---- servers of others ----
class Servers:
    """Starts them in a lab's hosts, each with its files in a folder of its own"""

    def __init__(self, net):
        self.net = net
        self.keys = os.path.join(net.work, 'keys')
        os.makedirs(self.keys, mode=0o700)

    def folder(self, name, *subs):
        d = os.path.join(self.net.work, name)
        for sub in subs + ('',):
            os.makedirs(os.path.join(d, sub), exist_ok=True)
        return d

    def smbd(self, host, lines='', users=('root',), shares=('data', 'ADMIN$')):
        """All shares lie in one folder, which is returned. Names of accounts other than root come from nss_wrapper."""
        d = self.folder('smb-' + host, 'private', 'lock', 'state', 'cache', 'ncalrpc', 'data')
        os.chmod(d + '/data', 0o777)
        conf, env = d + '/smb.conf', self.accounts(d, users)
        with open(conf, 'w') as f:
            f.write('[global]\nserver role = standalone server\nprivate dir = {0}/private\npassdb backend = tdbsam:{0}/private/p.tdb\n'
                    'lock directory = {0}/lock\nstate directory = {0}/state\ncache directory = {0}/cache\npid directory = {0}\nncalrpc dir = {0}/ncalrpc\n'
                    'log file = {0}/log\nsmb ports = 445\ndisable spoolss = yes\nadmin users = root\n{1}\n'.format(d, lines))
            for share in shares:
                f.write('[%s]\npath = %s/data\nread only = no\n' % (share, d))
        for user in users:
            r = subprocess.run(['smbpasswd', '-c', conf, '-s', '-a', user], input='%s\n%s\n' % (PASSWORD, PASSWORD), text=True, env=dict(os.environ, **env), capture_output=True)
            if r.returncode:
                raise lab.Unavailable('smbpasswd: ' + r.stderr.strip())
        self.net.spawn(host, ['smbd', '-F', '--no-process-group', '-s', conf, '--debug-stdout'], log='smbd-%s.log' % host, env=env)
        return d + '/data'

    def accounts(self, d, users, hashed=False):
        """Environment in which these accounts exist, with the password where hashed"""
        secret = subprocess.run(['openssl', 'passwd', '-6', PASSWORD], capture_output=True, text=True).stdout.strip() if hashed else 'x'
        wrapped = lab.wrappers(d)
        with open(d + '/passwd', 'w') as f:
            for i, user in enumerate(users):
                f.write('%s:%s:%d:%d::%s:/bin/sh\n' % (user, secret, i and 20000 + i, 0 if i == 0 else 65534, '/root' if i == 0 else '/nonexistent'))
            f.write('nobody:x:65534:65534::/nonexistent:/bin/false\nsshd:x:64000:65534::/run/sshd:/bin/false\nftp:x:64001:65534::/nonexistent:/bin/false\n')
        with open(d + '/group', 'w') as f:
            f.write('root:x:0:\nnogroup:x:65534:\n')
        # the lab's own wrapping, where there is a single user id, with these accounts instead of the machine's
        preload = 'libuid_wrapper.so:libnss_wrapper.so' if lab.in_userns() else 'libnss_wrapper.so'
        return {**wrapped, 'LD_PRELOAD': preload, 'NSS_WRAPPER_PASSWD': d + '/passwd', 'NSS_WRAPPER_GROUP': d + '/group'}

    def sshd(self, host):
        d, key, hostkey = self.folder('ssh-' + host), self.keys + '/id', self.keys + '/host'
        os.makedirs('/run/sshd', exist_ok=True)
        for k in (key, hostkey):
            if not os.path.exists(k):
                subprocess.check_call(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', k])
        with open(d + '/cfg', 'w') as f:
            f.write('Port 22\nHostKey %s\nUsePAM no\nPasswordAuthentication yes\nPermitRootLogin yes\nKbdInteractiveAuthentication no\nPidFile none\nAuthorizedKeysFile %s.pub\n'
                    'StrictModes no\nMaxStartups 100:30:200\nUseDNS no\n' % (hostkey, key))
        self.net.spawn(host, [program('/usr/sbin/sshd'), '-D', '-e', '-f', d + '/cfg'], log='sshd-%s.log' % host, env=dict(self.accounts(d, ('root', 'alice'), True), **LIBS))

    def ssh_words(self):
        return 'ssh -F none -i %s/id -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes' % self.keys

    def ssh(self, *hops, then='true'):
        """The command that goes from hop to hop and does something on the last"""
        cmd = then
        for to in reversed(hops):
            cmd = '%s root@%s %s' % (self.ssh_words(), to, quote(cmd))
        return ['sh', '-c', cmd]

    def ftpd(self, host):
        d = self.folder('ftp-' + host, 'empty')
        with open(d + '/cfg', 'w') as f:
            f.write('listen=YES\nanonymous_enable=NO\nlocal_enable=YES\nsecure_chroot_dir=%s/empty\npam_service_name=other\nbackground=NO\nseccomp_sandbox=NO\n'
                    'isolate=NO\nisolate_network=NO\ndelay_failed_login=0\nmax_login_fails=3\n' % d)
        self.net.spawn(host, [program('/usr/sbin/vsftpd'), d + '/cfg'], log='ftp-%s.log' % host, env=LIBS)

    def kdc(self, host, users, services):
        """users: name -> asks for pre-authentication or not. Services have RC4 keys only. Returns the environment of its clients."""
        d, ip = self.folder('kdc-' + host), self.net.ip(host)
        plugins = EXTRA + '/usr/lib/x86_64-linux-gnu/krb5/plugins/kdb'
        with open(d + '/krb5.conf', 'w') as f:
            f.write('[libdefaults]\n default_realm = TOWN.LAB\n allow_rc4 = true\n dns_lookup_kdc = false\n dns_canonicalize_hostname = false\n rdns = false\n'
                    '[realms]\n TOWN.LAB = {\n  kdc = %s\n }\n%s' % (ip, '[dbmodules]\n db_module_dir = %s\n' % plugins if os.path.exists(plugins) else ''))
        with open(d + '/kdc.conf', 'w') as f:
            f.write('[kdcdefaults]\n kdc_ports = 88\n kdc_tcp_ports = 88\n[realms]\n TOWN.LAB = {\n  database_name = %s/db\n  key_stash_file = %s/stash\n'
                    '  acl_file = %s/acl\n  supported_enctypes = aes256-cts:normal arcfour-hmac:normal\n }\n' % (d, d, d))
        client = {'KRB5_CONFIG': d + '/krb5.conf', 'KRB5CCNAME': 'FILE:%s/cc' % d}
        env = dict(os.environ, KRB5_KDC_PROFILE=d + '/kdc.conf', **client, **LIBS)
        lines = ['addprinc -pw %s %srequires_preauth %s' % (PASSWORD, '+' if pre else '-', u) for u, pre in users.items()]
        lines += ['addprinc -pw %s -e arcfour-hmac:normal %s' % (PASSWORD, s) for s in services]
        for cmd, text in ((['/usr/sbin/kdb5_util', 'create', '-s', '-r', 'TOWN.LAB', '-P', 'master'], ''), (['/usr/sbin/kadmin.local'], '\n'.join(lines) + '\n')):
            r = subprocess.run([program(cmd[0])] + cmd[1:], input=text, text=True, env=env, capture_output=True)
            if r.returncode:
                raise lab.Unavailable('%s: %s' % (cmd[0], r.stderr.strip()[-200:]))
        self.net.spawn(host, [program('/usr/sbin/krb5kdc'), '-n'], log='kdc.log', env=env)
        return client

    def controller(self, host):
        """Samba as a domain controller: made and started behind our back, for that takes 20 s and more"""
        d, ip = self.folder('dc-' + host, 'run'), self.net.ip(host)
        with open(d + '/base.conf', 'w') as f:
            f.write('[global]\n')
        with open(d + '/resolv.conf', 'w') as f:
            f.write('nameserver %s\n' % ip)
        with open(d + '/up', 'w') as f:
            f.write('set -e\nmkdir -p /run/samba\nmount --bind %(d)s/run /run/samba\nmount --bind %(d)s/resolv.conf /etc/resolv.conf\n'
                    'samba-tool domain provision --realm=TOWN.LAB --domain=TOWN --adminpass=%(pw)s --server-role=dc --dns-backend=SAMBA_INTERNAL --host-name=%(host)s '
                    '--host-ip=%(ip)s --targetdir=%(d)s --configfile=%(d)s/base.conf --option="interfaces=lo eth0" --option="bind interfaces only=yes"\n'
                    'sed -i -e "/dns forwarder/d" -e "/log file/d" -e "/logging = file/d" -e "/^.global/a server smb encrypt = off" %(d)s/etc/smb.conf\n'
                    'exec samba -F --no-process-group -s %(d)s/etc/smb.conf --debug-stdout\n' % {'d': d, 'pw': quote(PASSWORD), 'host': host, 'ip': ip})
        self.net.spawn(host, ['unshare', '--mount', 'sh', d + '/up'], log='dc.log')

    def windows(self, host, *how):
        d = self.folder('win-' + host)
        self.net.spawn(host, ['/usr/bin/python3', os.path.abspath(__file__), 'windows', d] + list(how), log='win-%s.log' % host)
        return d

    def mock(self, host, *what):
        self.net.spawn(host, ['/usr/bin/python3', os.path.abspath(__file__)] + list(what), log='mock-%s.log' % host)


def quote(text):
    return "'" + text.replace("'", "'\\''") + "'"


# ---- Windows, as far as remote execution sees it ----
def challenge(flags):
    """An NTLM challenge, so that a client that wants its calls sealed goes on to send them"""
    pairs = b''.join(struct.pack('<HH', k, len(v)) + v for k, v in ((2, 'TOWN'.encode('utf-16le')), (1, 'VICTIM'.encode('utf-16le')), (0, b'')))
    name = 'TOWN'.encode('utf-16le')
    return (b'NTLMSSP\0' + struct.pack('<IHHII', 2, len(name), len(name), 56, flags | 0x00800000) + os.urandom(8) + bytes(8) +
            struct.pack('<HHI', len(pairs), len(pairs), 56 + len(name)) + bytes.fromhex('0a0039380000000f') + name + pairs)


class Pipe(socketserver.StreamRequestHandler):
    """DCE/RPC as it comes out of a pipe. Any interface is bound; calls in clear are answered, sealed ones denied."""
    answers = {}

    def send(self, kind, call, body, auth=b''):
        self.wfile.write(struct.pack('<BBBBIHHI', 5, 0, kind, 3, 0x10, 16 + len(body) + len(auth), max(0, len(auth) - 8), call) + body + auth)

    def handle(self):
        stub = b''
        while True:
            head = self.rfile.read(16)
            if len(head) < 16:
                return
            kind, flags, size, auth, call = head[2], head[3], *struct.unpack('<HHI', head[8:16])
            body = self.rfile.read(size - 16)
            if kind in (11, 14):
                self.bind(kind, call, body, auth)
            elif kind == 0:
                stub += body[8:len(body) - (auth + 8 if auth else 0)]
                if flags & 2:
                    self.called(call, struct.unpack('<H', body[6:8])[0], stub, auth)
                    stub = b''

    def bind(self, kind, call, body, auth):
        n = body[8]
        at, trailer = 12, b''
        self.iface = body[16:32]
        results = b''
        for _ in range(n):
            same = body[at + 24:at + 44] == NDR
            results += struct.pack('<HH', 0 if same else 2, 0 if same else 2) + (NDR if same else bytes(20))
            at += 24 + 20 * body[at + 2]
        if auth and body[-auth:].startswith(b'NTLMSSP\0'):
            trailer = body[-auth - 8:-auth - 6] + b'\0\0' + body[-auth - 4:-auth] + challenge(struct.unpack('<I', body[-auth + 12:][:4])[0])
        self.send(kind + 1, call, body[:4] + b'\x34\x12\0\0' + struct.pack('<H', 5) + b'pipe\0\0' + struct.pack('<BBH', n, 0, 0) + results, trailer)

    def called(self, call, opnum, stub, auth):
        make = self.answers.get((self.iface, opnum))
        answer = make(self, stub) if make and not auth else None
        if answer is None:
            self.send(3, call, struct.pack('<IHBBII', 32, 0, 0, 0, 5, 0))
        else:
            self.send(2, call, struct.pack('<IHBB', len(answer), 0, 0, 0) + answer)


HANDLE = bytes(4) + b'one handle fits '
STATUS = ('dwServiceType', 'dwCurrentState', 'dwControlsAccepted', 'dwWin32ExitCode', 'dwServiceSpecificExitCode', 'dwCheckPoint', 'dwWaitHint')


def windows(root, smb1):
    from impacket.dcerpc.v5 import rprn, rrp, scmr, tsch
    from impacket.dcerpc.v5.dtypes import NULL
    from impacket.ntlm import compute_lmhash, compute_nthash
    from impacket.smbserver import SimpleSMBServer
    from impacket.uuid import uuidtup_to_bin

    # tools ask for a folder as Windows lets them, with the right to write in it; for the server beneath it is a file of this system,
    # and a path in IPC$ is one in its working folder
    open_file, make, services = os.open, os.mkdir, {'RemoteRegistry\0'}

    def open_(path, flags, *more, **kw):
        if str(path).startswith(root) and os.path.isdir(path):
            flags = os.O_RDONLY
        elif not os.path.isabs(path) and flags & os.O_CREAT:
            raise PermissionError(path)
        return open_file(path, flags, *more, **kw)

    def mkdir(path, *more, **kw):
        if not os.path.isabs(path):
            raise PermissionError(path)
        if not os.path.isdir(path):
            make(path, *more, **kw)
    os.open, os.mkdir = open_, mkdir

    def reply(module, opnum, **fields):
        def make(pipe, stub):
            r = module.OPNUMS[opnum][1]()
            for name, value in dict(fields, ErrorCode=fields.get('ErrorCode', 0)).items():
                if name == 'lpServiceStatus':
                    for part in STATUS:
                        r[name][part] = value if part == 'dwCurrentState' else 0
                elif name in ('phKey', 'phkResult', 'hKey'):
                    r[name]['context_handle_attributes'], r[name]['context_handle_uuid'] = 0, value[4:]
                else:
                    r[name] = value
            return r.getData()
        return make

    def create(pipe, stub):
        services.add(scmr.RCreateServiceW(stub)['lpServiceName'])
        return reply(scmr, 12, lpdwTagId=NULL, lpServiceHandle=HANDLE)(pipe, stub)

    def open_service(pipe, stub):
        known = scmr.ROpenServiceW(stub)['lpServiceName'] in services
        return reply(scmr, 16, lpServiceHandle=HANDLE if known else bytes(20), ErrorCode=0 if known else 1060)(pipe, stub)

    def info(pipe, stub):
        r = rrp.BaseRegQueryInfoKeyResponse()
        r['lpClassOut'] = '0badcafe\0'  # a quarter of a boot key
        r['lpcSubKeys'] = 0
        return r.getData()

    def notify(pipe, stub):
        name = re.search(rb'(?:\\\0){2}((?:[0-9.]\0){7,})', stub)
        if name:
            who = name.group(1).decode('utf-16le')
            subprocess.Popen(['smbclient', '-L', who, '-U', 'VICTIM$%nothing', '-m', 'SMB2'], stdin=subprocess.DEVNULL)
        return reply(rprn, 65)(pipe, stub)

    calls = ((scmr, {0: reply(scmr, 0, hSCObject=bytes(20)), 1: reply(scmr, 1, lpServiceStatus=1), 2: reply(scmr, 2), 6: reply(scmr, 6, lpServiceStatus=4),
                     12: create, 15: reply(scmr, 15, lpScHandle=HANDLE),
                     16: open_service, 19: reply(scmr, 19)}, scmr.MSRPC_UUID_SCMR),
             (tsch, {1: reply(tsch, 1, pActualPath='\\task\0', pErrorInfo=NULL), 12: reply(tsch, 12, pGuid=bytes(16)), 13: reply(tsch, 13)}, tsch.MSRPC_UUID_TSCHS),
             (rrp, {2: reply(rrp, 2, phKey=HANDLE), 5: reply(rrp, 5, hKey=bytes(20)), 6: reply(rrp, 6, phkResult=HANDLE, lpdwDisposition=1), 15: reply(rrp, 15, phkResult=HANDLE),
                    16: info, 20: reply(rrp, 20), 22: reply(rrp, 22)}, rrp.MSRPC_UUID_RRP),
             (rprn, {1: reply(rprn, 1, pHandle=HANDLE), 65: notify}, rprn.MSRPC_UUID_RPRN))
    for _, table, uuid in calls:
        iface = uuid[:16] if isinstance(uuid, bytes) else uuidtup_to_bin(uuid)[:16]
        Pipe.answers.update({(iface, opnum): make for opnum, make in table.items()})
    socketserver.ThreadingTCPServer.daemon_threads = True
    pipes = socketserver.ThreadingTCPServer(('127.0.0.1', 0), Pipe)
    threading.Thread(target=pipes.serve_forever, daemon=True).start()
    s = SimpleSMBServer('0.0.0.0', 445)
    s.addShare('ADMIN$', root)
    s.addShare('C$', root)
    s.setSMB2Support(not smb1)
    s.setSMBChallenge(os.urandom(8).hex())
    s.addCredential('administrator', 0, compute_lmhash(PASSWORD), compute_nthash(PASSWORD))
    for name in ('svcctl', 'atsvc', 'spoolss', 'winreg'):
        s.registerNamedPipe(name, pipes.server_address)
    s.start()


class WinRM(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    SHELL = 'http://schemas.microsoft.com/wbem/wsman/1/windows/shell'

    def do_POST(self):
        text = self.rfile.read(int(self.headers.get('Content-Length', 0))).decode(errors='replace')
        if not self.headers.get('Authorization'):
            return self.answer(401, '', ('WWW-Authenticate', 'Basic realm="WSMAN"'))
        action = (re.findall(r'Action[^>]*>[^<]*/(\w+)<', text) or ['?'])[0]
        uid = '00000000-0000-4000-8000-000000000001'
        inner = {'Create': '<r:Shell><r:ShellId>{0}</r:ShellId><w:Selector Name="ShellId">{0}</w:Selector></r:Shell>',
                 'Command': '<r:CommandResponse><r:CommandId>{0}</r:CommandId></r:CommandResponse>',
                 'Receive': '<r:ReceiveResponse><r:Stream Name="stdout" CommandId="{0}">b2s=</r:Stream>'
                            '<r:CommandState CommandId="{0}" State="{1}/CommandState/Done"><r:ExitCode>0</r:ExitCode></r:CommandState></r:ReceiveResponse>'}.get(action, '')
        related = (re.findall(r'MessageID[^>]*>([^<]+)<', text) or [''])[0]
        self.answer(200, '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
                    'xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:r="%s"><s:Header><a:RelatesTo>%s</a:RelatesTo></s:Header><s:Body>%s</s:Body></s:Envelope>'
                    % (self.SHELL, related, inner.format(uid, self.SHELL)), ('Content-Type', 'application/soap+xml;charset=UTF-8'))

    def answer(self, code, text, header):
        self.send_response(code)
        self.send_header(*header)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


class Sink(socketserver.BaseRequestHandler):
    def handle(self):
        data = self.request.recv(65536)
        if data.startswith((b'POST', b'GET')):
            self.request.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/ipp\r\nContent-Length: 9\r\n\r\n\x02\x00\x00\x00\x00\x00\x00\x01\x03')
        while data:
            data = self.request.recv(65536)


def main(what, *args):
    if what == 'windows':
        windows(args[0], 'smb1' in args)
    elif what == 'winrm':
        http.server.ThreadingHTTPServer(('0.0.0.0', 5985), WinRM).serve_forever()
    else:
        socketserver.ThreadingTCPServer.allow_reuse_address = socketserver.ThreadingTCPServer.daemon_threads = True
        servers = [socketserver.ThreadingTCPServer(('0.0.0.0', int(p)), Sink) for p in args]
        threads = [threading.Thread(target=s.serve_forever) for s in servers]
        for t in threads:
            t.start()


if __name__ == '__main__':
    main(*sys.argv[1:])
