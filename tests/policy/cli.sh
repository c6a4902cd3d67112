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
exit $failed
