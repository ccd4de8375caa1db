#!/usr/bin/env bats
# Pulling: from Debian's docker-registry on localhost (names, digests, logins, TLS), and from a registry that
# misbehaves in every way it can think of.

load images.bash

setup_file() {
    images_build_tools
}

setup() {
    images_setup
    PIDS=()
}

teardown() {
    local p
    for p in "${PIDS[@]}"; do kill "$p" 2>/dev/null && wait "$p" 2>/dev/null; done
    images_teardown
}

free_port() {
    local p
    for p in {5100..5400}; do (: <>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || { echo "$p"; return; }; done
}

answers() { (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start_registry() { # EXTRA-YAML: sets REG
    local port
    port=$(free_port)
    REG=127.0.0.1:$port
    printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\n%s\n' "$T/registry" \
        "${1//PORT/$port}" >"$T/registry.yml"
    docker-registry serve "$T/registry.yml" >"$T/registry.log" 2>&1 3>&- &
    PIDS+=($!)
    event answers "$port"
}

push() { # TAR DEST [skopeo's options]
    local tar=$1 dest=$2
    shift 2
    skopeo --insecure-policy copy -q "$@" "docker-archive:$tar" "docker://$dest"
}

# --- a fake registry: $F is its folder, $REG its address ---

fake() { # NAME: another one, in $T/NAME; sets F and REG
    F=$T/$1
    mkdir "$F"
    "$BATS_TEST_DIRNAME/fake_registry" "$F" 3>&- &
    PIDS+=($!)
    event test -f "$F/port"
    REG=127.0.0.1:$(cat "$F/port")
}

key() { printf %s "/v2/team/app/$1" | tr -c 'A-Za-z0-9.-' _; }

answer() { # KEY STATUS HEADERS(\n between) BODY-FILE
    {
        printf 'HTTP/1.1 %s\r\nConnection: close\r\n' "$2"
        [ -z "$3" ] || printf '%b' "$3" | sed 's/$/\r/'
        printf 'Content-Length: %s\r\n\r\n' "$(stat -c %s "${4:-/dev/null}")"
        cat "${4:-/dev/null}"
    } >"$F/$1"
}

# team/app:1 of one layer with the file "hello"; $L, $C, $M are the blobs, $LD, $CD, $MD their digests.
serve_app() {
    L=$T/app.layer C=$T/app.config M=$T/app.manifest
    "$BATS_FILE_TMPDIR/hostile_tar" f:hello:644:hello z:pad:300000 | gzip -1 >"$L"
    printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$(zcat "$L" | sha256sum | cut -d' ' -f1)" >"$C"
    LD=sha256:$(digest "$L") CD=sha256:$(digest "$C")
    write_manifest "$CD" "$(stat -c %s "$C")" "$LD" "$(stat -c %s "$L")" ''
    answer "$(key "blobs/$LD")" "200 OK" "" "$L"
    answer "$(key "blobs/$CD")" "200 OK" "" "$C"
}

write_manifest() { # CONFIG SIZE LAYER SIZE MORE
    printf '{"schemaVersion":2,"config":{"digest":"%s","size":%s},"layers":[{"digest":"%s","size":%s%s}]}' "$@" >"$M"
    MD=sha256:$(digest "$M")
    answer "$(key manifests/1)" "200 OK" "Content-Type: application/vnd.oci.image.manifest.v1+json\n" "$M"
    answer "$(key "manifests/$MD")" "200 OK" "Content-Type: application/vnd.oci.image.manifest.v1+json\n" "$M"
}

pull() { run images pull "$@" "$REG/team/app:1"; }
requests() { grep -c "$1" "$F/log"; }

# --- a real registry ---

@test "pull by tag and by digest; what is there is not fetched again" {
    start_registry "http: {addr: '127.0.0.1:PORT'}"
    image "$T/image.tar" a:1 "$(layer f:one:644:1)" "$(layer f:two:644:2)"
    push "$T/image.tar" "$REG/team/app:1" --dest-tls-verify=false
    run images pull "$REG/team/app:1"
    loaded
    [ "$(jq -r 'select(.image).image.refs[0]' <<<"$output")" = "$REG/team/app:1" ]
    [[ $output == *'"phase":"download"'* ]]
    digest=$(images inspect "$REG/team/app:1" | jq -r '.image.digests[0]')
    rootfs "$REG/team/app:1"
    [ "$(cat "$T/mnt/one" "$T/mnt/two")" = 12 ]
    unmount
    run images pull "$digest"
    loaded
    [[ $output != *'"phase":"download"'* ]]
    images inspect "$digest"
    run images pull "$REG/team/app:2"
    [ "$status" = 1 ] && [[ $output == *'"kind":"not found"'*"404"* ]]
    run images pull "$REG/team/app@sha256:$(printf '0%.0s' {1..64})"
    [ "$status" = 1 ] && [[ $output == *'"kind":"not found"'* ]]
    images rm "$digest"
    images rm "$REG/team/app:1"
    nothing_left
}

@test "an index gives the image of this machine" {
    start_registry "http: {addr: '127.0.0.1:PORT'}"
    image "$T/image.tar" a:1 "$(layer f:mine:644:1)"
    skopeo --insecure-policy copy -q "docker-archive:$T/image.tar" "oci:$T/oci:x"
    m=$(jq -r '.manifests[0]' "$T/oci/index.json")
    arch=$(case $(uname -m) in x86_64) echo amd64 ;; aarch64) echo arm64 ;; esac)
    jq -n --argjson m "$m" --arg a "$arch" '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
        manifests: [$m + {platform: {os: "linux", architecture: $a}},
                    $m + {platform: {os: "windows", architecture: $a}}]}' >"$T/index"
    push "$T/image.tar" "$REG/team/app:base" --dest-tls-verify=false --format oci
    d=$(jq -r '.manifests[0].digest' "$T/oci/index.json")
    curl -sf -o /dev/null "http://$REG/v2/team/app/manifests/$d" || skopeo --insecure-policy copy -q --dest-tls-verify=false "oci:$T/oci:x" "docker://$REG/team/app:base"
    curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary "@$T/index" "http://$REG/v2/team/app/manifests/multi"
    run images pull "$REG/team/app:multi"
    loaded
    [ "$(images inspect "$REG/team/app:multi" | jq -r '.image.digests[0]')" = "$REG/team/app@sha256:$(digest "$T/index")" ]
}

