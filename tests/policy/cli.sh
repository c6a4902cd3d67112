#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# bulkhead policy: exit codes, what goes to stdout and what to stderr, and that fmt is stable.
bin=$1 src=$2
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failed=0

# wants CODE NAME ARGS...: runs, keeps the output in $dir/out and $dir/err
wants()
{
	code=$1 name=$2
	shift 2
	"$bin" "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	if [ $got -ne $code ]; then
		echo "FAIL $name: exit $got, wanted $code"
		cat "$dir/err"
		failed=1
	fi
}
says() # says out|err TEXT
{
	grep -qF -e "$2" "$dir/$1" || { echo "FAIL $name: '$2' is not on std$1"; failed=1; }
}

good=$src/policies/municipality.yaml bad=$src/tests/policy/twenty-mistakes.yaml
wants 0 "help" --help; says out "policy check FILE"
printf 'version: 1\nzones: {a: {networks: [10.1.0.0/16]}}\nsuppress:\n  - {detector: exec.svcc, source: 10.1.0.5, since: 2026-11-28, until: 2026-12-01, owner: els, reason: x}\n  - {detector: smb.ransom, source: 10.1.0.5, since: 2026-11-28, until: 2026-12-01, owner: els, reason: x}\n' >"$dir/s.yaml"
wants 3 "suppressions that are none" check "$dir/s.yaml"; says err "no detector 'exec.svcc'"; says err "takes a second person"
wants 2 "no verb"; says err "Usage"
wants 2 "unknown verb" lint "$good"
wants 2 "unknown option" check --fast "$good"
wants 2 "no file" check
wants 2 "an option that verb does not have" fmt --json "$good"
wants 0 "a good policy" check "$good"; says out "8 zones, 11 conduits, 5 pins; 0 warnings"
wants 3 "a bad policy" check "$bad"; says err "twenty-mistakes.yaml:21:33: error: unknown zone 'dispatchh'"
[ -s "$dir/out" ] && { echo "FAIL errors belong on stderr"; failed=1; }
wants 1 "a file that is not there" check "$dir/none.yaml"; says err "No such file"
wants 1 "a folder" check "$dir"
wants 0 "good as JSON" check --json "$good"; says out '"ok":true'
wants 3 "bad as JSON" check "$bad" --json; says out '"severity":"error","line":21,"col":33,"width":9'
wants 0 "show" show "$good"; says out "vault-pull	backup	servers"
wants 0 "show as JSON" show --json "$good"; says out '"name":"medication"'
wants 3 "show of a bad policy" show "$bad"
wants 3 "fmt of a bad policy" fmt "$bad"
wants 0 "fmt" fmt "$good"; cp "$dir/out" "$dir/a.yaml"
wants 0 "fmt of fmt" fmt "$dir/a.yaml"
cmp -s "$dir/out" "$dir/a.yaml" || { echo "FAIL fmt is not stable"; failed=1; }
wants 1 "no assertions beside it" test "$dir/a.yaml"
wants 0 "the same law after fmt" test "$dir/a.yaml" "$src/policies/municipality.expect"
printf 'office -> care any: allow\n' >"$dir/a.expect"
wants 1 "an assertion that does not hold" test "$dir/a.yaml"; says err "a.expect:1:21: error: does not hold"
printf 'office -> nowhere any: deny\n' >"$dir/a.expect"
wants 3 "a line that is no assertion" test "$dir/a.yaml"
printf '# none\n' >"$dir/a.expect"
wants 1 "a file without assertions" test "$dir/a.yaml"
wants 0 "schema" schema; says out '"additionalProperties": false'

# ---- what the compiled rules let through
wants 0 "prove" prove "$good"; says out "mode auto: the same rules"; says out "pins accepted"; says out "model = plan"
wants 0 "prove as JSON" prove --json "$good"; says out '{"proved":true,'; says out '"theorem' ; says out '"pin":'
wants 3 "prove of a bad policy" prove "$bad"; says err "twenty-mistakes.yaml:21:33: error"
wants 3 "prove of no file" prove "$dir/none.yaml"
wants 2 "prove of nothing" prove; says err "Usage"
wants 2 "prove with an unknown option" prove --fast "$good"
wants 0 "help of prove" prove --help; says out "--plan"
cat >"$dir/law.plan" <<'EOT'
plan generation=7 mode=auto policy="x.yaml"
limit cuts=9 ttl=24h
conduit c
zone a critical=0 10.1.0.0/16
zone b critical=1 10.2.0.0/16
permit a > 10.2.0.0/24 tcp/443 conduit=c
pin p 10.1.0.9 > 10.2.0.9 tcp/502 at=1:1
manage 10.1.250.0/28 tcp/22
cut isolate 10.1.0.7 ttl=900s order=1
EOT
wants 0 "prove of a plan" prove --plan "$dir/law.plan"
says out "no path from any zone to b except: conduit c from a; pin p"; says out "pins accepted 1/1"
echo "permit a > nonsense" >>"$dir/law.plan"
wants 3 "prove of a broken plan" prove --plan "$dir/law.plan"; says err "law.plan:10:"
wants 3 "prove of a plan that is not there" prove --plan "$dir/none.plan"

