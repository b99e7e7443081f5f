# shellcheck shell=bash
# Kafka, run natively.

kafka_java() { java -Dlog4j2.configurationFile="$CONF/kafka/log4j2.properties" -cp "$STATE/kafka/*" "$@"; }

kafka_configure() {
    local template templates=("$CONF/kafka/server.properties")
    if with_tls; then templates+=("$CONF/tls/kafka.properties"); fi
    for template in "${templates[@]}"; do
        render "$template" STATE="$STATE" KAFKA_PORT="$KAFKA_PORT" KAFKA_CONTROLLER_PORT="$KAFKA_CONTROLLER_PORT" \
            KAFKA_TLS_PORT="${KAFKA_TLS_PORT:-}"
    done >"$STATE/etc/kafka.properties"
}

kafka_format() {
    if [[ -e $STATE/data/kafka/meta.properties ]]; then return; fi
    local cluster_id users=()
    if with_tls; then users=(--add-scram "$(kafka_scram)"); fi
    # An id that begins with a dash would be taken for an option.
    cluster_id=E$(random_bytes | base64 | tr '+/' '-_' | cut -c1-21)
    kafka_java kafka.tools.StorageTool format --ignore-formatted --config "$STATE/etc/kafka.properties" \
        --cluster-id "$cluster_id" "${users[@]}" >>"$STATE/logs/kafka.log" 2>&1
}

kafka_start() {
    if ! pid_of kafka >/dev/null; then
        kafka_configure
        kafka_format
        spawn kafka java -Xms256m -Xmx512m -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:+ExitOnOutOfMemoryError \
            -Dlog4j2.configurationFile="$CONF/kafka/log4j2.properties" -cp "$STATE/kafka/*" kafka.Kafka "$STATE/etc/kafka.properties"
    fi
    wait_for kafka 90 kafka_answers
}

kafka_stop() { stop_process kafka TERM 30; }
kafka_processes() { say kafka; }
kafka_version() {
    local jar
    jar=$(basename "$STATE"/kafka/kafka-clients-*.jar .jar)
    say "kafka ${jar#kafka-clients-}"
}
kafka_address() { say "127.0.0.1:$KAFKA_PORT"; }
kafka_is_up() { pid_of kafka >/dev/null && kafka_answers; }
