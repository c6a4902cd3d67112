# SPDX-License-Identifier: GPL-3.0-or-later
"""The Willebroek morning: ransomware in a small municipality, found and cut, while the care home's medication flow runs.

Act 1  a quiet intruder with valid credentials encrypts a Samba share over a session opened before Bulkhead started
Act 2  another office PC sweeps the servers with nmap and knocks on admin ports
Act 3  every Bulkhead process is killed; the kernel releases the host at its TTL
All the while a pinned medication flow and an innocent neighbour run. Every program is real; times are the kernel's.
"""
import argparse
import faulthandler
import hashlib
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import lab  # noqa: E402

FILES = 1000
PY = '/usr/bin/python3' if os.access('/usr/bin/python3', os.X_OK) else sys.executable
RACK = list(range(101, 113))  # twelve servers the sweep can reach


class Drill:
    def __init__(self, opts):
        self.o, self.t0 = opts, time.time()
        self.net, self.bulkhead = lab.Lab(), None
        self.eve = os.path.join(self.net.work, 'eve.json')
        self.sock = os.path.join(self.net.work, 'api.sock')
        self.score, self.fails = {}, []

    def say(self, text):
        print('%7.2f s  %s' % (time.time() - self.t0, text), file=sys.stderr if self.o.json else sys.stdout, flush=True)

    # ---- the town ----
    def build(self):
        n = self.net
        for i, z in enumerate((('office', '10.10.1', '1010'), ('servers', '10.11.10', '1110'), ('care', '10.11.20', '1120'),
                               ('backup', '10.11.30', '1130'), ('mgmt', '10.11.99', '1199'))):
            n.zone(z[0], z[1] + '.0/24', 'fd0b:a:%s::/64' % z[2])
        for name, zone, number in (('pc-17', 'office', 17), ('pc-23', 'office', 23), ('pc-31', 'office', 31), ('files', 'servers', 20),
                                   ('med', 'servers', 30), ('ward', 'care', 21), ('vault', 'backup', 10), ('admin', 'mgmt', 10)):
            n.host(name, zone, number)
        n.host('rack', 'servers', RACK[0], RACK[1:])
        n.up()
        self.say('town built: 5 zones, %d hosts, %d addresses behind one gateway' % (len(n.hosts), len(n.hosts) + len(RACK) - 1))

    def samba(self, host, listen):
        d = os.path.join(self.net.work, 'smb-' + host)
        for sub in ('private', 'lock', 'state', 'cache', 'ncalrpc', 'data'):
            os.makedirs(os.path.join(d, sub))
        os.chmod(os.path.join(d, 'data'), 0o777)
        conf = os.path.join(d, 'smb.conf')
        with open(conf, 'w') as f:
            f.write('[global]\nserver role = standalone server\nprivate dir = {0}/private\npassdb backend = tdbsam:{0}/private/p.tdb\n'
                    'lock directory = {0}/lock\nstate directory = {0}/state\ncache directory = {0}/cache\npid directory = {0}\n'
                    'ncalrpc dir = {0}/ncalrpc\nlog file = {0}/log\nserver smb encrypt = off\nsmb ports = 445\ndisable spoolss = yes\n'
                    'interfaces = {1}\nbind interfaces only = no\n[data]\npath = {0}/data\nread only = no\n'.format(d, listen))
        env = dict(os.environ, **lab.wrappers(d))
        r = subprocess.run(['smbpasswd', '-c', conf, '-s', '-a', 'root'], input='Passw0rd!\nPassw0rd!\n', text=True, env=env, capture_output=True)
        if r.returncode:
            raise lab.Unavailable('smbpasswd: ' + r.stderr.strip())
        self.net.spawn(host, ['smbd', '-F', '--no-process-group', '-s', conf, '--debug-stdout'], log='smbd-%s.log' % host, env=env)
        return os.path.join(d, 'data')

    def corpus(self, root):
        """1,000 office documents: words, not noise, 16 to 40 KiB, in 40 folders"""
        rng = random.Random(self.o.seed)
        words = [''.join(rng.choice('abcdefghijklmnopqrstuvwxyz') for _ in range(rng.randint(2, 11))) for _ in range(800)]
        for i in range(FILES):
            folder = os.path.join(root, 'dept%02d' % (i // 25))
            os.makedirs(folder, exist_ok=True)
            text = ' '.join(rng.choice(words) for _ in range(rng.randint(2800, 6000)))
            with open(os.path.join(folder, 'letter%04d.%s' % (i, rng.choice(('docx', 'xlsx', 'txt', 'odt')))), 'w') as f:
                f.write(text)
        for base, dirs, names in os.walk(root):
            os.chmod(base, 0o777)
            for name in names:
                os.chmod(os.path.join(base, name), 0o666)

    def digest(self, root):
        h = hashlib.sha256()
        for base, dirs, names in sorted(os.walk(root)):
            for name in sorted(names):
                with open(os.path.join(base, name), 'rb') as f:
                    h.update(name.encode() + f.read())
        return h.hexdigest()

    def services(self):
        n = self.net
        self.data = self.samba('files', n.ip('files'))
        self.samba('rack', ' '.join(str(n.zones['servers'][0][k]) for k in RACK))
        self.vault = self.samba('vault', n.ip('vault'))
        self.corpus(self.data)
        with open(os.path.join(self.vault, 'backup.tar'), 'wb') as f:
            f.write(bytes(range(256)) * 4096)
        self.vault_before = self.digest(self.vault)
        for host, port in (('med', 8443), ('admin', 80)):
            d = os.path.join(n.work, 'web-' + host)
            os.makedirs(d)
            with open(d + '/index.html', 'w') as f:
                f.write('ok')
            with open(d + '/nginx.conf', 'w') as f:
                f.write('daemon off; master_process off; user root; pid {0}/pid; error_log {0}/err; events {{}} http {{ access_log off; keepalive_requests 1000000; '
                        'client_body_temp_path {0}/a; proxy_temp_path {0}/b; fastcgi_temp_path {0}/c; uwsgi_temp_path {0}/d; scgi_temp_path {0}/e; '
                        'server {{ listen {1}; listen [::]:{1}; root {0}; }} }}'.format(d, port))
            n.spawn(host, ['nginx', '-p', d, '-e', d + '/err', '-c', d + '/nginx.conf'], log='nginx-%s.log' % host)
        for frm, host, port in (('pc-31', 'files', 445), ('pc-31', 'rack', 445), ('ward', 'med', 8443), ('pc-31', 'admin', 80), ('files', 'rack', 445)):
            if not n.wait_port(frm, n.ip(host), port):
                raise lab.Unavailable('%s does not answer on port %d: %s' % (host, port, n.log('smbd-%s.log' % host)[-300:]))
        self.say('Samba on files, rack and vault, nginx on med: %d documents on the share' % FILES)

    # ---- people ----
    def steady(self, host, addr, port, interval):
        return self.net.spawn(host, [PY, os.path.join(HERE, 'steady.py'), addr, str(port), str(interval)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, log='steady.log')

    def steady_end(self, p):
        out, _ = p.communicate(b'\n', timeout=10)
        sent, lost, worst = out.split()
        return int(sent), int(lost), float(worst)

    def intruder(self):
        n = self.net
        p = n.spawn('pc-17', [PY, os.path.join(HERE, 'encryptor.py'), n.ip('files'), 'data', 'root', 'Passw0rd!'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, log='encryptor.log')
        line = p.stdout.readline().decode().strip()
        if not line.startswith('session open'):
            raise lab.Unavailable('the intruder could not log in: %s %s' % (line, n.log('encryptor.log')[-300:]))
        self.say('pc-17: intruder logged in with valid credentials (%s)' % line)
        return p

    # ---- bulkhead ----
    def start(self):
        n = self.net
        cmd = [os.environ.get('BULKHEAD_BIN', 'bulkhead'), 'run', '--policy', os.path.join(HERE, 'willebroek.yaml'),
               '--iface', ','.join(n.iface(z) for z in n.zones), '--mode', self.o.mode, '--eve', self.eve, '--socket', self.sock]
        self.bulkhead = n.spawn('gw', cmd, log='bulkhead.log')
        end = time.time() + 10
        while time.time() < end:
            s = self.status()
            if s and s.get('enforcer_up') and self.bulkhead.poll() is None and s['counters']['packets'] > 0:
                self.say('bulkhead runs at the gateway, mode %s: sensor, core, enforcer, reporter' % s['mode'])
                return
            time.sleep(0.1)
        raise RuntimeError('bulkhead did not come up:\n' + n.log('bulkhead.log'))

    def cli(self, *args):
        return subprocess.run([os.environ.get('BULKHEAD_BIN', 'bulkhead')] + list(args) + ['--socket', self.sock], capture_output=True, text=True, timeout=15)

    def status(self):
        r = self.cli('status', '--json')
        return json.loads(r.stdout) if r.returncode == 0 else None

    def events(self):
        try:
            with open(self.eve, errors='replace') as f:
                return [json.loads(x) for x in f if x.endswith('\n')]
        except OSError:
            return []

    @staticmethod
    def when(ev):
        """EVE time as seconds since 1970"""
        t, frac = ev['timestamp'][:19], float('0' + ev['timestamp'][19:26])
        zone = ev['timestamp'][26:]
        off = (int(zone[1:3]) * 3600 + int(zone[3:5]) * 60) * (1 if zone[0] == '+' else -1)
        import calendar
        return calendar.timegm(time.strptime(t, '%Y-%m-%dT%H:%M:%S')) + frac - off

    def wait(self, what, seconds, test):
        end = time.time() + seconds
        while time.time() < end:
            for ev in self.events():
                if test(ev):
                    return ev
            time.sleep(0.02)
        self.say('did not happen within %d s: %s' % (seconds, what))
        return None

    @staticmethod
    def action(verb, step, ip):
        return lambda e: e['event_type'] == 'bulkhead' and e['bulkhead']['action'] == verb and e['bulkhead']['step'] == step and e.get('src_ip') == ip

    # ---- acts ----
    def act1(self, intruder, witness):
        n, ip = self.net, self.net.ip('pc-17')
        verb = 'applied' if self.o.mode == 'auto' else 'proposed'
        started = time.time()
        self.say('ACT 1  pc-17 starts to encrypt \\\\files\\data')
        intruder.stdin.write(b'go\n')
        intruder.stdin.flush()
        alert = self.wait('alert smb.ransom', 20, lambda e: e['event_type'] == 'alert' and e['src_ip'] == ip and e['alert']['signature_id'] == 9100004)
        done = self.wait('isolation of pc-17', 5, self.action(verb, 'isolate', ip))
        if alert:
            self.say('       alert: ' + alert['bulkhead']['evidence'][0]['text'])
        if done:
            self.say('       %s: isolate %s, %s' % (verb, ip, '%d us in the kernel' % done['bulkhead']['receipt']['kernel_us'] if verb == 'applied' else 'nothing was cut'))
        if self.o.mode != 'auto':
            intruder.wait(60)
        time.sleep(2.5)
        seen, _ = witness.report()
        last = seen.get(ip, (0, 0))[1]
        lost = sum(name.endswith('.lockd') for _, _, names in os.walk(self.data) for name in names)
        self.score.update(files_lost=lost, files_total=FILES, detect_ms=round((self.when(alert) - started) * 1000) if alert else None,
                          alert_to_effect_ms=round(max(0.0, last - self.when(alert)) * 1000, 1) if alert and self.o.mode == 'auto' else None)
        self.say('       %d of %d files lost' % (lost, FILES))
        self.isolated_at = self.when(done) if done else None
        if self.o.mode == 'auto':
            self.score['isolated_reaches_server'] = n.connects('pc-17', n.ip('rack'), 445)

    def act2(self, witness):
        n, ip = self.net, self.net.ip('pc-23')
        verb = 'applied' if self.o.mode == 'auto' else 'proposed'
        started = time.time()
        self.say('ACT 2  pc-23 sweeps 41 server addresses with nmap on admin ports; 14 of them are alive')
        sweep = n.spawn('pc-23', ['nmap', '-sT', '-Pn', '-n', '-T4', '--max-retries', '1', '--host-timeout', '60s', '-p', '22,135,139,445,3389,5985',
                                  '--open', '--randomize-hosts', '10.11.10.20-30,101-130'], log='nmap.log')
        done = self.wait('shield of pc-23', 20, self.action(verb, 'shield', ip))
        if done:
            self.say('       %s: shield %s against critical zones: %s' % (verb, ip, done['bulkhead']['reason']))
        time.sleep(1.5)
        if self.o.mode == 'auto':
            barred = not n.connects('pc-23', n.ip('files'), 445)
            works = n.connects('pc-23', n.ip('admin'), 80)
            self.score.update(shield_bars_critical=barred, shielded_still_works=works)
            self.say('       pc-23 reaches a critical server: %s; the mgmt web page: %s' % ('no' if barred else 'YES', 'yes' if works else 'NO'))
        try:
            os.killpg(sweep.pid, signal.SIGTERM)
        except OSError:
            pass
        _, shakes = witness.report()
        reached = shakes.get(ip, {})
        self.score.update(hosts_reached=sum(t >= started for t in reached.values()),
                          sweep_isolated=any(self.action(verb, 'isolate', ip)(e) for e in self.events()))
        self.say('       new hosts reached by the sweep: %d' % self.score['hosts_reached'])

    def act3(self):
        n = self.net
        s = self.status()
        pids = [p['pid'] for p in s['processes'].values()] + [self.bulkhead_pid()]
        self.say('ACT 3  kill -9 of every Bulkhead process: %s' % ' '.join(map(str, pids)))
        # the supervisor first, so that it starts nothing again; pids of this run only
        for pid in [pids[-1]] + pids[:-1]:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        time.sleep(0.5)
        alive = [p for p in pids if os.path.exists('/proc/%d' % p) and open('/proc/%d/stat' % p).read().split()[2] != 'Z']
        self.score['processes_left'] = len(alive)
        held = not n.connects('pc-17', n.ip('files'), 445, 0.7)
        self.say('       with nobody running, pc-17 is %s' % ('still cut' if held else 'FREE'))
        ttl = 25
        end = self.isolated_at + ttl + 6
        freed = None
        while time.time() < end:
            if n.connects('pc-17', n.ip('files'), 445, 0.3):
                freed = time.time()
                break
            time.sleep(0.1)
        self.score.update(held_without_processes=held, released_by_ttl=freed is not None, release_after_s=round(freed - self.isolated_at, 1) if freed else None)
        self.say('       the kernel released pc-17 %s' % ('%.1f s after the cut (TTL %d s)' % (freed - self.isolated_at, ttl) if freed else 'NOT'))

    def bulkhead_pid(self):
        """nsenter execs into bulkhead, so the spawned pid is the supervisor"""
        return self.bulkhead.pid

    # ---- verdict ----
    def judge(self):
        s = self.score
        innocent = sorted({e['src_ip'] for e in self.events() if e['event_type'] == 'bulkhead' and e['bulkhead']['action'] in ('applied',)} -
                          {self.net.ip('pc-17'), self.net.ip('pc-23')})
        s['innocents_cut'] = len(innocent)
        if self.o.mode == 'auto':
            rules = (('files_lost', lambda v: v <= 20, '<= 20 (goal 10)'), ('hosts_reached', lambda v: v <= 9, '<= 9 (goal 5)'),
                     ('alert_to_effect_ms', lambda v: v is not None and v <= 200, '<= 200'), ('pinned_lost', lambda v: v == 0, '0'),
                     ('neighbour_lost', lambda v: v == 0, '0'), ('innocents_cut', lambda v: v == 0, '0'), ('backup_untouched', bool, 'yes'),
                     ('sweep_isolated', lambda v: not v, 'no'), ('shield_bars_critical', bool, 'yes'), ('shielded_still_works', bool, 'yes'),
                     ('isolated_reaches_server', lambda v: not v, 'no'), ('held_without_processes', bool, 'yes'), ('released_by_ttl', bool, 'yes'),
                     ('processes_left', lambda v: v == 0, '0'))
        else:
            cut = [e for e in self.events() if e['event_type'] == 'bulkhead' and e['bulkhead']['action'] == 'applied']
            s['cuts'] = len(cut)
            s['would_isolate'] = any(self.action('proposed', 'isolate', self.net.ip('pc-17'))(e) for e in self.events())
            s['would_shield'] = any(self.action('proposed', 'shield', self.net.ip('pc-23'))(e) for e in self.events())
            rules = (('cuts', lambda v: v == 0, '0'), ('would_isolate', bool, 'yes'), ('would_shield', bool, 'yes'), ('pinned_lost', lambda v: v == 0, '0'),
                     ('neighbour_lost', lambda v: v == 0, '0'), ('innocents_cut', lambda v: v == 0, '0'))
        out = sys.stderr if self.o.json else sys.stdout
        print('\n  %-26s %-10s %s' % ('SCORE', 'value', 'pass'), file=out)
        for key, good, limit in rules:
            ok = s.get(key) is not None and good(s[key])
            if not ok:
                self.fails.append(key)
            value = {True: 'yes', False: 'no', None: '-'}.get(s.get(key), s.get(key)) if not isinstance(s.get(key), (int, float)) or isinstance(s.get(key), bool) else s[key]
            print('  %-26s %-10s %-16s %s' % (key.replace('_', ' '), value, limit, 'ok' if ok else 'FAIL'), file=out)
        print('  %-26s %-10s' % ('time to detect, ms', s.get('detect_ms')), file=out)
        print('  %-26s %-10s' % ('medication worst, ms', s.get('pinned_worst_ms')), file=out, flush=True)

    def run(self):
        self.build()
        self.services()
        n = self.net
        intruder = self.intruder()
        medication = self.steady('ward', n.ip('med'), 8443, 0.02)
        neighbour = self.steady('pc-31', n.ip('admin'), 80, 0.05)
        at_files, at_rack, at_vault = lab.Witness(n, 'files'), lab.Witness(n, 'rack'), lab.Witness(n, 'vault')
        self.start()
        time.sleep(1.0)
        self.act1(intruder, at_files)
        self.act2(at_rack)
        if self.o.mode == 'auto':
            self.act3()
        sent, lost, worst = self.steady_end(medication)
        self.score.update(pinned_sent=sent, pinned_lost=lost, pinned_worst_ms=worst)
        sent, lost, _ = self.steady_end(neighbour)
        self.score.update(neighbour_sent=sent, neighbour_lost=lost)
        seen, _ = at_vault.report()
        office = [k for k in seen if k.startswith('10.10.1.')]
        self.score['backup_untouched'] = not office and self.digest(self.vault) == self.vault_before
        for w in (at_files, at_rack, at_vault):
            w.close()
        self.judge()

    def close(self):
        if self.o.keep:
            os.makedirs(self.o.keep, exist_ok=True)
            for name in os.listdir(self.net.work):
                if name.endswith(('.log', '.json')):
                    shutil.copy(os.path.join(self.net.work, name), self.o.keep)
        self.net.down()


def main():
    ap = argparse.ArgumentParser(prog='bulkhead drill willebroek', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--mode', choices=('auto', 'observe'), default='auto')
    ap.add_argument('--json', action='store_true', help='the score as one object, last line')
    ap.add_argument('--seed', type=int, default=2020)
    ap.add_argument('--keep', metavar='DIR', help='copy EVE and logs there')
    opts = ap.parse_args()
    missing = [p for p in ('smbd', 'smbpasswd', 'nmap', 'nginx', 'ip', 'unshare', 'nsenter') if not shutil.which(p, path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin')]
    if missing:
        print('bulkhead: the drill needs %s; tools/setup installs them' % ', '.join(missing), file=sys.stderr)
        return 1
    os.environ['PATH'] += ':/usr/sbin:/sbin'
    try:
        lab.private()
        faulthandler.dump_traceback_later(180, exit=True)  # bounded in time; a hang says where
        d = Drill(opts)
        try:
            d.run()
        finally:
            d.close()
    except lab.Unavailable as e:
        print('bulkhead: the drill cannot run here: %s' % e, file=sys.stderr)
        return 1
    if opts.json:
        d.score.update(v=1, drill='willebroek', mode=opts.mode, seed=opts.seed, kernel=platform.release(), passed=not d.fails, failed=d.fails)
        print(json.dumps(d.score), flush=True)
    return 1 if d.fails else 0


if __name__ == '__main__':
    sys.exit(main())