@test "a login: asked for, wrong, right" {
    printf 'user:%s\n' "$(perl -e 'print crypt("secret", q($2b$05$abcdefghijklmnopqrstuu))')" >"$T/htpasswd"
    start_registry "http: {addr: '127.0.0.1:PORT'}
auth: {htpasswd: {realm: r, path: $T/htpasswd}}"
    image "$T/image.tar" a:1 "$(layer f:one:644:1)"
    push "$T/image.tar" "$REG/team/app:1" --dest-tls-verify=false --dest-creds user:secret
    run images pull "$REG/team/app:1"
    refused denied "asks for a login"
    auth() { printf '{"auths":{"%s":{"auth":"%s"}}}' "$1" "$(printf %s "$2" | base64)" >"$T/auth.json"; }
    auth "$REG" user:wrong
    run images pull --auth "$T/auth.json" "$REG/team/app:1"
    refused denied "401"
    [[ $output != *wrong* ]]
    auth "http://$REG/v1/" user:secret
    run images pull --auth "$T/auth.json" "$REG/team/app:1"
    loaded
    echo '{' >"$T/auth.json"
    run images pull --auth "$T/auth.json" "$REG/team/app:1"
    [ "$status" = 1 ] && [[ $output == *"$T/auth.json"* ]]
}

@test "TLS: an unknown authority and another's name are refused; --ca and --insecure say otherwise" {
    cert() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj "/CN=$1" \
        -addext "subjectAltName=$2" -keyout "$T/tls.key" -out "$T/tls.crt" 2>/dev/null; }
    cert 127.0.0.1 IP:127.0.0.1
    start_registry "http: {addr: '127.0.0.1:PORT', tls: {certificate: $T/tls.crt, key: $T/tls.key}}"
    image "$T/image.tar" a:1 "$(layer f:one:644:1)"
    push "$T/image.tar" "$REG/team/app:1" --dest-tls-verify=false
    cp "$T/tls.crt" "$T/ca.crt"
    run images pull "$REG/team/app:1" # plain HTTP to localhost: this one speaks TLS
    [ "$status" = 1 ]
    run images pull --ca /etc/ssl/certs/ca-certificates.crt "$REG/team/app:1"
    refused denied "ertificate"
    run images pull --ca "$T/ca.crt" "$REG/team/app:1"
    loaded
    images rm "$REG/team/app:1" >/dev/null
    run images pull --ca "$T/ca.crt" "localhost:${REG##*:}/team/app:1" # not the name in the certificate
    refused denied "ertificate"
    run images pull --insecure "$REG/team/app:1"
    loaded
}

# --- a fake one ---

