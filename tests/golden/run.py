#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Golden captures: our findings and plan, the same bytes twice, EVE that fits its schema. TAP."""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ['BULKHEAD_BIN']


def replay(case, *more):
    d = os.path.join(HERE, case)
    cmd = [BIN, 'replay', os.path.join(d, 'capture.pcap.gz'), '--mode', 'auto'] + list(more)
    if os.path.exists(d + '/policy.yaml'):
        cmd += ['--policy', d + '/policy.yaml']
    return subprocess.run(cmd, capture_output=True, text=True, timeout=120, env=dict(os.environ, TZ='UTC'))


def essence(text):
    """what must not change: who was found, by what, at which packet, and what was cut"""
    j = json.loads(text)
    return {
        'packets': j['packets'], 'flows': j['flows'], 'malformed': j['malformed'],
        'findings': [{k: f[k] for k in ('detector', 'attack', 'host', 'packet', 'severity', 'attribution', 'count', 'text')} for f in j['findings']],
        'actions': [{k: a[k] for k in ('action', 'step', 'host', 'detector')} for a in j['actions']],
        'cuts': [line.split(' ttl=')[0] for line in j['plan'] if line.startswith('cut ')],
    }


def main():
    cases = sorted(c for c in os.listdir(HERE) if os.path.exists(os.path.join(HERE, c, 'capture.pcap.gz')))
    try:
        import jsonschema
        schema = jsonschema.Draft7Validator(json.load(open(HERE + '/eve.schema.json')))
    except ImportError:
        schema = None
    n = bad = 0

    def ok(cond, name, why='', skip=False):
        nonlocal n, bad
        n += 1
        bad += not cond
        print('%sok %d - %s%s' % ('' if cond else 'not ', n, name, ' # SKIP ' + why if skip else ''))
        if not cond:
            print('\n'.join('# ' + x for x in str(why).splitlines()[:30]))

    types = set()
    for case in cases:
        r = replay(case, '--json')
        path = os.path.join(HERE, case, 'expect.json')
        try:
            got = essence(r.stdout)
        except ValueError:
            ok(False, case + ' replays', r.stderr)
            continue
        if os.environ.get('BLESS'):
            with open(path, 'w') as f:
                json.dump(got, f, indent=1)
                f.write('\n')
        want = json.load(open(path))
        ok(got == want, case + ' finds what it must', json.dumps(got, indent=1))
        one, two = replay(case, '--eve', '-').stdout, replay(case, '--eve', '-').stdout
        ok(one == two and one.count('\n') >= 2, case + ' gives the same bytes twice')
        ev1, ev2 = replay(case, '--events', '-').stdout, replay(case, '--events', '-').stdout
        ok(ev1 == ev2 and ev1, case + ' sees the same events twice')
        if schema is None:
            ok(True, case + ' EVE fits its schema', 'python3-jsonschema is missing', skip=True)
            continue
        errors = []
        for line in one.splitlines():
            ev = json.loads(line)
            types.add(ev['event_type'])
            errors += ['%s: %s' % (e.message, line[:200]) for e in schema.iter_errors(ev)]
        for line in replay(case, '--eve', '-', '--strict').stdout.splitlines():
            if '"bulkhead":' in line or json.loads(line)['event_type'] == 'bulkhead':
                errors.append('strict holds what is ours: ' + line[:200])
        ok(not errors, case + ' EVE fits its schema', '\n'.join(errors))
    if schema is not None:
        ok({'alert', 'flow', 'stats', 'bulkhead'} <= types, 'every record type was seen', types)
    print('1..%d' % n)
    return 1 if bad or not cases else 0


sys.exit(main())
