# shellcheck shell=bash
# What the native engines are made of. Every piece is built in $STATE/tmp and moved into place when it is whole,
# with a stamp of what it was made from: a half-finished or outdated one is built again.

readonly SID_PACKAGES=mysql-server-core,mysql-client-core,postgresql-18-documentdb

# installed NAME STAMP
installed() { [[ -e $STATE/$1 && $(cat "$STATE/$1.stamp" 2>/dev/null) == "$2" ]]; }

# borrow NAME STAMP: links to what other engines have installed, if that is the same.
borrow() {
    local other=${ESTEIRA_ENGINES_INSTALLED:-}
    [[ -n $other && $(cat "$other/$1.stamp" 2>/dev/null) == "$2" ]] || return 1
    rm -rf --one-file-system "${STATE:?}/$1"
    ln -s "$(realpath "$other")/$1" "$STATE/$1"
    printf '%s\n' "$2" >"$STATE/$1.stamp"
}

# install_piece NAME STAMP BUILDER: BUILDER gets the path to make.
install_piece() {
    local name=$1 stamp=$2 builder=$3 start=$EPOCHREALTIME staging=$STATE/tmp/$1
    if installed "$name" "$stamp" || borrow "$name" "$stamp"; then return; fi
    say "$name: installing (log: $STATE/logs/install-$name.log)"
    if ! "$builder" "$staging" >"$STATE/logs/install-$name.log" 2>&1; then
        warn "$name could not be installed; the end of $STATE/logs/install-$name.log:"
        tail -n 15 "$STATE/logs/install-$name.log" >&2
        return 1
    fi
    rm -rf --one-file-system "${STATE:?}/$name" "$STATE/$name.stamp"
    mv "$staging" "$STATE/$name"
    printf '%s\n' "$stamp" >"$STATE/$name.stamp"
    say "$name: installed in $(seconds_since "$start")"
}

apt_install() {
    warn "installing with apt: $*"
    {
        apt-get -o DPkg::Lock::Timeout=300 update
        DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
    } >"$STATE/logs/install-apt.log" 2>&1 || die "apt failed; see $STATE/logs/install-apt.log"
}

# The Debian packages that the natively run engines need on the host. Go (1.21 or later: it fetches the release that
# FerretDB asks for) is too old in Debian 12, so it must be there.
install_host_packages() {
    local packages=()
    command -v mmdebstrap >/dev/null || packages+=(mmdebstrap)
    command -v java >/dev/null || packages+=(default-jre-headless)
    command -v mvn >/dev/null || packages+=(maven)
    ((${#packages[@]} == 0)) || apt_install "${packages[@]}"
    command -v go >/dev/null || die "Go 1.21 or later is needed to build FerretDB"
}

# Debian sid for MySQL 9.7 and PostgreSQL with DocumentDB. The mount namespace keeps an interrupted run from leaving mounts.
build_chroot() {
    unshare --mount --propagation private mmdebstrap --variant=minbase \
        --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' \
        --dpkgopt='force-unsafe-io' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --include="$SID_PACKAGES" sid "$1"
}

build_kafka() {
    mvn -B -q -f "$CONF/kafka/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$1"
}

# build_go_tool MODULE PACKAGE OUT
build_go_tool() {
    (cd "$1" && GOWORK=off CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags='-s -w' -o "$3" "$2")
}
build_ferretdb() { build_go_tool "$CONF/ferretdb" github.com/FerretDB/FerretDB/v2/cmd/ferretdb "$1"; }

stamp_of() { cat "$@" | sha256sum | cut -c1-16; }

# Installs whatever is missing, at once; fails if Kafka, or both ways to the databases, cannot be had.
install_all() {
    local chroot ferretdb kafka
    rm -rf --one-file-system "$STATE/tmp"
    mkdir -p "$STATE/tmp"
    install_host_packages
    install_piece kafka "$(stamp_of "$CONF/kafka/pom.xml")" build_kafka & kafka=$!
    if in_fallback; then
        chroot=
    else
        install_piece chroot "$SID_PACKAGES" build_chroot & chroot=$!
        install_piece ferretdb "$(stamp_of "$CONF/ferretdb/go.sum")" build_ferretdb & ferretdb=$!
        wait "$ferretdb" || die "FerretDB could not be built"
        wait "$chroot" || enter_fallback
    fi
    wait "$kafka" || die "Kafka could not be installed"
    if in_fallback; then install_fallback; fi
}
