#!/bin/sh
# Lets an enrolled agent send to this edge, with the rights that its account has at the core. Device, src
# and password are those of the agent's agent.json. Said again, it replaces; a reload of mosquitto follows.
# usage: edge-agent.sh FOLDER DEVICE SRC [SITE]      (the agent's password on stdin)
#        edge-agent.sh --remove FOLDER DEVICE
set -eu
usage() { sed -n '4,5s/^# //p' "$0" >&2; exit 2; }
remove=no
[ "${1:-}" = --remove ] && { remove=yes; shift; }
if [ $remove = yes ]; then [ $# -eq 2 ] || usage; else [ $# -eq 3 ] || [ $# -eq 4 ] || usage; fi
folder=$1
device=$2
src=${3:-none}
site=${4:-main}
user=agent-$device
case "$device$src$site" in *[!A-Za-z0-9._-]*) echo "names hold letters, digits, dots, - and _" >&2; exit 2 ;; esac
[ -f "$folder/acl" ] && [ -f "$folder/passwords" ] || { echo "$folder is no edge of make-edge.sh" >&2; exit 1; }
umask 077
new=$(mktemp -d "$folder/agent.XXXXXX")
trap 'rm -rf "$new"' EXIT
# All but the lines of this agent.
awk -v name="user $user" '/^user /{ mine = ($0 == name) } /^(#|pattern |$)/{ mine = 0 } !mine' \
  "$folder/acl" > "$new/acl"
awk -F: -v name="$user" '$1 != name' "$folder/passwords" > "$new/passwords"
if [ $remove = no ]; then
  IFS= read -r password
  case "$password" in "" | *[!A-Za-z0-9_-]*) echo "the password holds letters, digits, - and _" >&2; exit 2 ;; esac
  # By a file: what stands in a command is seen by everybody on the machine.
  printf '%s:%s\n' "$user" "$password" > "$new/one"
  mosquitto_passwd -U "$new/one"
  cat "$new/one" >> "$new/passwords"
  mine=pollux/$site/devices/$device
  cat >> "$new/acl" <<ACL
user $user
topic write $mine/samples/+
topic write $mine/rows/+
topic write $mine/events/docker
topic read pollux/$site/acks/$src
topic read pollux/$site/settings/$src
ACL
fi
# Owner and mode of both stay.
cat "$new/passwords" > "$folder/passwords"
cat "$new/acl" > "$folder/acl"
