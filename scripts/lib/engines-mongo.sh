# shellcheck shell=bash
# The MongoDB wire protocol, run natively: FerretDB on the host, PostgreSQL with DocumentDB in the chroot.

readonly POSTGRES_BIN=/usr/lib/postgresql/18/bin

postgres_query() { in_sandbox postgres timeout 60 "$POSTGRES_BIN/psql" -h /mnt/run/postgres -qAt -v ON_ERROR_STOP=1 -d postgres -c "$1"; }

postgres_create() {
    local owner
    owner=$(in_sandbox postgres id -u):$(in_sandbox postgres id -g)
    install -d -o "${owner%:*}" -g "${owner#*:}" "$STATE/run/postgres"
    if [[ -e $STATE/data/postgres ]]; then return; fi
    rm -rf "$STATE/data/postgres.new"
    install -d -o "${owner%:*}" -g "${owner#*:}" -m 700 "$STATE/data/postgres.new"
    in_sandbox postgres "$POSTGRES_BIN/initdb" -D /mnt/data/postgres.new --auth=trust -E UTF8 --locale=C.UTF-8 \
        >>"$STATE/logs/postgres.log" 2>&1
    mv "$STATE/data/postgres.new" "$STATE/data/postgres"
}

# After a kill -9, PostgreSQL refuses to start for as long as an orphaned backend still holds its shared memory.
postgres_start() {
    local attempt
    postgres_create
    cp "$CONF/postgres/postgresql.conf" "$STATE/etc/postgresql.conf"
    for attempt in 1 2 3 4 5; do
        spawn_in_sandbox postgres postgres "$POSTGRES_BIN/postgres" \
            -D /mnt/data/postgres -c config_file=/mnt/etc/postgresql.conf
        if wait_for postgres 60 postgres_query 'select 1' 2>"$STATE/logs/postgres.failure"; then break; fi
        if ((attempt == 5)); then
            cat "$STATE/logs/postgres.failure" >&2
            return 1
        fi
        sleep 1
    done
    postgres_query 'create extension if not exists documentdb cascade' >>"$STATE/logs/postgres.log" 2>&1
}

ferretdb_start() {
    mkdir -p "$STATE/data/ferretdb"
    # In a sandbox for the socket's sake: a Unix socket's path may hold 107 bytes, and $STATE's can be long.
    local access=(--no-auth)
    if with_tls; then
        mongo_create_user
        access=(--listen-tls="127.0.0.1:$MONGO_TLS_PORT" --listen-tls-cert-file=/mnt/etc/tls/server.pem --listen-tls-key-file=/mnt/etc/tls/server.key)
    fi
    sandbox / root /mnt/ferretdb "${access[@]}" --telemetry=disable --debug-addr=- --log-level=warn \
        --listen-addr="127.0.0.1:$MONGO_PORT" --state-dir=/mnt/data/ferretdb \
        --postgresql-url='postgres://postgres@/postgres?host=/mnt/run/postgres'
    spawn ferretdb "${SANDBOX[@]}"
}

mongo_start() {
    if in_fallback; then
        if ! pid_of ferretdb >/dev/null; then
            spawn ferretdb "$STATE/ferretdb1" "127.0.0.1:$MONGO_PORT" "$STATE/data/ferretdb1"
        fi
    else
        if ! pid_of postgres >/dev/null; then postgres_start; fi
        if ! pid_of ferretdb >/dev/null; then ferretdb_start; fi
    fi
    wait_for ferretdb 60 mongo_answers
}

mongo_stop() {
    stop_process ferretdb TERM 15
    # INT is PostgreSQL's fast shutdown; TERM would wait for its clients.
    stop_process postgres INT 30
}
mongo_processes() { if in_fallback; then say ferretdb; else say ferretdb postgres; fi; }
mongo_version() {
    if in_fallback; then say "ferretdb v1.24.2 (sqlite)"; else
        say "ferretdb $("$STATE/ferretdb" --version | sed -n 's/^version: //p') (documentdb $(postgres_query "select extversion from pg_extension where extname = 'documentdb'"))"
    fi
}
mongo_address() { say "127.0.0.1:$MONGO_PORT"; }
mongo_is_up() {
    local process
    for process in $(mongo_processes); do
        pid_of "$process" >/dev/null || return 1
    done
    mongo_answers
}
