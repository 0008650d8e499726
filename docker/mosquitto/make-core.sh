#!/bin/sh
# Makes the file of the core's users and roles, with the user of Pollux; prints its password once.
# More users are made while the broker runs: see README.md.
# usage: [POLLUX_MQTT_PASSWORD=…] make-core.sh FILE
set -eu
[ $# -eq 1 ] || { echo "usage: $0 FILE" >&2; exit 2; }
[ ! -e "$1" ] || { echo "$1 is there already: users would be lost" >&2; exit 1; }
umask 077
password=${POLLUX_MQTT_PASSWORD:-$(openssl rand -hex 32)}
mosquitto_ctrl dynsec init "$1" pollux "$password" > /dev/null

acl() { printf '{"acltype":"%s","topic":"%s","allow":true}' "$1" "$2"; }
# The plugin's own first role may change the plugin and read everything; now it may send too.
server="$(acl publishClientSend 'pollux/#')"
poller="$(acl publishClientSend 'pollux/+/devices/#'),$(acl publishClientSend 'pollux/+/receipts/#'),$(acl publishClientSend 'pollux/+/nodes/#'),$(acl subscribePattern 'pollux/+/acks/#'),$(acl subscribePattern 'pollux/+/commands/#'),$(acl subscribePattern 'pollux/+/settings/#')"
guest="$(acl subscribePattern 'pollux/+/devices/#')"
roles="{\"rolename\":\"poller\",\"acls\":[$poller]},{\"rolename\":\"guest\",\"acls\":[$guest]}"
tr -d '\n\t' < "$1" | sed \
  -e "s|\"roles\":\[{\"rolename\":\"admin\",\"acls\":\[|\"roles\":[$roles,{\"rolename\":\"admin\",\"acls\":[$server,|" > "$1.new"
grep -q '"rolename":"guest"' "$1.new" || { echo "this mosquitto_ctrl writes another form of file" >&2; exit 1; }
mv "$1.new" "$1"
echo "POLLUX_MQTT_URL=mqtt://pollux:$password@127.0.0.1:1883"
