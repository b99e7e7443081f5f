# shellcheck shell=bash
# The engines as plain processes: the sandbox that servers run in, and the commands over all engines. engines-mysql.sh,
# engines-kafka.sh and engines-mongo.sh each have NAME_start, _stop, _processes, _version, _address and _is_up.

# The directory that servers see as /: the chroot, or the host itself in the fallback.
server_root() { if in_fallback; then printf /; else printf '%s/chroot' "$STATE"; fi; }

# sandbox ROOT USER COMMAND…: the command line that runs COMMAND as USER in ROOT, with $STATE on /mnt. The mounts are in a
# namespace of their own: they end with the process, nothing has to be unmounted, and the host never sees them.
sandbox() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    SANDBOX=(unshare --mount --propagation private sh -c '
        state=$1 root=$2 user=$3; shift 3
        if [ "$root" != / ]; then
            mount --rbind /proc "$root/proc"
            mount --rbind /dev "$root/dev"
        fi
        mount --bind "$state" "$root/mnt"
        cd /
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TZ=UTC chroot --userspec="$user" "$root" "$@"
    ' sh "$STATE" "$@")
}

in_sandbox() {
    sandbox "$(server_root)" "$@"
    "${SANDBOX[@]}"
}

spawn_in_sandbox() {
    local name=$1
    shift
    sandbox "$(server_root)" "$@"
    spawn "$name" "${SANDBOX[@]}"
}

native_possible() { [[ $EUID == 0 ]] && command -v apt-get >/dev/null; }

engine_up() {
    local name=$1 start=$EPOCHREALTIME
    if "${name}_is_up"; then
        say "$name: already up at $("${name}_address")"
        return
    fi
    "${name}_start"
    say "$name: up at $("${name}_address") in $(seconds_since "$start")"
}

# for_each FUNCTION NAME…: FUNCTION of every engine at once; fails if any failed.
for_each() {
    local function=$1 name failed=0
    local -A pids
    shift
    for name in "$@"; do
        "$function" "$name" &
        pids[$name]=$!
    done
    for name in "$@"; do
        wait "${pids[$name]}" || {
            warn "$name: failed; its log is in $STATE/logs"
            failed=1
        }
    done
    return $failed
}

native_up() {
    install_all
    # Made before the engines start side by side, which all ask for them.
    if with_tls; then tls_certificates && mysql_password >/dev/null; fi
    for_each engine_up "$@"
}

engine_stop() {
    "$1_stop"
    say "$1: stopped"
}
native_stop() { for_each engine_stop "$@"; }

native_kill() {
    local process pid
    for process in $("$1_processes"); do
        if pid=$(pid_of "$process"); then kill -KILL "$pid"; fi
    done
    say "$1: killed"
}

native_purge() {
    rm -rf --one-file-system "$STATE/data" "$STATE/logs" "$STATE/run" "$STATE/fallback"
    say "data deleted; what is installed stays in $STATE"
}

engine_status() {
    if "$1_is_up"; then say "$1: up, $("$1_version"), $("$1_address")"; else
        say "$1: down, $("$1_address")"
        return 1
    fi
}
native_status() {
    local name failed=0
    for name in "${ENGINES[@]}"; do
        engine_status "$name" || failed=1
    done
    return $failed
}

native_logs() {
    local name process files=()
    for name in "$@"; do
        for process in $("${name}_processes"); do files+=("$STATE/logs/$process.log"); done
    done
    tail -v -n 50 "${files[@]}"
}

native_env() {
    print_env "ecommerce:$(mysql_password)"
    if with_tls; then tls_env; fi
}
