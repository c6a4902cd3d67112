# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that must not be disturbed: one HTTP request every INTERVAL over a kept connection, until standard input ends.
Prints: sent lost worst_ms. A request is lost when it has no answer within a second."""
import http.client
import select
import sys
import time

host, port, interval = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
sent = lost = 0
worst = 0.0
conn = None
while not select.select([sys.stdin], [], [], 0)[0]:
    t0 = time.time()
    sent += 1
    try:
        if conn is None:
            conn = http.client.HTTPConnection(host, port, timeout=1)
        conn.request('GET', '/')
        if conn.getresponse().read() is None:
            raise OSError('empty')
        worst = max(worst, time.time() - t0)
    except Exception:
        lost += 1
        conn = None
    time.sleep(max(0.0, interval - (time.time() - t0)))
print(sent, lost, round(worst * 1000, 1), flush=True)
