#!/bin/sh
# Makes a private authority (once) and a certificate of one broker.
# usage: make-ca.sh FOLDER NAME [NAME-OR-ADDRESS ...]
set -eu
[ $# -ge 2 ] || { echo "usage: $0 FOLDER NAME [NAME-OR-ADDRESS ...]" >&2; exit 2; }
folder=$1
name=$2
shift
umask 077
mkdir -p "$folder"
cd "$folder"

curve="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
if [ ! -f ca.key ]; then
  openssl req -x509 $curve -days 3650 -subj "/CN=Pollux private authority" \
    -addext "keyUsage=critical,keyCertSign,cRLSign" -keyout ca.key -out ca.crt 2>/dev/null
fi

names=""
for one in "$@"; do
  case $one in
    *:* | *[!0-9.]*) kind=DNS ;;
    *) kind=IP ;;
  esac
  case $one in *:*) kind=IP ;; esac
  names="$names${names:+,}$kind:$one"
done
openssl req $curve -subj "/CN=$name" -keyout server.key -out server.csr 2>/dev/null
printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' "$names" > server.ext
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 825 \
  -extfile server.ext -out server.crt 2>/dev/null
rm server.csr server.ext
chmod 644 ca.crt server.crt
echo "$folder: ca.crt for clients; server.crt and server.key for the broker; keep ca.key elsewhere"
