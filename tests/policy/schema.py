#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema is valid JSON Schema, takes the shipped policies and refuses what the loader refuses."""
import copy, glob, json, subprocess, sys

try:
    import jsonschema
    import yaml
except ImportError as e:
    print("skipped:", e)
    sys.exit(77)

binary, src = sys.argv[1:]
schema = json.loads(subprocess.run([binary, "schema"], check=True, capture_output=True).stdout)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
failed = False


def check(name, policy, good):
    global failed
    errors = [e.message for e in validator.iter_errors(policy)]
    if bool(errors) == good:
        print("FAIL", name, errors[:3])
        failed = True


files = [f for f in glob.glob(src + "/policies/*.yaml") if not f.endswith(("watchlist.yaml", "gadgets.yaml"))]
assert len(files) >= 3
for f in files:
    with open(f) as h:
        policy = yaml.safe_load(h)
    check(f, policy, True)
    printed = subprocess.run([binary, "fmt", f], check=True, capture_output=True).stdout
    check(f + " after fmt", yaml.safe_load(printed), True)

base = yaml.safe_load(open(src + "/policies/municipality.yaml"))


def but(name, change):
    p = copy.deepcopy(base)
    change(p)
    check(name, p, False)


but("unknown key", lambda p: p.update(colour="grey"))
but("no version", lambda p: p.pop("version"))
but("other version", lambda p: p.update(version=2))
but("purdue 9", lambda p: p["zones"]["office"].update(purdue=9))
but("drawbridge", lambda p: p["conduits"][0].update(drawbridge={}))
but("drawbridge at 24:30", lambda p: p["conduits"][0].update(drawbridge={"open": "23:00-24:30"}))
but("breaker", lambda p: p["conduits"][0].update(breaker={"admin-off": "alert"}))
but("inside", lambda p: p["zones"]["office"].update(inside="denied"))
but("VLAN 4095", lambda p: p["zones"]["office"].update(vlan=4095))
but("VLAN 0 of two", lambda p: p["zones"]["office"].update(vlan=[40, 0]))
but("probe twice a minute, without a unit", lambda p: p["zones"]["office"].update(probe={"names": True, "every": 30}))
but("probe of what nobody knows", lambda p: p["zones"]["office"].update(probe={"arp": True}))
but("unknown mode", lambda p: p["response"].update(mode="automatic"))
but("pin without reason", lambda p: p["pins"][0].pop("reason"))
but("unknown role", lambda p: p["hosts"]["dc-1"].update(roles=["domain"]))
but("base-60 MAC", lambda p: p["hosts"]["dc-1"].update(mac=8041827059))
but("time without unit", lambda p: p["response"]["ttl"].update(isolate=4))
but("name with blank", lambda p: p["zones"].update({"a b": {"networks": ["10.99.0.0/16"]}}))
good = copy.deepcopy(base)
good["zones"]["office"]["inside"] = "deny"
good["zones"]["office"]["vlan"] = [40, 4094]
good["conduits"][0]["drawbridge"] = {"open": "22:30-03:00", "days": ["mon", "fri"], "raise-on": "alert"}
good["conduits"][0]["breaker"] = {"admin-off": "contain", "pins-only": "isolate"}
good["zones"]["office"]["probe"] = {"names": True, "dhcp": False, "every": "10m"}
check("inside, probe, drawbridge and breaker", good, True)
sys.exit(1 if failed else 0)
