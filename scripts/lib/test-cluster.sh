# shellcheck shell=bash
# Esteira on MySQL, Kafka and MongoDB, in a namespace of its own: a database, views, topics and groups.

# Each a process; the services on the first four of PORTS.
readonly ROLES=(user-service product-service order-service query-service dispatcher projector)
readonly ENGINE_CLIENT=$ROOT/scripts/lib/engine-client
NAMESPACE=

# create_namespace PURPOSE: sets NAMESPACE, and IN_NAMESPACE, the settings of a process in it.
create_namespace() {
    NAMESPACE=esteira_$1_$(date +%s)_$$
    IN_NAMESPACE=(MYSQL_DSN="${MYSQL_DSN/\/ecommerce?/\/$NAMESPACE?}" KAFKA_BROKERS="$KAFKA_BROKERS"
        MONGO_URI="$(mongo_uri "$NAMESPACE")" ESTEIRA_TOPIC_PREFIX="$NAMESPACE." ESTEIRA_GROUP_PREFIX="$NAMESPACE.")
    "$ENGINE_CLIENT" mysql "create database $NAMESPACE character set utf8mb4"
}

# MONGO_URI with the database $1 in its path.
mongo_uri() {
    local base=${MONGO_URI%%\?*} query=''
    [[ $MONGO_URI != *\?* ]] || query="?${MONGO_URI#*\?}"
    printf '%s/%s%s' "${base%/}" "$1" "$query"
}

# start_cluster [VARIABLE=VALUE…]: ROLES in the namespace; sets PORTS, and waits until all are ready.
start_cluster() {
    local index
    mapfile -t PORTS < <(free_ports "${#ROLES[@]}")
    for index in "${!ROLES[@]}"; do
        start_esteira "${ROLES[index]}" "${IN_NAMESPACE[@]}" PORT="${PORTS[index]}" "$@" -- "${ROLES[index]}"
    done
    for index in "${!ROLES[@]}"; do ready "${ROLES[index]}" "${PORTS[index]}"; done
}

# As any other program sees it: Kafka's console consumer prints headers, key and value of a record.
order_created_is_on_kafka() {
    local record headers key value
    record=$("$ENGINE_CLIENT" kafka org.apache.kafka.tools.consumer.ConsoleConsumer --topic "$NAMESPACE.order.created" \
        --group "$NAMESPACE.console" --from-beginning --max-messages 1 --timeout-ms 15000 \
        --property print.headers=true --property print.key=true 2>/dev/null)
    IFS=$'\t' read -r headers key value <<<"$record"
    printf 'a record of order.created\n  key %s\n  headers %s\n  value %s\n' "$key" "$headers" "$value"
    [[ ,$headers, == *,ce_type:order.created,* && ,$headers, == *,ce_specversion:1.0,* ]] || die "no CloudEvents headers"
    [[ ,$headers, == *,ce_sequence:1,* && ,$headers, == *,content-type:application/json,* ]] || die "headers are missing"
    [[ -n $key && $(json_at .order.id "$value") == "$key" ]] || die "the key is not the order's id"
    [[ $(json_at .order.status "$value") == CREATED && $(json_at .sequence "$value") == 1 ]] || die "the value is not as promised"
}

# Nothing where none was created.
drop_namespace() {
    [[ -n $NAMESPACE ]] || return 0
    "$ENGINE_CLIENT" mysql "drop database if exists $NAMESPACE" || true
    "$ENGINE_CLIENT" mongo-drop "$NAMESPACE" || true
    "$ENGINE_CLIENT" kafka org.apache.kafka.tools.TopicCommand --delete --topic "$NAMESPACE\\..*" >/dev/null || true
    "$ENGINE_CLIENT" kafka org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --delete --group "$NAMESPACE.product-consumer" \
        --group "$NAMESPACE.order-consumer" --group "$NAMESPACE.query-consumer" --group "$NAMESPACE.console" >/dev/null || true
}
