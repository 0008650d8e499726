#!/bin/sh
# Makes an edge's users and its bridge. The password of the bridge is the one that the core made.
# Passwords of local users are printed once.
# usage: make-edge.sh FOLDER EDGE CORE-HOST [USER ...]      (the bridge's password on stdin)
set -eu
[ $# -ge 3 ] || { echo "usage: $0 FOLDER EDGE CORE-HOST [USER ...] < PASSWORD" >&2; exit 2; }
folder=$1
edge=$2
core=$3
shift 3
here=$(dirname "$0")
case "$edge$core" in *[!A-Za-z0-9._:-]*) echo "names hold letters, digits, dots and hyphens" >&2; exit 2 ;; esac
IFS= read -r password
case "$password" in "" | *[!A-Za-z0-9_-]*) echo "the password holds letters, digits, - and _" >&2; exit 2 ;; esac
umask 077
mkdir -p "$folder/bridge"
cp "$here/edge/acl" "$folder/acl"
sed -e "s/EDGE/$edge/" -e "s/CORE/$core/" -e "s/PASSWORD/$password/" "$here/edge/bridge.conf" \
  > "$folder/bridge/bridge.conf"
touch "$folder/passwords"
for user in "$@"; do
  secret=$(openssl rand -hex 32)
  mosquitto_passwd -b "$folder/passwords" "$user" "$secret"
  echo "$user $secret"
done
