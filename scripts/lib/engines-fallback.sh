# shellcheck shell=bash
# When Debian sid cannot be had: MariaDB from Debian stable instead of MySQL, and FerretDB 1 on SQLite instead of
# FerretDB 2 on DocumentDB. The file $STATE/fallback says so; made by hand before `up`, it asks for them (to test on MariaDB).
# `down --purge` leaves the fallback.

in_fallback() { [[ -e $STATE/fallback ]]; }

enter_fallback() {
    warn "*******************************************************************************"
    warn "FALLBACK: no Debian sid. These are NOT the engines that Esteira is built for:"
    warn "MariaDB 10.11 in place of MySQL, FerretDB 1.24 on SQLite in place of FerretDB 2."
    warn "'scripts/engines down --purge' and 'up' try the real ones again."
    warn "*******************************************************************************"
    : >"$STATE/fallback"
}

build_ferretdb1() { build_go_tool "$CONF/ferretdb1" . "$1"; }

install_fallback() {
    warn "running on the fallback: MariaDB 10.11 and FerretDB 1.24"
    command -v mariadbd >/dev/null || apt_install mariadb-server-core mariadb-client-core
    install_piece ferretdb1 "$(stamp_of "$CONF/ferretdb1/go.sum" "$CONF/ferretdb1/main.go")" build_ferretdb1 ||
        die "FerretDB 1 could not be built"
}