@test "blobs: wrong digest, shorter, longer, gone" {
    fake reg
    serve_app
    pull
    loaded
    images rm "$REG/team/app:1" >/dev/null
    tr h j <"$L" >"$T/other"
    answer "$(key "blobs/$LD")" "200 OK" "" "$T/other"
    pull
    [ "$status" = 1 ]
    nothing_left
    cat "$L" "$L" >"$T/longer"
    answer "$(key "blobs/$LD")" "200 OK" "" "$T/longer"
    pull
    refused invalid "longer than its size"
    rm "$F/$(key "blobs/$LD")"
    pull
    refused "not found" "404"
    answer "$(key "blobs/$LD")" "200 OK" "" "$L"
    tr l m <"$C" >"$T/config"
    answer "$(key "blobs/$CD")" "200 OK" "" "$T/config"
    pull
    refused invalid "its digest is sha256:$(digest "$T/config")"
    answer "$(key "blobs/$CD")" "200 OK" "" "$C"
    pull
    loaded
}

@test "descriptors: size that lies, digest in capitals, unknown or short, a layer from elsewhere" {
    fake reg
    serve_app
    s=$(stat -c %s "$L") c=$(stat -c %s "$C")
    write_manifest "$CD" "$c" "$LD" $((s - 1)) ''
    pull
    refused invalid "longer than its size"
    for d in "${LD^^}" "sha256:${LD:8}" "md5:abc" "../../x" ""; do
        write_manifest "$CD" "$c" "$d" "$s" ''
        pull
        refused invalid "digest"
    done
    write_manifest "$CD" "$c" "sha512:$(printf '0%.0s' {1..128})" "$s" ''
    pull
    refused unsupported "sha256"
    F1=$F
    fake evil
    F=$F1 EVIL=$REG REG=127.0.0.1:$(cat "$F1/port")
    write_manifest "$CD" "$c" "$LD" "$s" ",\"urls\":[\"http://$EVIL/steal\"]"
    pull
    loaded
    [ ! -s "$T/evil/log" ]
}

@test "manifests: by digest and not it, ambiguous, mislabelled, schema 1, huge, deep" {
    fake reg
    serve_app
    answer "$(key "manifests/sha256:$(printf '1%.0s' {1..64})")" "200 OK" "" "$M"
    run images pull "$REG/team/app@sha256:$(printf '1%.0s' {1..64})"
    refused invalid "its digest is $MD"
    try() { # TYPE TEXT-FILE KIND MESSAGE
        answer "$(key manifests/1)" "200 OK" "${1:+Content-Type: $1\n}" "$2"
        pull
        refused "$3" "$4"
    }
    try application/vnd.oci.image.index.v1+json "$M" invalid "it is a manifest"
    echo '{"schemaVersion":2,"layers":[],"config":{},"manifests":[]}' >"$T/m"
    try "" "$T/m" invalid "ambiguous"
    echo '{"schemaVersion":1,"fsLayers":[]}' >"$T/m"
    try "" "$T/m" unsupported "schema 1"
    head -c 6000000 /dev/zero | tr '\0' ' ' >"$T/m"
    try "" "$T/m" invalid "longer than 4194304"
    printf '[%.0s' {1..5000} >"$T/m"
    try "" "$T/m" limit ""
    echo '{"schemaVersion":2,"manifests":[]}' >"$T/m"
    try "" "$T/m" "not found" "no image for linux/"
    echo '<html>' >"$T/m"
    try text/html "$T/m" invalid ""
}

@test "503, 429 and broken connections are tried again, a cut blob goes on where it was" {
    fake reg
    serve_app
    answer "$(key manifests/1).1" "503 Service Unavailable" ""
    answer "$(key "blobs/$CD").1" "429 Too Many Requests" "Retry-After: 1\n"
    s=$(stat -c %s "$L")
    { printf 'HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n' "$s"; head -c 100 "$L"; } >"$F/$(key "blobs/$LD").1"
    { printf 'HTTP/1.1 206 Partial\r\nContent-Range: bytes 100-%s/%s\r\nContent-Length: %s\r\n\r\n' $((s - 1)) "$s" $((s - 100))
        tail -c +101 "$L" | head -c 150; } >"$F/$(key "blobs/$LD").2"
    # the third time all of it comes again, though only the rest was asked for
    pull
    loaded
    [ "$(requests "blobs/$LD")" = 3 ]
    grep -q "blobs/$LD .*range=bytes=100-" "$F/log"
    grep -q "blobs/$LD .*range=bytes=250-" "$F/log"
    rootfs "$REG/team/app:1"
    [ "$(cat "$T/mnt/hello")" = hello ]
}

@test "a registry that stays broken is given up, and nothing is left" {
    fake reg
    serve_app
    printf 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n' >"$F/$(key "blobs/$LD")" # and no byte of it, ever
    pull
    [ "$status" = 1 ]
    [ "$(requests "blobs/$LD")" -le 6 ]
    nothing_left
    printf 'nonsense\r\n\r\n' >"$F/$(key manifests/1)"
    pull
    [ "$status" = 1 ]
    nothing_left
}

