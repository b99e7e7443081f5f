# shellcheck shell=bash
# The step of scripts/test that lets Go programs, with the Go system's own libraries, check what they are promised.

# go_compatibility: vet, format and tests of go-compat-tests on the real engines; prints the report on the recorded exchanges.
go_compatibility() {
    local log=$WORK/go-tests.log report=$WORK/go-report outcome=0 unformatted
    cd "$ROOT/go-compat-tests" || exit
    unformatted=$(gofmt -l .)
    [[ -z $unformatted ]] || die "gofmt would change: $unformatted"
    go vet ./...
    ESTEIRA_BINARY=$BINARY ESTEIRA_REPORT=$report go test -v -count=1 -timeout 300s ./... >"$log" 2>&1 || outcome=$?
    # What passed is counted, not shown; the report is part of the log.
    if ((outcome)); then grep -vE '^ *(=== |--- PASS)' "$log" || true; else cat "$report"; fi
    count_go_tests "$log" | tee -a "$WORK/tests.log"
    return "$outcome"
}

# The leaves of what `go test -v` reports in log $1: a test with subtests is counted by them, unless it failed by itself.
count_go_tests() {
    awk '$1 == "---" && $2 ~ /^(PASS|FAIL|SKIP):$/ {
            outcome[$3] = $2
            above = $3
            while (sub(/\/[^\/]*$/, "", above)) {
                parents[above]
                if ($2 == "FAIL:") explained[above]
            }
        }
        END {
            for (test in outcome)
                if (!(test in parents) || (outcome[test] == "FAIL:" && !(test in explained))) count[outcome[test]]++
            printf "go tests: %d passed; %d failed; %d skipped\n", count["PASS:"], count["FAIL:"], count["SKIP:"]
        }' "$1"
}
