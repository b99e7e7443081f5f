# shellcheck shell=bash
# The performance gate of scripts/test: ratios only, on the embedded engines, so that a busy or slow machine says the same.

# Commands share transactions under load, and no step costs more in tables ten times as large. The oracle follows the load.
performance() (
    # Not the engines that other steps use: what is measured there is wall-clock time.
    unset MYSQL_DSN KAFKA_BROKERS MONGO_URI
    ESTEIRA_DATA_DIR=$WORK/bench "$BINARY" bench commands growth --duration 3 --scale 0.02 --gate
)
