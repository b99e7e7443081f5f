# shellcheck shell=bash
# MySQL, run natively: user nobody, in the chroot (MariaDB on the host in the fallback).

mysql_flavour() { if in_fallback; then printf mariadb; else printf mysql; fi; }
mysql_daemon() { if in_fallback; then printf mariadbd; else printf mysqld; fi; }

mysql_query() { in_sandbox root timeout 5 "$(mysql_flavour)" --defaults-file=/mnt/etc/my.cnf --batch --skip-column-names -e "$1"; }

mysql_configure() {
    local password
    password=$(mysql_password)
    mkdir -p "$STATE/run/mysql"
    chown nobody:nogroup "$STATE/run/mysql"
    (
        umask 077
        render "$CONF/mysql/my.cnf" FLAVOUR="$(mysql_flavour)" MYSQL_PORT="$MYSQL_PORT" \
            MYSQL_PASSWORD="$password" >"$STATE/etc/my.cnf"
        if with_tls; then cat "$CONF/tls/my.cnf" >>"$STATE/etc/my.cnf"; fi
        render "$CONF/mysql/init.sql" MYSQL_PASSWORD="$password" >"$STATE/etc/mysql-init.sql"
    )
    chown nobody:nogroup "$STATE/etc/my.cnf" "$STATE/etc/mysql-init.sql"
}

mysql_create() {
    local flavour
    flavour=$(mysql_flavour)
    if [[ -e $STATE/data/$flavour ]]; then return; fi
    rm -rf "$STATE/data/$flavour.new"
    install -d -o nobody -g nogroup -m 750 "$STATE/data/$flavour.new"
    if in_fallback; then
        in_sandbox nobody:nogroup mariadb-install-db --no-defaults --datadir=/mnt/data/mariadb.new \
            --auth-root-authentication-method=normal --skip-test-db
    else
        in_sandbox nobody:nogroup mysqld --no-defaults --initialize-insecure --datadir=/mnt/data/mysql.new
    fi >>"$STATE/logs/mysql.log" 2>&1
    mv "$STATE/data/$flavour.new" "$STATE/data/$flavour"
}

mysql_start() {
    if ! pid_of mysql >/dev/null; then
        mysql_configure
        mysql_create
        # Left behind by a kill -9; its pid may be another process's by now.
        rm -f "$STATE/run/mysql/mysql.sock.lock"
        spawn_in_sandbox mysql nobody:nogroup "$(mysql_daemon)" --defaults-file=/mnt/etc/my.cnf
    fi
    wait_for mysql 60 mysql_query 'select 1'
}

mysql_stop() { stop_process mysql TERM 60; }
mysql_processes() { say mysql; }
mysql_version() { say "$(mysql_flavour) $(mysql_query 'select version()')"; }
mysql_address() { say "127.0.0.1:$MYSQL_PORT"; }
mysql_is_up() { pid_of mysql >/dev/null && mysql_query 'select 1' >/dev/null 2>&1; }
