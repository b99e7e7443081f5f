# shellcheck shell=bash
# The end-to-end steps of scripts/test.

# Everything in one process, on the embedded engines.
one_process() {
    local data=ESTEIRA_DATA_DIR=$WORK/data tokens=ESTEIRA_COMMAND_TOKEN_FILE=$WORK/command-tokens
    trap kill_processes EXIT
    choose_ports
    start_platform esteira "$data"
    demo "${PORTS[@]:0:4}"
    terminated esteira
    # The same data again: nothing is lost by a stop. The commands now want a token.
    make_tokens
    start_platform esteira "$data" "$tokens"
    refused 'wants a token'
    refused 'refuses the token' ESTEIRA_COMMAND_TOKEN=another
    demo "${PORTS[@]:0:4}" "$tokens"
    terminated esteira
    no_token_is_shown
}

# Two, as while one is being replaced.
make_tokens() { (umask 077 && printf '%s\n' "$(random_hex)" "$(random_hex)" >"$WORK/command-tokens"); }

# refused REASON [VARIABLE=VALUE…]: so ends the story.
refused() {
    if demo "${PORTS[@]:0:4}" "${@:2}" >"$WORK/refused" 2>&1; then die "the commands want no token"; fi
    grep -qF "$1" "$WORK/refused" || die "the story ends otherwise: $(<"$WORK/refused")"
}

no_token_is_shown() {
    if grep -lFf "$WORK/command-tokens" "$WORK"/*.log; then die "a token is in these logs"; fi
}

# Six processes on MySQL, Kafka and MongoDB.
cluster() {
    trap 'kill_processes; drop_namespace' EXIT
    create_namespace e2e
    start_cluster
    demo "${PORTS[@]:0:4}"
    order_created_is_on_kafka
    terminated "${ROLES[@]}"
}
