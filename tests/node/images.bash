# What the image tests share.
#
#   images_setup          $T, a store $ROOT in it, a canary tree $T/canary; images_teardown checks and removes
#   images ARGS...        wherry-images on that store
#   layer ENTRIES...      writes a layer of hostile_tar's entries, prints its file
#   image OUT NAME LAYER...   a docker-save tarball of such layers
#   load_layer ENTRIES... loads the image of one such layer (by load_hostile of images_hostile.bats)
#   rootfs NAME           mounts the image at $T/mnt; unmount ends that
#   nothing_left          no temporary file, no layer, no blob in the store
#   same_canary           the canary tree is what it was

: "${WHERRY_BIN:=$PWD/build/release/bin}"

images_build_tools() {
    gcc -O1 -D_GNU_SOURCE -Wno-format-overflow -o "$BATS_FILE_TMPDIR/hostile_tar" "$BATS_TEST_DIRNAME/hostile_tar.c"
}

images_setup() {
    T=$(mktemp -d /tmp/wherry-images.XXXXXX)
    ROOT=$T/store
    N=0
    mkdir "$T/canary" "$T/mnt" "$T/canary/sub"
    echo canary >"$T/canary/file"
    chmod 640 "$T/canary/file"
    touch -d @1000000000 "$T/canary/file" "$T/canary/sub" "$T/canary"
    CANARY=$(canary_state)
}

images_teardown() {
    local status=0
    unmount
    same_canary || status=1
    rm -rf "$T"
    return $status
}

canary_state() {
    find "$T/canary" -printf '%p %y %m %U:%G %n %T@ %s %l\n' | sort
    getfattr -R -d -m - "$T/canary" 2>/dev/null
    cat "$T/canary/file"
}

same_canary() {
    [ "$(canary_state)" = "$CANARY" ] || { echo "canary changed:"; diff <(echo "$CANARY") <(canary_state); return 1; }
}

images() { timeout 120 "$WHERRY_BIN/wherry-images" --root "$ROOT" "$@"; }

event() { # until the command succeeds, at most 10 s
    local i
    for i in {1..1000}; do "$@" 2>/dev/null && return 0; read -rt 0.01 <> <(:) || true; done
    echo "waited in vain: $*"
    return 1
}

status_of() { awk -v k="$2:" '$1 == k { print $2 }' "/proc/$1/status"; } # PID FIELD


layer() {
    N=$(($(find "$T" -maxdepth 1 -name 'layer*' | wc -l) + 1)) # often called in a subshell
    "$BATS_FILE_TMPDIR/hostile_tar" "$@" >"$T/layer$N.tar"
    echo "$T/layer$N.tar"
}

digest() { sha256sum "$1" | cut -d' ' -f1; }

# The config names the layers' content; a layer may be compressed (.gz, .zst).
image() { # OUT NAME LAYER...
    local out=$1 name=$2 l d ids= files= dir
    shift 2
    dir=$(mktemp -d "$T/image.XXXXXX")
    for l; do
        d=$(case $l in *.gz) zcat "$l" ;; *.zst) zstd -qdc --long=31 "$l" ;; *) cat "$l" ;; esac | sha256sum | cut -d' ' -f1)
        cp "$l" "$dir/$d.tar"
        ids="$ids${ids:+,}\"sha256:$d\""
        files="$files${files:+,}\"$d.tar\""
    done
    printf '{"architecture":"amd64","os":"linux","config":{"Cmd":["/x"]},"rootfs":{"type":"layers","diff_ids":[%s]}}' \
        "$ids" >"$dir/config.json"
    printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":[%s]}]' "$name" "$files" >"$dir/manifest.json"
    tar -C "$dir" -cf "$out" manifest.json config.json $([ $# = 0 ] || (cd "$dir" && ls ./*.tar))
    rm -rf "$dir"
}

# The image of one hostile layer, loaded: its error or its image line to $output, as `run` has it.
load_layer() { # ENTRIES...
    image "$T/image.tar" hostile:1 "$(layer "$@")"
    run load_hostile "$T/image.tar"
}

layers_of() { images inspect "$1" | jq -r '.image.layers[]'; }

rootfs() {
    unmount
    images mount "$1" "$T/mnt"
}

unmount() {
    ! mountpoint -q "$T/mnt" || images umount "$T/mnt"
}

nothing_left() {
    local left
    left=$(cd "$ROOT" && find tmp layers blobs/sha256 -mindepth 1)
    [ -z "$left" ] || { echo "left: $left"; return 1; }
}

refused() { # KIND TEXT
    [ "$status" = 1 ] || { echo "status $status: $output"; return 1; }
    jq -es --arg k "$1" --arg m "$2" 'last.error | .kind == $k and (.message | contains($m))' <<<"$output" >/dev/null ||
        { echo "expected $1 with \"$2\", got: $output"; return 1; }
    nothing_left
}

loaded() { [ "$status" = 0 ] || { echo "$output"; return 1; }; }

# Names, kinds, modes, owners, sizes, times, links, contents, attributes: what two trees are compared by.
tree() { # DIR [without times]
    (cd "$1" && find . -mindepth 1 \( -type d -printf '%p %y %m %U:%G %T@\n' -o -type l -printf '%p %y %U:%G %T@ %l\n' \
        -o -printf '%p %y %m %U:%G %n %T@ %s\n' \) | sed 's/\.0000000000//' | sort
        find . -type f -print0 | sort -z | xargs -0r sha256sum
        find . \( -type c -o -type b \) -exec stat -c '%n %t:%T' {} + | sort
        find . \( -type f -o -type d \) -print0 | sort -z | xargs -0r getfattr -h -d -m '^(user|security)' -- 2>/dev/null)
}
