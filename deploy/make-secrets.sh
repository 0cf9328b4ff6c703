#!/bin/sh
# Makes what is missing in FOLDER (secrets/ beside this file) and changes nothing that is there.
# Needs openssl. Containers read the files as users of their own, so the folder keeps others out.
set -eu
command -v openssl > /dev/null || { echo "make-secrets.sh needs openssl, and made nothing" >&2; exit 1; }
umask 077
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
chmod 700 "$folder"
cd "$folder"

make() {
    [ -s "$1" ] && return
    printf '%s\n' "$2" > "$1.new"
    chmod 444 "$1.new"
    mv -f "$1.new" "$1"
}
# An assignment, and so the end of the script where it fails.
make_password() {
    password=$(openssl rand -hex 24)
    make "$1" "$password"
}

make_password postgres-superuser-password
make owner-username cms_owner
make_password owner-password
make service-username cms_service
make_password service-password
make_password first-owner-password
key=$(openssl rand -base64 48)
make jwt-keys.json "{\"generation\":1,\"sign\":\"1\",\"keys\":{\"1\":\"$key\"}}"
# Both hold the same password: they are made together or not at all.
if [ ! -s redis-url ] || [ ! -s redis-users.acl ]; then
    rm -f redis-url redis-users.acl
    password=$(openssl rand -hex 24)
    digest=$(printf %s "$password" | openssl dgst -sha256 -r)
    make redis-url "redis://cms:$password@redis:6379/0"
    make redis-users.acl "user default on nopass -@all +ping
user cms on #${digest%% *} ~* &* +@all -@admin -@dangerous"
fi