@test "a token: asked for with the password where it belongs, used for the registry only" {
    fake reg
    serve_app
    reg=$REG R=$F
    for p in manifests/1 "blobs/$LD" "blobs/$CD"; do
        mv "$R/$(key "$p")" "$R/good"
        cp "$R/good" "$R/$(key "$p")"
    done
    answer "$(key manifests/1).1" "401 Unauthorized" \
        "WWW-Authenticate: Bearer realm=\"http://$reg/token\",service=\"a b\",scope=\"repository:team/app:pull\"\n"
    echo '{"token":"t0ken"}' >"$T/t"
    answer "_token_service_a_20b_scope_repository_3Ateam_2Fapp_3Apull" "200 OK" "" "$T/t"
    fake cdn
    cp "$L" "$F/layer"
    answer _layer "200 OK" "" "$L"
    cdn=$REG CF=$F REG=$reg F=$R
    answer "$(key "blobs/$LD")" "307 Temporary Redirect" "Location: http://$cdn/layer\n"
    printf '{"auths":{"%s":{"username":"user","password":"secret"}}}' "$REG" >"$T/auth.json"
    pull --auth "$T/auth.json"
    loaded
    grep -q "GET /token.* auth=Basic $(printf user:secret | base64) " "$F/log"
    grep -q "manifests/1 auth=Bearer t0ken" "$F/log"
    grep -q "blobs/$LD auth=Bearer t0ken" "$F/log"
    [ "$(cat "$CF/log")" = "GET /layer auth= range= body=" ]
}

@test "a token server elsewhere gets no password; odd schemes are refused" {
    fake reg
    serve_app
    printf '{"auths":{"%s":{"username":"user","password":"secret"}}}' "$REG" >"$T/auth.json"
    port=${REG##*:}
    for realm in "http://localhost:$port/token" file:///etc/passwd "gopher://$REG/x" "http://user@$REG/token" nonsense; do
        answer "$(key manifests/1)" "401 Unauthorized" "WWW-Authenticate: Bearer realm=\"$realm\"\n"
        pull --auth "$T/auth.json"
        [ "$status" = 1 ]
        nothing_left
    done
    ! grep -q Basic "$F/log"
    ! grep -q /token "$F/log"
    # a token server may not send us on
    answer "$(key manifests/1)" "401 Unauthorized" "WWW-Authenticate: Bearer realm=\"http://$REG/token\"\n"
    answer "_token_scope_repository_3Ateam_2Fapp_3Apull" "302 Found" "Location: http://$REG/other\n"
    pull --auth "$T/auth.json"
    [ "$status" = 1 ] && [[ $output == *"HTTP status 302"* ]]
    ! grep -q /other "$F/log"
}

@test "redirects: at most ten, to http and https only" {
    fake reg
    serve_app
    answer "$(key "blobs/$LD")" "307 Temporary Redirect" "Location: http://$REG/v2/team/app/blobs/$LD\n"
    pull
    refused denied "more than 10 redirects"
    [ "$(requests "blobs/$LD")" = 11 ]
    for to in file:///etc/passwd "ftp://$REG/x"; do
        answer "$(key "blobs/$LD")" "307 Temporary Redirect" "Location: $to\n"
        pull
        [ "$status" = 1 ]
        nothing_left
    done
    answer "$(key "blobs/$LD")" "307 Temporary Redirect" "Location: http://192.0.2.1/x\n" # not this host: only TLS
    pull
    refused denied "without TLS"
}

@test "nobody there" {
    REG=127.0.0.1:$(free_port)
    pull
    refused unavailable "onnect"
}

@test "who talks to the registry is nobody, and may write nowhere" {
    fake reg
    mkfifo "$F/$(key manifests/1)" # an answer that does not come
    (exec "$WHERRY_BIN/wherry-images" --root "$ROOT" pull "$REG/team/app:1" >"$T/out" 2>&1) &
    boss=$!
    event grep -q manifests/1 "$F/log"
    fetcher=$(cat "/proc/$boss/task/$boss/children")
    fetcher=${fetcher% }
    [ "$(status_of "$fetcher" Uid) $(status_of "$fetcher" CapPrm) $(status_of "$fetcher" NoNewPrivs)" = "65534 0000000000000000 1" ]
    [ "$(status_of "$boss" NoNewPrivs) $(status_of "$boss" CapInh)" = "1 0000000000000000" ]
    [ $((0x$(status_of "$boss" CapPrm) & 1 << 16)) = 0 ] # no CAP_SYS_MODULE, and so on
    kill -TERM "$boss"
    wait "$boss" || true
    [[ $(cat "$T/out") == *"interrupted by signal 15"* ]]
    [ ! -d "/proc/$fetcher" ]
    nothing_left
    echo >"$F/$(key manifests/1)" # lets the registry's cat go
}
