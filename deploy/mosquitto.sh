#!/bin/sh
# Starts Mosquitto: mosquitto.sh FILE COMMAND [ARGUMENT…]; FILE is what the dynamic-security plugin keeps its accounts in.
#
# Mosquitto writes that file in place. When it is killed meanwhile, the file is cut off, and it would come back without
# any account and refuse everybody, the worker too, until somebody wrote the file anew. So the whole one of the last
# start is kept beside it. What has changed since, mqtt_worker mends as soon as it is connected.
set -eu
file=$1
shift

is_whole() {
    [ "$(tail -c 2 "$1" | tr '\n' '>')" = '>}' ]
}

if [ -f "$file" ] && is_whole "$file"; then
    (umask 077 && cat "$file" > "$file.new")
    mv "$file.new" "$file.kept"
elif [ -f "$file.kept" ]; then
    echo "$file is cut off: going on with that of the last start" >&2
    cat "$file.kept" > "$file"
fi
exec "$@"
