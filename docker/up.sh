#!/bin/sh
# Makes what docker/compose.yaml needs and is not there yet (passwords, a private authority for the broker),
# then starts it. What is there stays as it is.
# usage: up.sh [--secrets-only] [--profile NAME ...] [NAME-OF-THIS-HOST ...]
#   POLLUX_SECRETS  the folder of the secrets (docker/secrets)
#   names           by which agents and edges reach the broker, beside localhost
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here"
export POLLUX_SECRETS="${POLLUX_SECRETS:-$here/secrets}"

only= profiles= metrics= names=
while [ $# -gt 0 ]; do
  case $1 in
    --secrets-only) only=1 ;;
    --profile)
      profiles="$profiles --profile $2"
      [ "$2" = metrics ] && metrics=1
      shift
      ;;
    -*) sed -n '4,6s/^# *//p' "$0" >&2; exit 2 ;;
    *) names="$names $1" ;;
  esac
  shift
done

# Others on this host cannot enter the folder; the users of the containers read the files in it.
mkdir -p "$POLLUX_SECRETS"
chmod 0700 "$POLLUX_SECRETS"
# put FILE: keeps what comes in under this name, unless it is there.
put() {
  if [ -e "$POLLUX_SECRETS/$1" ]; then cat > /dev/null; return; fi
  (umask 022; cat > "$POLLUX_SECRETS/$1.new")
  mv "$POLLUX_SECRETS/$1.new" "$POLLUX_SECRETS/$1"
}
random() { openssl rand -hex 32; }
value() { cat "$POLLUX_SECRETS/$1"; }

random | put mysql_password
random | put mysql_root_password
random | put mqtt_password
random | put redis_password
printf 'requirepass %s\nsave ""\nappendonly no\nmaxmemory 512mb\nmaxmemory-policy allkeys-lru\n' "$(value redis_password)" | put redis_conf
printf 'mysql://pollux:%s@mysql/pollux' "$(value mysql_password)" | put database_url
printf 'redis://:%s@redis' "$(value redis_password)" | put redis_url
printf 'mqtt://pollux:%s@mosquitto:1883' "$(value mqtt_password)" | put mqtt_url
: | put prometheus_token
if [ ! -e "$POLLUX_SECRETS/tls/server.crt" ]; then
  # shellcheck disable=SC2086 # names are words
  ./mosquitto/make-ca.sh "$POLLUX_SECRETS/tls" localhost 127.0.0.1 mosquitto $names
  chmod 755 "$POLLUX_SECRETS/tls"
  chmod 644 "$POLLUX_SECRETS/tls/server.key"
fi
[ -z "$only" ] || exit 0

compose() { docker compose "$@"; }
docker compose version > /dev/null 2>&1 || compose() { docker-compose "$@"; }
if [ -n "$metrics" ] && [ ! -s "$POLLUX_SECRETS/prometheus_token" ]; then
  compose up -d pollux
  compose exec -T pollux node server/pollux.js token add --name prometheus --role technician --may settings.read devices.read > "$POLLUX_SECRETS/prometheus_token"
fi
# shellcheck disable=SC2086 # profiles are words
compose $profiles up -d
echo "docker compose logs pollux    # the first administrator's password, once"
