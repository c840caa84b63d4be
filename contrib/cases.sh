# cases.sh: counts what was checked.  Sourced by bash; nothing but functions and $passed and $failed.
# shellcheck shell=bash
passed=0 failed=0

# case_check WHAT COMMAND...
case_check()
{
	if "${@:2}"; then
		passed=$((passed + 1)); echo "ok    $1"
	else
		failed=$((failed + 1)); echo "FAIL  $1"
	fi
}

# cases_end: says how many; false if one failed, or there was none
cases_end()
{
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
