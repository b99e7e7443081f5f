# shellcheck shell=bash
# The end-to-end steps of scripts/test.

# Everything in one process, on the embedded engines.
one_process() {
    local ports
    trap kill_processes EXIT
    mapfile -t ports < <(free_ports 5)
    start_esteira esteira ESTEIRA_DATA_DIR="$WORK/data" ESTEIRA_USERS_PORT="${ports[0]}" ESTEIRA_PRODUCTS_PORT="${ports[1]}" \
        ESTEIRA_ORDERS_PORT="${ports[2]}" ESTEIRA_QUERY_PORT="${ports[3]}" \
        ESTEIRA_CONSOLE_PORT="${ports[4]}"
    ready esteira "${ports[3]}"
    demo "${ports[@]:0:4}"
    terminated esteira
    # The same data again: nothing is lost by a stop.
    start_esteira esteira ESTEIRA_DATA_DIR="$WORK/data" ESTEIRA_USERS_PORT="${ports[0]}" ESTEIRA_PRODUCTS_PORT="${ports[1]}" \
        ESTEIRA_ORDERS_PORT="${ports[2]}" ESTEIRA_QUERY_PORT="${ports[3]}" \
        ESTEIRA_CONSOLE_PORT="${ports[4]}"
    ready esteira "${ports[3]}"
    demo "${ports[@]:0:4}"
    terminated esteira
}

# Six processes on MySQL, Kafka and MongoDB, with a database, views, topics and groups of their own.
cluster() {
    local roles=(user-service product-service order-service query-service dispatcher projector) ports index
    NAME=esteira_e2e_$(date +%s)_$$
    trap 'kill_processes; drop_cluster' EXIT
    "$ROOT/scripts/lib/engine-client" mysql "create database $NAME character set utf8mb4"
    mapfile -t ports < <(free_ports "${#roles[@]}")
    for index in "${!roles[@]}"; do
        start_esteira "${roles[index]}" MYSQL_DSN="${MYSQL_DSN/\/ecommerce?/\/$NAME?}" KAFKA_BROKERS="$KAFKA_BROKERS" \
            MONGO_URI="$(mongo_uri "$NAME")" ESTEIRA_TOPIC_PREFIX="$NAME." ESTEIRA_GROUP_PREFIX="$NAME." \
            PORT="${ports[index]}" -- "${roles[index]}"
    done
    for index in "${!roles[@]}"; do ready "${roles[index]}" "${ports[index]}"; done
    demo "${ports[@]:0:4}"
    order_created_is_on_kafka
    terminated "${roles[@]}"
}

# MONGO_URI with the database $1 in its path.
mongo_uri() {
    local base=${MONGO_URI%%\?*} query=''
    [[ $MONGO_URI != *\?* ]] || query="?${MONGO_URI#*\?}"
    printf '%s/%s%s' "${base%/}" "$1" "$query"
}

# As any other program sees it: Kafka's console consumer prints headers, key and value of a record.
order_created_is_on_kafka() {
    local record headers key value
    record=$("$ROOT/scripts/lib/engine-client" kafka org.apache.kafka.tools.consumer.ConsoleConsumer --topic "$NAME.order.created" \
        --group "$NAME.console" --from-beginning --max-messages 1 --timeout-ms 15000 \
        --property print.headers=true --property print.key=true 2>/dev/null)
    IFS=$'\t' read -r headers key value <<<"$record"
    printf 'a record of order.created\n  key %s\n  headers %s\n  value %s\n' "$key" "$headers" "$value"
    [[ ,$headers, == *,ce_type:order.created,* && ,$headers, == *,ce_specversion:1.0,* ]] || die "no CloudEvents headers"
    [[ ,$headers, == *,ce_sequence:1,* && ,$headers, == *,content-type:application/json,* ]] || die "headers are missing"
    [[ -n $key && $(json_at .order.id "$value") == "$key" ]] || die "the key is not the order's id"
    [[ $(json_at .order.status "$value") == CREATED && $(json_at .sequence "$value") == 1 ]] || die "the value is not as promised"
}

json_at() { python3 "$ROOT/scripts/lib/json-at.py" "$1" <<<"$2"; }

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

drop_cluster() {
    local client=$ROOT/scripts/lib/engine-client
    "$client" mysql "drop database if exists $NAME" || true
    "$client" mongo-drop "$NAME" || true
    "$client" kafka org.apache.kafka.tools.TopicCommand --delete --topic "$NAME\\..*" >/dev/null || true
    "$client" kafka org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --delete --group "$NAME.product-consumer" \
        --group "$NAME.order-consumer" --group "$NAME.query-consumer" --group "$NAME.console" >/dev/null || true
}
