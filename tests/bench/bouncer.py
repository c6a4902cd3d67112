#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""crowdsec-firewall-bouncer of Debian, beside the enforcer: how long from a published decision to the element in its set.

Run in a network namespace of its own (tools/bench-enforce does). A server of twenty lines plays the local API.
usage: bouncer.py HOSTS
"""
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

CONF = """mode: nftables
update_frequency: 1s
log_mode: stdout
log_level: error
api_url: http://127.0.0.1:8080/
api_key: bench
disable_ipv6: true
deny_action: DROP
nftables:
  ipv4: {enabled: true, set-only: false, table: crowdsec, chain: crowdsec-chain}
  ipv6: {enabled: false}
"""


class Api(http.server.BaseHTTPRequestHandler):
    waiting = []
    lock = threading.Lock()

    def do_GET(self):
        with Api.lock:
            new, Api.waiting = Api.waiting, []
        body = json.dumps({'new': new, 'deleted': []}).encode()
        self.send_response(200)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.send_response(200)
        self.send_header('Content-Length', '2')
        self.end_headers()
        self.wfile.write(b'{}')

    def log_message(self, *args):
        pass


def publish(addresses):
    with Api.lock:
        Api.waiting += [{'id': i + 1, 'origin': 'bench', 'type': 'ban', 'scope': 'Ip', 'value': a, 'duration': '2h', 'scenario': 'bench'}
                        for i, a in enumerate(addresses)]


def holds(address):
    for name in ('crowdsec-blacklists', 'crowdsec-blacklists-bench'):
        r = subprocess.run(['nft', 'get', 'element', 'ip', 'crowdsec', name, '{ %s }' % address], capture_output=True)
        if r.returncode == 0:
            return True
    return False


def wait(address, limit):
    start = time.monotonic()
    while time.monotonic() - start < limit:
        if holds(address):
            return time.monotonic() - start
        time.sleep(0.005)
    return None


def wait_all(addresses, limit):
    """It writes them in an order of its own: all samples must be there."""
    start = time.monotonic()
    left = list(addresses)
    while left and time.monotonic() - start < limit:
        left = [a for a in left if not holds(a)]
        time.sleep(0.05)
    return None if left else time.monotonic() - start


def address(i):
    return '10.%d.%d.%d' % (16 + (i >> 16), i >> 8 & 255, i & 255)


def main():
    hosts = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    program = shutil.which('crowdsec-firewall-bouncer')
    if not program:
        print('crowdsec-firewall-bouncer: not available')
        return 0
    subprocess.check_call(['ip', 'link', 'set', 'lo', 'up'])
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 8080), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as work:
        conf = os.path.join(work, 'bouncer.yaml')
        with open(conf, 'w') as f:
            f.write(CONF)
        b = subprocess.Popen([program, '-c', conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            publish(['10.9.255.255'])
            if wait('10.9.255.255', 15) is None:
                print('crowdsec-firewall-bouncer: not available (it did not start here)')
                return 0
            single = []
            for i in range(7):
                time.sleep(0.13 * i)
                publish(['10.9.0.%d' % (i + 1)])
                single.append(wait('10.9.0.%d' % (i + 1), 15) or 15)
            single.sort()
            print('crowdsec-firewall-bouncer, asked each second: a single isolation stands after %.0f ms (median of %d)' % (single[3] * 1000, len(single)))
            publish([address(i) for i in range(hosts)])
            last = wait_all([address(i) for i in list(range(0, hosts, max(1, hosts // 100))) + [hosts - 1]], 60)
            print('crowdsec-firewall-bouncer: %d hosts %s' % (hosts, 'in %.1f s' % last if last else 'not done after 60 s'))
        finally:
            b.terminate()
            b.wait()
    return 0


if __name__ == '__main__':
    sys.exit(main())
