# shellcheck shell=bash
# Sourced by the MySQL image when it first sets the database up. Tests make databases of their own, so the user may too.
docker_process_sql --database=mysql <<<"grant all privileges on *.* to '$MYSQL_USER'@'%'"
