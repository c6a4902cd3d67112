#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of `bulkhead run --state`: devices learned in namespaces outlive every process, and so does what people say of them.

Prints TAP. Real frames, real SQLite file, processes killed with -9.
"""
import json
import os
import signal
import sqlite3
import sys
import time

ROOT = os.environ.get('BH_SRC') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'net'))
import daemon  # noqa: E402

A, B = '02:bb:00:00:00:01', '02:bb:00:00:00:02'


class Test(daemon.Test):
    def devices(self):
        r = self.cli('hosts', '--json')
        if r.returncode:
            return {}
        o = json.loads(r.stdout)
        return {h['mac']: h for h in o['hosts'] + o['devices'] if 'mac' in h and 'status' in h}

    def show(self, x):
        r = self.cli('host', 'show', x, '--json')
        return json.loads(r.stdout) if r.returncode == 0 else {'error': r.stdout + r.stderr}

    def rows(self, query='select lower(hex(mac)), status, line from device'):
        db = sqlite3.connect('file:%s/devices.db?mode=ro' % self.state, uri=True)
        try:
            return db.execute(query).fetchall()
        finally:
            db.close()

    def begin(self, *args):
        return self.start('--state', self.state, *args) and self.until(lambda: self.status().get('store') == 'on', 10)

    def learned(self):
        self.reaches()
        self.reaches(frm='pc-b')
        return self.until(lambda: {A, B} <= set(self.devices()), 5)

    def end(self):
        for role, pid in [(r, p['pid']) for r, p in self.status()['processes'].items()]:
            if role != 'enforcer':
                os.kill(pid, signal.SIGKILL)
        self.daemon.kill()
        self.daemon.wait(10)
        time.sleep(0.3)

    # ---- cases ----
    def learning(self):
        self.ok(self.learned() and self.devices()[A]['status'] == 'new', 'two devices that spoke are in the inventory, as new ones', self.devices())
        self.ok(self.until(lambda: {A.replace(':', ''), B.replace(':', '')} <= {r[0] for r in self.rows()}, 3), 'and in the file within seconds', self.rows())
        r = self.cli('host', 'approve', 'pc-a')
        self.ok(r.returncode == 0 and A in r.stdout and self.devices()[A]['status'] == 'known', 'one is approved by the name the policy has for its address', r.stdout + r.stderr)
        r = self.cli('host', 'rename', A, 'till 2')
        r = self.cli('host', 'tag', 'till 2', 'dual-boot')
        self.ok(r.returncode == 0, 'named, and then found by that name', r.stdout + r.stderr)
        o = self.show('till 2')
        people = [e['text'] for e in o.get('history', []) if e['kind'] == 'person']
        self.ok(people == ['tag=dual-boot, by operator:uid0', 'rename=till 2, by operator:uid0', 'approve, by operator:uid0'], 'its history says who said what, newest first', o)
        self.ok([e for e in o['history'] if e['kind'] == 'seen' and e['text'].startswith('first seen')], 'and since when it is here', o)
        r = self.cli('host', 'show', 'till 2')
        self.ok(r.returncode == 0 and 'till 2' in r.stdout and 'dual-boot' in r.stdout and 'HISTORY' in r.stdout, 'for people too', r.stdout + r.stderr)

    def refusals(self):
        r = self.cli('host', 'approve', 'nobody')
        self.ok(r.returncode == 2 and "no device is known by 'nobody'" in r.stderr, 'who is not known is refused', r.stderr)
        self.cli('host', 'rename', B, 'TILL 2')
        r = self.cli('host', 'retire', 'till 2')
        self.ok(r.returncode == 2 and A in r.stderr and B in r.stderr, 'a name that two devices have is refused with both', r.stderr)
        self.cli('host', 'rename', B, 'pc-b')
        r = self.cli('host', 'tag', A, 'blue')
        self.ok(r.returncode == 2, 'so is a tag nobody knows', r.stderr)
        if os.environ.get('BULKHEAD_LAB_USERNS') != '1':
            os.chmod(self.net.work, 0o755)
            pre = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', daemon.BIN]
            r = self.net.run('gw', pre + ['host', 'retire', A, '--socket', self.sock])
            r2 = self.net.run('gw', pre + ['host', 'show', A, '--socket', self.sock])
            self.ok(r.returncode == 5 and r2.returncode == 0 and self.devices()[A]['status'] == 'known', 'only root may say what a device is; anybody may look', r.stderr + r2.stderr)

    def deaths(self):
        for role in ('core', 'store'):
            pid = self.pid(role)
            os.kill(pid, signal.SIGKILL)
            back = self.until(lambda: self.pid(role) not in (0, pid) and self.status().get('store') == 'on', 8)
            d = self.devices()
            self.ok(back and d.get(A, {}).get('status') == 'known' and d[A]['name'] == 'till 2' and d.get(B, {}).get('status') == 'new', 'kill -9 of the %s forgets nobody' % role, d)
        pid = self.pid('store')
        os.kill(pid, signal.SIGKILL)
        r = self.cli('host', 'note', A, 'said while the store was dead')
        self.ok(r.returncode == 0 and self.until(lambda: any('said while' in row[2] for row in self.rows()), 5), 'what is said while the store is dead is written when it is back', self.rows())
        self.end()
        self.ok(self.begin(), 'after kill -9 of everything it starts again', self.net.log('daemon.log')[-800:])
        d = self.devices()
        self.ok({A, B} <= set(d) and d[A]['status'] == 'known' and d[A]['tags'] == ['dual-boot'] and d[B]['status'] == 'new', 'both devices are still there, the approved one approved', d)
        self.ok(len([e for e in self.show(A)['history'] if e['kind'] == 'seen']) == 1, 'and are not new again', self.show(A))
        self.stop()
        self.ok(self.begin() and self.devices().get(A, {}).get('status') == 'known', 'the same after an orderly stop')

    def importing(self):
        path = os.path.join(self.net.work, 'list.csv')
        with open(path, 'w') as f:
            f.write('mac,address,name,owner,zone,tags,status\n02:cc:00:00:00:01,10.10.1.77,printer,els,office,shared,\n02:cc:00:00:00:02,,old scanner,,,,retired\nnone,,,,,,\n')
        r = self.cli('hosts', 'import', path)
        self.ok(r.returncode == 3 and 'list.csv:4:1:' in r.stderr and '02:cc:00:00:00:01' not in self.devices(), 'of a list with a bad line nothing is imported, and it says where', r.stderr)
        r = self.cli('hosts', 'import', path, '--skip-bad', '--json')
        o = json.loads(r.stdout) if r.stdout else {}
        self.ok(r.returncode == 0 and o.get('devices') == 2 and o.get('wrong') == 1, '--skip-bad imports the good ones and counts', r.stdout + r.stderr)
        d = self.devices()
        self.ok(d['02:cc:00:00:00:01']['status'] == 'known' and d['02:cc:00:00:00:01']['zone'] == 'office' and d['02:cc:00:00:00:02']['status'] == 'retired', 'they are known before they were seen', d)
        with open(path, 'w') as f:
            f.write('mac,zone\n02:cc:00:00:00:03,office\n02:cc:00:00:00:04,moon\n')
        r = self.cli('hosts', 'import', path)
        self.ok(r.returncode == 3 and 'line 2' in r.stderr and 'no such zone' in r.stderr and '02:cc:00:00:00:03' not in self.devices(), 'a zone the policy has not is refused, and nothing of the list is taken', r.stderr)
        many = 20000
        with open(path, 'w') as f:
            f.write('mac,name,owner\n' + ''.join('02:dd:00:%02x:%02x:%02x,pc-%d,it\n' % (i >> 16, i >> 8 & 255, i & 255, i) for i in range(many)))
        t0 = time.time()
        r = self.cli('hosts', 'import', path)
        took = time.time() - t0
        self.ok(r.returncode == 0 and '%d devices imported' % many in r.stdout, 'a list of %d is taken' % many, r.stdout + r.stderr)
        written = self.until(lambda: self.rows('select count(*) from device where status = 1')[0][0] >= many, 30)
        print('# %d devices imported in %.2f s, on disk after %.2f s' % (many, took, time.time() - t0))
        s = self.status()
        self.ok(written and s['counters']['ring_drops'] == 0, 'and is on disk, no event lost meanwhile', s['counters'])
        pid = self.pid('core')
        t0 = time.time()
        os.kill(pid, signal.SIGKILL)
        back = self.until(lambda: self.pid('core') not in (0, pid) and self.status()['counters']['devices_known'] >= many, 20)
        print('# a new core knows them after %.2f s' % (time.time() - t0))
        self.ok(back, 'a new core knows them all', self.status()['counters'])

    def damage(self):
        self.stop()
        path = os.path.join(self.state, 'devices.db')
        for rest in ('-wal', '-shm'):
            if os.path.exists(path + rest):
                os.unlink(path + rest)
        with open(path, 'r+b') as f:
            f.seek(4096)
            f.write(b'\x5a' * 8192)
            f.seek(0)
            before = f.read()
        self.start('--state', self.state)
        s = self.status()
        self.ok(s.get('store') == 'unusable' and s.get('enforcer_up'), 'with a damaged inventory the daemon runs, and says so', s)
        self.learned()
        r = self.cli('host', 'show', A)
        self.ok(r.returncode == 0 and 'not usable' in r.stdout, 'what is known in memory is shown', r.stdout + r.stderr)
        self.stop()
        with open(path, 'rb') as f:
            self.ok(f.read() == before and 'damaged' in self.net.log('daemon.log'), 'the file is left as it is')
        self.ok(self.begin('--new-inventory') and self.learned(), 'and is moved aside when that is asked for', self.net.log('daemon.log')[-600:])
        kept = [n for n in os.listdir(self.state) if n.startswith('devices.db.') and '-' not in n]
        self.ok(len(kept) == 1 and self.until(lambda: 0 < len(self.rows()) < 10, 5), 'under another name', os.listdir(self.state))
        self.stop()

    def full(self):
        small = os.path.join(self.net.work, 'small-state')
        os.makedirs(small)
        daemon.subprocess.check_call(['mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', small])
        self.state = small
        self.begin()
        self.learned()
        self.until(lambda: len(self.rows()) >= 2, 5)
        with open(small + '/fill', 'wb') as f:
            try:
                f.write(b'x' * (1 << 20))
                f.flush()
            except OSError:
                pass
        path = os.path.join(self.net.work, 'list.csv')
        with open(path, 'w') as f:
            f.write('mac\n' + ''.join('02:ee:00:00:%02x:%02x\n' % (i >> 8, i & 255) for i in range(600)))
        self.cli('hosts', 'import', path)
        told = self.until(lambda: self.status().get('store') == 'failing', 10)
        self.ok(told and not self.net.connects('pc-a', '10.10.2.20', 81, 0.2) and self.reaches(), 'a full disk is told and stops nothing', self.status().get('store'))
        self.ok(len(self.rows()) >= 2, 'the rows that were there stay')
        try:
            os.truncate(small + '/fill', 0)
            os.unlink(small + '/fill')
        except OSError as e:
            print('# ' + str(e))
        daemon.subprocess.check_call(['mount', '-o', 'remount,size=8m', small])
        back = self.until(lambda: len(self.rows()) >= 602 and self.status().get('store') == 'on', 15)
        self.ok(back, 'and all of it is written when there is room', (len(self.rows()), self.status().get('store')))
        self.stop()
        daemon.subprocess.call(['umount', small])

    def run(self):
        self.state = os.path.join(self.net.work, 'state')
        os.makedirs(self.state, mode=0o700)
        self.ok(self.begin(), 'run --state keeps an inventory', self.status())
        self.learning()
        self.refusals()
        self.deaths()
        self.importing()
        self.damage()
        self.full()
        print('1..%d' % self.n, flush=True)
        return self.bad != 0


if __name__ == '__main__':
    sys.exit(daemon.main(Test))