# ---- what changes, and what that does to recorded connections
cat >"$dir/old.yaml" <<'EOT'
version: 1
zones:
  net: {networks: [0.0.0.0/0], purdue: 5}
  office: {networks: [10.1.0.0/16], purdue: 4}
  plc: {networks: [10.2.0.0/16], purdue: 1, critical: true}
conduits:
  - {name: web, from: office, to: net, allow: [https, dns]}
  - {name: hmi, from: office, to: plc, allow: [modbus], from-hosts: [10.1.0.7]}
pins:
  - {name: estop, from: 10.1.0.7, to: 10.2.0.9, allow: [tcp/5020], reason: "stop"}
EOT
sed 's/, from-hosts: .10.1.0.7.//; s/https, dns/https/; s/name: web/name: www/; /estop/d; /^pins/d' "$dir/old.yaml" >"$dir/new.yaml"
flow() # SRC DST PROTO PORT ANSWERS
{
	printf '{"timestamp":"2026-11-25T07:0%s:00.000000+0000","event_type":"flow","src_ip":"%s","dest_ip":"%s","dest_port":%s,"proto":"%s","flow":{"pkts_toserver":1,"pkts_toclient":%s,"bytes_toserver":60,"bytes_toclient":90}}\n' "$5" "$1" "$2" "$4" "$3" "$5"
}
{
	flow 10.1.0.9 8.8.8.8 UDP 53 1
	flow 10.1.0.9 10.2.0.5 TCP 502 1
	flow 10.1.0.9 10.2.0.6 TCP 22 2
	flow 10.1.0.9 9.9.9.9 UDP 123 1
	flow 10.1.0.9 9.9.9.8 UDP 123 0
	echo junk
} >"$dir/eve.json"
wants 0 "no difference" diff "$dir/old.yaml" "$dir/old.yaml"; says out "no difference in meaning"
wants 7 "differences" diff "$dir/new.yaml" "$dir/old.yaml"
says out "conduit hmi                  widened  office(4) -> plc(1)  DOWN to level 1  OPENS A CRITICAL ZONE"
says out "conduit web                  removed  office(4) -> net(5)"
says out "pin estop REMOVED"
grep -q "conduit www" "$dir/out" && { echo "FAIL a conduit that was only renamed is no change"; failed=1; }
head -1 "$dir/out" | grep -q hmi || { echo "FAIL what opens a critical zone stands first"; failed=1; }
gate() # SED-SCRIPT WHAT-IS-SAID
{
	sed "$1" "$dir/old.yaml" >"$dir/gate.yaml"
	wants 7 "a change of $2" diff "$dir/gate.yaml" "$dir/old.yaml"; says out "$2"
	wants 7 "and back" diff "$dir/old.yaml" "$dir/gate.yaml"; says out "$2"
}
gate 's/name: hmi, /name: hmi, breaker: {pins-only: isolate}, /' 'conduit hmi closes at other responses'
gate 's/name: web, /name: web, drawbridge: {open: "01:00-03:00"}, /' 'conduit web is open at other hours'
gate 's/name: hmi, /name: hmi, apps: [modbus], /' 'conduit hmi carries other applications'
gate 's/plc: {/plc: {vlan: 40, /' 'zone plc has other VLANs'
wants 3 "a bad policy is not compared" diff "$bad" "$dir/old.yaml"
wants 7 "simulate" simulate "$dir/new.yaml" "$dir/old.yaml" --flows "$dir/eve.json"
says out "NEWLY DROPPED 10.1.0.9 > 8.8.8.8 udp/53  office -> net"
says out "newly allowed 10.1.0.9 > 10.2.0.5 tcp/502"
says out "4 kinds of connection looked at: 1 newly dropped, 1 newly allowed, 2 against the law before and after"
says out "window: 2026-11-25T07:01:00.000000+0000 to 2026-11-25T07:02:00"; says err "1 of 6 lines are no JSON"
wants 0 "nothing dropped" simulate "$dir/old.yaml" "$dir/old.yaml" --flows "$dir/eve.json"
wants 1 "no such records" simulate "$dir/old.yaml" "$dir/old.yaml" --flows "$dir/none.json"
wants 0 "learn" learn "$dir/old.yaml" --flows "$dir/eve.json"
says out '  - {name: proposed-1, from: office, to: net, allow: [udp/123], from-hosts: ["10.1.0.9"], to-hosts: ["9.9.9.9"]}'
says out "  # - {name: proposed-3, from: office, to: plc, allow: [tcp/22]"; says out "ADMINISTERS machines; OPENS CRITICAL"
{ sed '/^pins/,$d' "$dir/old.yaml"; grep '^  - ' "$dir/out"; } >"$dir/learnt.yaml"
wants 0 "what was learnt is a policy" check "$dir/learnt.yaml"
wants 6 "no daemon to compare with" diff "$dir/new.yaml" --socket "$dir/none.sock"
wants 6 "no daemon to apply to" apply "$dir/new.yaml" --socket "$dir/none.sock"
wants 2 "a trial has bounds" apply "$dir/new.yaml" --within 2h
exit $failed
