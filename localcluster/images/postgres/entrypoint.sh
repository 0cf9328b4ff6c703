#!/bin/sh
# Makes the database at the first start, then becomes the given command.
set -eu

initialise() {
    unfinished="$PGDATA.unfinished"
    rm -rf "$unfinished"
    initdb --pgdata="$unfinished" --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" \
        --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
    echo "host all all all scram-sha-256" >> "$unfinished/pg_hba.conf"
    echo "listen_addresses = '*'" >> "$unfinished/postgresql.conf"
    echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$unfinished" postgres
    # A start that was cut short is not taken for a finished one.
    mv "$unfinished" "$PGDATA"
}

if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    initialise
fi
exec "$@"
