#!/bin/sh
# acme.sh's command for a certificate that was installed:
#
#   install -m 755 acme.sh /usr/local/sbin/ocspstaple-acme
#   install -m 755 renewed /usr/local/sbin/ocspstaple-renewed
#   acme.sh --install-cert -d www.example.org --key-file ... \
#       --fullchain-file ... --reloadcmd /usr/local/sbin/ocspstaple-acme
#
# acme.sh sets CERT_FULLCHAIN_PATH, its own copy of the chain.
set -u
renewed=${OCSPSTAPLE_RENEWED:-/usr/local/sbin/ocspstaple-renewed}

exec "$renewed" "${CERT_FULLCHAIN_PATH:?is set by acme.sh}"
