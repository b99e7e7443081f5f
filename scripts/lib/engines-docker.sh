# shellcheck shell=bash
# The engines as services of docker/compose.yml, with its volumes, passwords from docker/.env.

docker_answers() { command -v docker >/dev/null && timeout 20 docker info >/dev/null 2>&1; }

compose() {
    ESTEIRA_ENGINES_MYSQL_PORT=$MYSQL_PORT ESTEIRA_ENGINES_KAFKA_PORT=$KAFKA_PORT ESTEIRA_ENGINES_MONGO_PORT=$MONGO_PORT \
        docker compose --file "$ROOT/docker/compose.yml" "$@"
}

# engine names → service names, one a line
services() { printf '%s\n' "${@/#mongo/mongodb}"; }

# docker/.env from its example, with a random value for each empty password and token.
docker_settings() {
    local file=$ROOT/docker/.env line
    if [[ ! -e $file ]]; then
        (
            umask 077
            while IFS= read -r line; do
                if [[ $line == [A-Z]*= ]]; then line+=$(random_password); fi
                printf '%s\n' "$line"
            done <"$ROOT/docker/.env.example" >"$file"
        )
        warn "made docker/.env with random passwords and tokens"
    fi
}

# docker_setting NAME DEFAULT: as compose reads it, the environment before docker/.env.
docker_setting() {
    local value=${!1:-}
    if [[ -z $value ]]; then value=$(sed -n "s/^$1=//p" "$ROOT/docker/.env" | tail -n 1); fi
    printf '%s' "${value:-$2}"
}

docker_up() {
    local start=$EPOCHREALTIME names
    docker_settings
    mapfile -t names < <(services "$@")
    compose up --detach --wait --wait-timeout 300 "${names[@]}"
    say "${names[*]}: up in $(seconds_since "$start")"
}

docker_stop() { compose_on stop "$@"; }
docker_kill() { compose_on kill "$@"; }
docker_logs() { compose_on "logs --tail 50" "$@"; }
compose_on() {
    local verb names
    read -ra verb <<<"$1"
    shift
    docker_settings
    mapfile -t names < <(services "$@")
    compose "${verb[@]}" "${names[@]}"
}

docker_purge() { compose --profile '*' down --volumes; }

docker_status() {
    local name service id health failed=0
    docker_settings
    for name in "${ENGINES[@]}"; do
        service=$(services "$name")
        id=$(compose ps --quiet "$service")
        health=$([[ -z $id ]] || docker inspect --format '{{.State.Health.Status}}' "$id")
        if [[ $health == healthy ]]; then say "$name: up, $(docker inspect --format '{{.Config.Image}}' "$id"), $("${name}_address")"; else
            say "$name: down${health:+ ($health)}, $("${name}_address")"
            failed=1
        fi
    done
    return $failed
}

docker_env() {
    docker_settings
    print_env "$(docker_setting MYSQL_USER ecommerce):$(docker_setting MYSQL_PASSWORD '')" \
        "$(docker_setting MONGO_USER ecommerce):$(docker_setting MONGO_PASSWORD '')@" '?authSource=admin'
}
