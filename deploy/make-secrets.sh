#!/bin/sh
# Makes what is missing in FOLDER (secrets/ beside this file) and changes nothing that is there.
# Needs openssl. Containers read the files as users of their own, so the folder keeps others out.
set -eu
umask 077
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
chmod 700 "$folder"
cd "$folder"

make() {
    [ -e "$1" ] && return
    cat > "$1.new"
    chmod 444 "$1.new"
    mv "$1.new" "$1"
}
random() { openssl rand -hex 24; }

random | make postgres-superuser-password
echo cms_owner | make owner-username
random | make owner-password
echo cms_service | make service-username
random | make service-password
random | make first-owner-password
printf '{"generation":1,"sign":"1","keys":{"1":"%s"}}\n' "$(openssl rand -base64 48)" | make jwt-keys.json
# Both hold the same password: they are made together or not at all.
if [ ! -e redis-url ] || [ ! -e redis-users.acl ]; then
    rm -f redis-url redis-users.acl
    password=$(random)
    hash=$(printf %s "$password" | openssl dgst -sha256 -r | cut -d ' ' -f 1)
    echo "redis://cms:$password@redis:6379/0" | make redis-url
    {
        echo "user default on nopass -@all +ping"
        echo "user cms on #$hash ~* &* +@all -@admin -@dangerous"
    } | make redis-users.acl
fi
