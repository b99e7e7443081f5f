# shellcheck shell=bash
# Messages, processes and probes for scripts/engines.

say() { printf '%s\n' "$*"; }
warn() { printf 'engines: %s\n' "$*" >&2; }
die() {
    warn "$*"
    exit 1
}

# seconds_since START: START is an $EPOCHREALTIME.
seconds_since() {
    local now=${EPOCHREALTIME/[.,]/} start=${1/[.,]/}
    printf '%d.%d s' $(((now - start) / 1000000)) $(((now - start) / 100000 % 10))
}

random_bytes() { head -c 16 /dev/urandom; }
random_password() { random_bytes | od -An -v -tx1 | tr -d ' \n'; }

# Fills in the @NAME@s of the template $1 from the NAME=value arguments.
render() {
    local text pair
    text=$(<"$1")
    for pair in "${@:2}"; do
        text=${text//@${pair%%=*}@/${pair#*=}}
    done
    printf '%s\n' "$text"
}

# A process is known by its pid and its start time, so that a recycled pid is never taken for it (nor killed).
process_identity() {
    local stat fields
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    read -ra fields <<<"${stat##*) }"
    [[ ${fields[0]} != Z ]] && printf '%s %s' "$1" "${fields[19]}"
}

# Prints the pid of the running process NAME; fails when it does not run.
pid_of() {
    local recorded
    { read -r recorded <"$STATE/run/$1.pid"; } 2>/dev/null || return 1
    [[ $(process_identity "${recorded%% *}") == "$recorded" ]] && printf '%s' "${recorded%% *}"
}

# Waits until the kernel has forgotten the process NAME: servers take a predecessor that is dead but not yet reaped for alive.
await_reaped() {
    local recorded deadline=$((SECONDS + 20))
    { read -r recorded <"$STATE/run/$1.pid"; } 2>/dev/null || return 0
    while [[ -e /proc/${recorded%% *} ]] && ! process_identity "${recorded%% *}" >/dev/null && ((SECONDS < deadline)); do sleep 0.1; done
}

# spawn NAME COMMAND…: starts a daemon in a session of its own that holds nothing of the caller's open.
spawn() {
    local name=$1
    shift
    await_reaped "$name"
    (
        for fd in /proc/"$BASHPID"/fd/*; do
            fd=${fd##*/}
            if ((fd > 2)); then eval "exec $fd>&-"; fi
        done
        ulimit -n 65536 2>/dev/null || true
        cd /
        exec setsid "$@"
    ) </dev/null >>"$STATE/logs/$name.log" 2>&1 &
    say "$(process_identity $!)" >"$STATE/run/$name.pid"
}

# wait_for NAME SECONDS PROBE…: polls until PROBE succeeds; fails at the deadline or as soon as the process has died.
wait_for() {
    local name=$1 deadline=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null 2>&1; do
        if ! pid_of "$name" >/dev/null || ((SECONDS >= deadline)); then
            warn "$name $(if pid_of "$name" >/dev/null; then say "does not answer"; else say "has died"; fi); the end of $STATE/logs/$name.log:"
            tail -n 20 "$STATE/logs/$name.log" >&2
            return 1
        fi
        sleep 0.1
    done
}

# stop_process NAME SIGNAL SECONDS: asks with SIGNAL, kills after SECONDS.
stop_process() {
    local pid deadline=$((SECONDS + $3))
    if pid=$(pid_of "$1"); then
        kill -"$2" "$pid" 2>/dev/null || true
        while pid_of "$1" >/dev/null; do
            if ((SECONDS >= deadline)); then
                warn "$1 ignored SIG$2 for $3 s: killing it"
                kill -KILL "$pid" 2>/dev/null || true
            fi
            sleep 0.1
        done
    fi
}

# tcp_ask PORT BYTES COUNT: sends BYTES (printf escapes) to 127.0.0.1:PORT and prints the first COUNT bytes of the answer in hex.
tcp_ask() {
    (
        exec 3<>"/dev/tcp/127.0.0.1/$1"
        # shellcheck disable=SC2059 # the escapes are the message
        printf "$2" >&3
        timeout 3 head -c "$3" <&3 | od -An -v -tx1 | tr -d ' \n'
    ) 2>/dev/null
}

# ApiVersions, correlation id 7: a broker answers it only once it is registered and unfenced.
kafka_answers() {
    local answer
    answer=$(tcp_ask "$KAFKA_PORT" '\0\0\0\x0a\0\x12\0\0\0\0\0\7\xff\xff' 10)
    [[ $answer == ????????000000070000 ]]
}

# OP_MSG {ping: 1, $db: "admin"}; the reply says {ok: 1.0}.
mongo_answers() {
    local header='\x33\0\0\0\1\0\0\0\0\0\0\0\xdd\7\0\0\0\0\0\0\0'
    # shellcheck disable=SC2016 # $db is MongoDB's
    local body='\x1e\0\0\0\x10ping\0\1\0\0\0\2$db\0\6\0\0\0admin\0\0'
    [[ $(tcp_ask "$MONGO_PORT" "$header$body" 38) == *016f6b00000000000000f03f* ]]
}

prepare_state() {
    mkdir -p "$STATE"/{data,etc,logs,run,tmp}
    # Servers run as other users and must get through to their own directories.
    chmod 711 "$STATE" "$STATE"/{data,etc,run}
}

mysql_password() {
    local file=$STATE/etc/mysql-password password=${ESTEIRA_ENGINES_MYSQL_PASSWORD:-}
    if [[ -z $password ]]; then
        [[ -s $file ]] || (umask 077 && random_password >"$file")
        password=$(<"$file")
    fi
    # It is written unquoted into DSNs and configuration.
    [[ $password =~ ^[A-Za-z0-9._-]+$ ]] || die "ESTEIRA_ENGINES_MYSQL_PASSWORD may hold only letters, digits, '.', '_' and '-'"
    printf '%s' "$password"
}

# print_env MYSQL_USER_AND_PASSWORD [MONGO_USER_AND_PASSWORD@ MONGO_QUERY]
print_env() {
    say "export MYSQL_DSN='$1@tcp(127.0.0.1:$MYSQL_PORT)/ecommerce?charset=utf8mb4&parseTime=True&loc=Local'"
    say "export KAFKA_BROKERS='127.0.0.1:$KAFKA_PORT'"
    say "export MONGO_URI='mongodb://${2:-}127.0.0.1:$MONGO_PORT/${3:-}'"
}
