# shellcheck shell=bash
# Steps with a heading and a time, and their summary, for scripts/test.

SUMMARY=()
FAILED=0
# Of the step that runs; of the step that ran last.
STEP_PID=
OUTCOME=0

# note TEXT…: repeated at the end, where it is seen. Also from within a step.
note() {
    printf '%s\n' "$*" >&2
    printf '%s\n' "$*" >>"$WORK/notes"
}

# step NAME COMMAND…: COMMAND in a process group of its own, so that whatever it leaves behind can be ended with it.
# To be called bare: a shell that is asked `step … || …` ignores errors within the step. OUTCOME says how it went.
step() {
    local name=$1 start=$SECONDS took
    shift
    OUTCOME=0
    printf '\n==> %s\n' "$name"
    set -m
    (
        set -euo pipefail
        "$@"
    ) </dev/null &
    STEP_PID=$!
    set +m
    wait "$STEP_PID" || OUTCOME=$?
    end_group "$STEP_PID"
    STEP_PID=
    took=$((SECONDS - start))
    if ((OUTCOME == 0)); then
        printf '==> %s: ok in %d s\n' "$name" "$took"
        SUMMARY+=("$(printf 'ok      %4d s  %s' "$took" "$name")")
    else
        printf '==> %s: FAILED after %d s\n' "$name" "$took"
        SUMMARY+=("$(printf 'FAILED  %4d s  %s' "$took" "$name")")
        FAILED=1
    fi
}

skip() {
    printf '\n==> %s: SKIPPED: %s\n' "$1" "$2"
    SUMMARY+=("$(printf 'skipped         %s: %s' "$1" "$2")")
}

# end_group PGID: asks what is left of a process group to end, kills what does not within 20 s.
end_group() {
    local deadline=$((SECONDS + 20))
    kill -TERM -- "-$1" 2>/dev/null || return 0
    while kill -0 -- "-$1" 2>/dev/null && ((SECONDS < deadline)); do sleep 0.1; done
    kill -KILL -- "-$1" 2>/dev/null || true
}

# The sums of what cargo's test runners, count_go_tests and the fault lab say, from the log $1: passed, failed, ignored.
count_tests() {
    awk '/^test result: / { passed += $4; failed += $6; ignored += $8 }
        /^go tests: / { passed += $3; failed += $5; ignored += $7 }
        /^faults: / { passed += $2; failed += $4 }
        END { printf "%d passed, %d failed", passed, failed; if (ignored) printf ", %d skipped", ignored; print "" }' "$1"
}

summary() {
    printf '\n==> summary, %d s in all\n' "$SECONDS"
    printf '%s\n' "${SUMMARY[@]}"
    if [[ -s $WORK/notes ]]; then
        printf '\nNOT AS USUAL\n'
        cat "$WORK/notes"
    fi
    printf '\n'
    if ((FAILED)); then printf 'scripts/test: FAILED\n'; else printf 'scripts/test: everything passed\n'; fi
    count_tests "$WORK/tests.log"
}
