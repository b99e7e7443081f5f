# shellcheck shell=bash
# With ESTEIRA_ENGINES_TLS the engines, run natively, speak TLS too, with certificates of an authority of their own, for
# localhost and nothing else: MySQL on its only port, Kafka (with SCRAM) and FerretDB (with SCRAM) on further ones.

readonly TLS_USER=ecommerce

with_tls() { [[ -n ${ESTEIRA_ENGINES_TLS:-} ]]; }

# make_authority DIRECTORY NAME: NAME.pem and NAME.key.
make_authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=esteira $2" \
        -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
        -keyout "$1/$2.key" -out "$1/$2.pem" 2>/dev/null
}

tls_certificates() {
    local tls=$STATE/etc/tls
    if [[ -e $tls/server-with-key.pem ]]; then return; fi
    rm -rf "$tls"
    mkdir "$tls"
    (
        umask 077
        make_authority "$tls" ca
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost \
            -keyout "$tls/server.key" -out "$tls/server.csr" 2>/dev/null
        openssl x509 -req -in "$tls/server.csr" -CA "$tls/ca.pem" -CAkey "$tls/ca.key" -CAcreateserial -days 30 \
            -extfile <(printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n') -out "$tls/server.pem" 2>/dev/null
        cat "$tls/server.key" "$tls/server.pem" >"$tls/server-with-key.pem.new"
    )
    chmod 755 "$tls"
    chmod 644 "$tls"/{ca,server}.pem
    # MySQL reads it as the user it runs as.
    chown nobody:nogroup "$tls/server.key"
    mv "$tls/server-with-key.pem.new" "$tls/server-with-key.pem"
}

# The users at Kafka and FerretDB have MySQL's password.
kafka_scram() { printf 'SCRAM-SHA-512=[name=%s,password=%s]' "$TLS_USER" "$(mysql_password)"; }

mongo_create_user() {
    local user
    user=$(printf '{"createUser": "%s", "pwd": "%s", "roles": [{"role": "readWriteAnyDatabase", "db": "admin"}, {"role": "clusterAdmin", "db": "admin"}]}' \
        "$TLS_USER" "$(mysql_password)")
    postgres_query "select documentdb_api.create_user('$user') where not exists (select from pg_roles where rolname = '$TLS_USER')" \
        >>"$STATE/logs/postgres.log" 2>&1
}

# What a client needs: addresses, where the password and the authority are.
tls_env() {
    say "export TLS_USER='$TLS_USER' TLS_CA='$STATE/etc/tls/ca.pem' TLS_KAFKA='localhost:$KAFKA_TLS_PORT' TLS_MONGO='localhost:$MONGO_TLS_PORT' TLS_MYSQL='localhost:$MYSQL_PORT'"
}
