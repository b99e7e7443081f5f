# shellcheck shell=bash
# Esteira as processes, for the end-to-end steps of scripts/test, each in a shell of its own, and for the checks.

declare -A PROCESSES=()

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# 128 bits: a password, a token, a trace's id.
random_hex() { od -An -v -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# free_ports COUNT: ports that nobody listens on, below those that the kernel hands out itself.
free_ports() {
    local port found=0
    local -A seen=()
    while ((found < $1)); do
        port=$((20000 + RANDOM % 10000))
        if [[ -z ${seen[$port]:-} ]] && ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            printf '%s\n' "$port"
            seen[$port]=yes
            found=$((found + 1))
        fi
    done
}

# choose_ports: sets PORTS (users, products, orders, queries, console), and LISTEN, the settings of a process on them.
choose_ports() {
    mapfile -t PORTS < <(free_ports 5)
    LISTEN=(ESTEIRA_USERS_PORT="${PORTS[0]}" ESTEIRA_PRODUCTS_PORT="${PORTS[1]}" ESTEIRA_ORDERS_PORT="${PORTS[2]}"
        ESTEIRA_QUERY_PORT="${PORTS[3]}" ESTEIRA_CONSOLE_PORT="${PORTS[4]}")
}

# start_platform NAME […], as start_esteira: every role in one process, on the PORTS of choose_ports; waits until it is ready.
start_platform() {
    start_esteira "$1" "${LISTEN[@]}" "${@:2}"
    ready "$1" "${PORTS[3]}"
}

# start_esteira NAME [VARIABLE=VALUE…] [-- ARGUMENT…]: with no setting but those, in an empty directory.
start_esteira() {
    local name=$1 variable settings=()
    shift
    for variable in $(compgen -e); do
        case $variable in
        ESTEIRA_* | MYSQL_DSN | KAFKA_BROKERS | MONGO_URI | OUTBOX_POLL_INTERVAL | ENV | SERVICE_NAME | PORT | PRICE_POLICY | \
            SSL_CERT_FILE | SSL_CERT_DIR)
            settings+=(-u "$variable")
            ;;
        esac
    done
    while (($#)) && [[ $1 != -- ]]; do
        settings+=("$1")
        shift
    done
    (($# == 0)) || shift
    mkdir -p "$WORK/$name"
    (
        cd "$WORK/$name" || exit
        exec env "${settings[@]}" "$BINARY" "$@"
    ) >"$WORK/$name.log" 2>&1 &
    PROCESSES[$name]=$!
}

# ready NAME PORT: until the process on PORT says that it is.
ready() {
    local deadline=$((SECONDS + 60))
    until curl --silent --fail --max-time 5 --output /dev/null "http://127.0.0.1:$2/readyz"; do
        if ! kill -0 "${PROCESSES[$1]}" 2>/dev/null || ((SECONDS >= deadline)); then
            printf '%s is not ready on port %s; the end of its log:\n' "$1" "$2"
            tail -n 30 "$WORK/$1.log"
            return 1
        fi
        sleep 0.1
    done
    printf '%s is ready on port %s\n' "$1" "$2"
}

# terminated NAME…: SIGTERM to all at once; each must exit with 0 within 30 s.
terminated() {
    local name pid code deadline=$((SECONDS + 30)) failed=0
    for name in "$@"; do kill -TERM "${PROCESSES[$name]}" || failed=1; done
    for name in "$@"; do
        pid=${PROCESSES[$name]}
        while kill -0 "$pid" 2>/dev/null && ((SECONDS < deadline)); do sleep 0.1; done
        code=0
        if kill -0 "$pid" 2>/dev/null; then
            kill -KILL "$pid"
            code='not within 30 s'
        else
            wait "$pid" || code=$?
        fi
        unset "PROCESSES[$name]"
        if [[ $code == 0 ]]; then printf '%s: clean exit on SIGTERM\n' "$name"; else
            printf '%s: after SIGTERM: %s; the end of its log:\n' "$name" "$code"
            tail -n 30 "$WORK/$name.log"
            failed=1
        fi
    done
    return "$failed"
}

kill_processes() {
    local name
    for name in "${!PROCESSES[@]}"; do
        printf 'the end of the log of %s:\n' "$name"
        tail -n 15 "$WORK/$name.log"
        kill -KILL "${PROCESSES[$name]}" 2>/dev/null || true
        wait "${PROCESSES[$name]}" 2>/dev/null || true
    done
}

json_at() { python3 "$ROOT/scripts/lib/json-at.py" "$1" <<<"$2"; }

# demo USERS PRODUCTS ORDERS QUERY [VARIABLE=VALUE…]: the story told to these ports, with no token but one of these
# variables; all of it is shown only if it fails.
demo() {
    local url=http://127.0.0.1
    if env -u ESTEIRA_COMMAND_TOKEN -u ESTEIRA_COMMAND_TOKEN_FILE "${@:5}" "$ROOT/scripts/demo" \
        --users "$url:$1" --products "$url:$2" --orders "$url:$3" --query "$url:$4" >"$WORK/demo.log"; then
        tail -n 1 "$WORK/demo.log"
    else
        cat "$WORK/demo.log"
        return 1
    fi
}
