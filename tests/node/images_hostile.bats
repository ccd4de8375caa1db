#!/usr/bin/env bats
# Layers made to get out, to hide, or to fill: each is refused or stays inside, the canary tree beside the store
# is what it was, and nothing is left behind.

load images.bash

setup_file() {
    images_build_tools
}

setup() {
    images_setup
}

# Reading what is hostile: in a mount namespace of its own.
load_hostile() {
    timeout 120 unshare -m --propagation private "$WHERRY_BIN/wherry-images" --root "$ROOT" load "$@"
}

teardown() {
    images_teardown
}

@test "names with .. are refused" {
    for name in ../x a/../../x ./../x a/./..//../x x/.. ..; do
        load_layer d:a:755 "f:$name:644:bad"
        refused invalid "a name with .."
    done
    load_layer d:a:755 'h:a/l:../../canary/file'
    refused invalid "a name with .."
}

@test "absolute names stay inside" {
    load_layer "f:/$T/canary/file:644:bad" f:///etc/passwd:644:root
    loaded
    rootfs hostile:1
    [ "$(cat "$T/mnt/etc/passwd")" = root ]
    [ "$(cat "$T/mnt/$T/canary/file")" = bad ]
}

@test "names too long are refused, names of odd bytes are kept" {
    load_layer long:4097
    refused invalid "a name of 4097 bytes"
    load_layer "f:$(printf 'a%.0s' {1..256}):644:x"
    refused invalid "a part of 256 bytes"
    load_layer 'f:odd\xff\xfe:644:x' "$(printf 'f:new\nline:644:x')" f:sp\ ace:644:x
    loaded
    rootfs hostile:1
    [ -f "$T/mnt/$(printf 'odd\xff\xfe')" ]
    [ -f "$T/mnt/$(printf 'new\nline')" ]
    [ -f "$T/mnt/sp ace" ]
}

@test "a symlink is replaced, never written through" {
    load_layer "l:a:$T/canary/file" t:1 o:7:7 f:a:4777:bad
    loaded
    rootfs hostile:1
    [ "$(stat -c '%F %a %u' "$T/mnt/a")" = "regular file 4777 7" ]
}

@test "a folder, device and FIFO replace a symlink of their name" {
    load_layer "l:d:$T/canary" d:d:777 f:d/x:644:in "l:c:$T/canary/file" c:c:1:3 "l:p:$T/canary/file" p:p
    loaded
    rootfs hostile:1
    [ -d "$T/mnt/d" ] && [ ! -L "$T/mnt/d" ] && [ -f "$T/mnt/d/x" ] && [ -c "$T/mnt/c" ] && [ -p "$T/mnt/p" ]
}

@test "attributes, owners and times do not follow a symlink" {
    load_layer "l:a:$T/canary/file" t:5 o:9:9 x:user.bad=1 "l:a:$T/canary/file" x:user.bad=1 f:a:777:x
    loaded
}

@test "entries below a symlink land where the image shows them, inside" {
    load_layer "l:out:$T/canary" f:out/sub/new:644:bad l:up:../../../../../.. f:up/tmp/x:644:bad l:loop:loop2 l:loop2:loop
    loaded
    rootfs hostile:1
    [ -f "$T/mnt/$T/canary/sub/new" ] && [ -f "$T/mnt/tmp/x" ]
    load_layer l:loop:loop2 l:loop2:loop f:loop/x:644:bad
    [ "$status" = 1 ] && [[ $output == *"symlinks on the way"* ]]
}

@test "a later layer does not write through an earlier layer's symlink" {
    image "$T/image.tar" hostile:1 "$(layer "l:out:$T/canary" l:bin:usr/bin d:usr:755 d:usr/bin:755)" \
        "$(layer f:out/file:644:bad f:bin/tool:755:x)"
    run load_hostile "$T/image.tar"
    loaded
    rootfs hostile:1
    [ -f "$T/mnt/usr/bin/tool" ] && [ -L "$T/mnt/bin" ] && [ "$(cat "$T/mnt/$T/canary/file")" = bad ]
}

@test "the root stays a folder" {
    for e in "l:.:$T/canary" "l:./:$T/canary" f:.:644:x "h:.:$T/canary" c:.:1:3 "l:/:$T/canary"; do
        load_layer "$e" f:file:644:bad
        [ "$status" = 1 ]
        [[ $output == *"root is not a folder"* ]]
        nothing_left
    done
}

@test "hard links lead to entries of the image only" {
    load_layer "h:a:$T/canary/file" f:a:644:bad
    refused invalid "which is not there"
    load_layer "l:s:$T/canary/file" h:a:s f:a:644:bad # a link to the symlink itself, which the file replaces
    loaded
    unmount
    images rm hostile:1 >/dev/null
    load_layer "l:dir:$T/canary" h:a:dir/file f:a:644:bad
    refused invalid "which is not there"
    load_layer d:d:755 h:a:d
    refused invalid "hard link to the folder"
    load_layer h:a:b f:b:644:x
    refused invalid "which is not there"
    load_layer c:dev:1:3 h:a:dev f:a:644:bad
    loaded
}

@test "overlayfs' own marks are not taken from a layer" {
    load_layer c:white:0:0
    refused invalid "0:0"
    load_layer x:trusted.overlay.opaque=y x:trusted.overlay.redirect=/etc x:user.overlay.opaque=y x:user.fine=1 d:d:755 \
        x:trusted.overlay.metacopy= x:security.selinux=x x:user.overlay.redirect=/etc f:f:644:x
    loaded
    l=$(layers_of hostile:1)
    [ "$(getfattr -d -m - "$l/d" 2>/dev/null | grep -c =)" = 1 ] && getfattr -n user.fine "$l/d"
    [ -z "$(getfattr -d -m - "$l/f" 2>/dev/null)" ]
}

@test "whiteouts of no name, and entries below one, are refused" {
    for name in .wh. .wh... .wh.. d/.wh. ; do
        load_layer d:d:755 "f:$name:644:"
        refused invalid "whiteout of no name"
    done
    load_layer f:.wh.d/x:644:bad
    refused invalid "below a whiteout"
    load_layer d:.wh..wh.plnk:700 f:.wh..wh.plnk/1.2:644:x f:.wh..wh.aufs:644: f:fine:644:x
    loaded
    rootfs hostile:1
    [ "$(ls -A "$T/mnt")" = fine ]
}

@test "whiteouts cannot be made a link's target, nor used as a way" {
    image "$T/image.tar" hostile:1 "$(layer f:a:644:one d:d:755 f:d/old:644:one)" "$(layer f:.wh.a:644: h:b:a)"
    run load_hostile "$T/image.tar"
    [ "$status" = 1 ]
    [[ $output == *"which is not there"* ]]
    image "$T/image.tar" hostile:1 "$(layer f:a:644:one d:d:755 f:d/old:644:one)" "$(layer f:.wh.d:644: f:d/new:644:two)"
    run load_hostile "$T/image.tar"
    loaded
    rootfs hostile:1
    [ "$(ls "$T/mnt/d")" = new ]
}

@test "owners beyond 32 bits are refused" {
    load_layer pax:uid=4294967296 f:a:644:x
    refused invalid "owner 4294967296"
    load_layer pax:gid=4294967295 f:a:644:x
    refused invalid "group 4294967295"
}

@test "a layer of more bytes or entries than allowed is refused, and nothing of it is left" {
    image "$T/image.tar" hostile:1 "$(layer z:big:3000000)"
    run load_hostile --max-layer-bytes 1000000 "$T/image.tar"
    refused limit "more than 1000000 bytes"
    image "$T/image.tar" hostile:1 "$(layer n:x:2000)"
    run load_hostile --max-entries 1000 "$T/image.tar"
    refused limit "more than 1000 entries"
}

@test "a zstd frame with a huge window is refused" {
    layer z:big:300000000 >"$T/name"
    l=$(cat "$T/name")
    zstd -q --ultra --long=28 --no-content-size -c <"$l" >"$l.zst" # from a pipe: the window is as large as asked for
    rm "$l"
    image "$T/image.tar" hostile:1 "$l.zst"
    run load_hostile "$T/image.tar"
    refused invalid "zstd: "
}

@test "sparse maps, odd sizes and bad headers end in an error, with bounded memory" {
    for bad in size:-1 'size:\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff' 'size:\x80\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff' \
        size:77777777777 pax:size=8589934592 pax:size=-5 badsum; do
        load_layer "$bad" f:a:644:x
        [ "$status" = 1 ] || { echo "$bad: $output"; false; }
        nothing_left
    done
    image "$T/image.tar" hostile:1 "$(layer sparse:1000000)"
    run env time -f '%M' timeout 100 "$WHERRY_BIN/wherry-images" --root "$ROOT" load "$T/image.tar"
    [ "${lines[-1]}" -lt 300000 ] || { echo "$output"; false; }
    nothing_left || [ "$status" = 0 ]
}

@test "a tarball cut off anywhere is an error" {
    l=$(layer d:d:755 f:d/a:644:hello x:user.a=b f:d/b:644:world)
    size=$(stat -c %s "$l")
    for ((cut = 100; cut < size - 1024; cut += 512)); do
        head -c "$cut" "$l" >"$T/cut.tar"
        image "$T/image.tar" hostile:1 "$T/cut.tar"
        run load_hostile "$T/image.tar"
        [ "$status" = 1 ] || { echo "$cut: $output"; false; }
        nothing_left
    done
}

@test "very deep folders and very many names end in bounded time" {
    load_layer deep:2040 f:$(printf 'd/%.0s' {1..2040})x:644:x
    loaded
    unmount
    images rm hostile:1 >/dev/null
    nothing_left
    image "$T/image.tar" hostile:1 "$(layer d:d:755 n:d/x:20000)" "$(layer n:d/.wh.x:20000)"
    run load_hostile "$T/image.tar"
    loaded
    rootfs hostile:1
    [ -z "$(ls "$T/mnt/d")" ]
}

@test "a gzip stream that is cut, corrupt or followed by something else is an error" {
    l=$(layer f:a:644:hello)
    gzip "$l"
    cp "$l.gz" "$T/good.gz"
    d=$(zcat "$T/good.gz" | sha256sum | cut -d' ' -f1)
    size=$(stat -c %s "$T/good.gz")
    for how in cut corrupt trailing; do
        case $how in
        cut) head -c $((size - 5)) "$T/good.gz" ;;
        corrupt) head -c $((size - 8)) "$T/good.gz"; printf '\1\2\3\4'; tail -c 4 "$T/good.gz" ;;
        trailing) cat "$T/good.gz"; echo garbage ;;
        esac >"$T/bad.gz"
        mkdir -p "$T/i"
        cp "$T/bad.gz" "$T/i/l.tar"
        printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$d" >"$T/i/c.json"
        echo '[{"Config":"c.json","RepoTags":["hostile:1"],"Layers":["l.tar"]}]' >"$T/i/manifest.json"
        tar -C "$T/i" -cf "$T/image.tar" .
        run load_hostile "$T/image.tar"
        refused invalid "gzip: "
    done
}

@test "documents: wrong diff_id, missing parts, ambiguous, deep, huge" {
    l=$(layer f:a:644:x)
    mkdir "$T/i"
    cp "$l" "$T/i/l.tar"
    z=$(printf '0%.0s' {1..64})
    try() { # CONFIG MANIFEST KIND TEXT
        printf '%s' "$1" >"$T/i/c.json"
        printf '%s' "$2" >"$T/i/manifest.json"
        tar -C "$T/i" -cf "$T/image.tar" .
        run load_hostile "$T/image.tar"
        refused "$3" "$4"
    }
    m='[{"Config":"c.json","RepoTags":["a:1"],"Layers":["l.tar"]}]'
    c='{"rootfs":{"type":"layers","diff_ids":["sha256:'$(digest "$l")'"]}}'
    try '{"rootfs":{"type":"layers","diff_ids":["sha256:'$z'"]}}' "$m" invalid "expects sha256:$z"
    try '{"rootfs":{"type":"layers","diff_ids":[]}}' "$m" invalid "1 layers, but the config has 0 diff_ids"
    try '{"rootfs":{"type":"layers","diff_ids":["sha256:XYZ"]}}' "$m" invalid "digest sha256:XYZ"
    try '{"rootfs":{"type":"layers","diff_ids":["md5:abc"]}}' "$m" invalid "digest md5:abc"
    try '{}' "$m" invalid "no rootfs"
    try 'nonsense' "$m" invalid "1:"
    try "$c" '[]' invalid "not an array of images"
    try "$c" '[{"Config":"gone.json","Layers":[]}]' invalid "gone.json"
    try "$c" '[{"Config":"c.json","RepoTags":["UPPER:1"],"Layers":["l.tar"]}]' invalid "UPPER"
    try "$c" '[{"Config":"c.json","RepoTags":["a:1"],"Layers":["../l.tar"]}]' invalid "not in the tarball"
    try "$c" "$(printf '[%.0s' {1..100})" limit ""
    try "$(head -c 5000000 /dev/zero | tr '\0' ' ')" "$m" limit ""
}

@test "an index that is also a manifest is refused" {
    mkdir -p "$T/i/blobs/sha256"
    l=$(layer f:a:644:x)
    printf '{"schemaVersion":2,"layers":[],"manifests":[]}' >"$T/i/index.json"
    tar -C "$T/i" -cf "$T/image.tar" .
    run load_hostile "$T/image.tar"
    refused invalid "ambiguous"
}

@test "a blob that is not what its name says is refused" {
    mkdir -p "$T/i/blobs/sha256"
    echo other >"$T/i/blobs/sha256/$(printf '0%.0s' {1..64})"
    echo '{"schemaVersion":2,"manifests":[]}' >"$T/i/index.json"
    tar -C "$T/i" -cf "$T/image.tar" .
    run load_hostile "$T/image.tar"
    refused invalid "its digest is sha256:"
}

@test "what is no image is refused" {
    echo hello >"$T/image.tar"
    run load_hostile "$T/image.tar"
    refused invalid ""
    : >"$T/image.tar"
    run load_hostile "$T/image.tar"
    refused invalid "not an image"
    run load_hostile "$T/nothing"
    [ "$status" = 1 ] && [[ $output == *'"kind":"not found"'* ]]
    run load_hostile "$T"
    [ "$status" = 1 ] && [[ $output == *"a folder"* ]]
}

@test "control: the same layer does get out of an unpacker without these walls" {
    "$BATS_FILE_TMPDIR/hostile_tar" "l:out:$T/canary" f:out/file:644:bad >"$T/red.tar"
    mkdir "$T/red"
    (cd "$T/red" && cpio -idu --quiet -H ustar <"$T/red.tar")
    run same_canary
    [ "$status" = 1 ] && [ "$(cat "$T/canary/file")" = bad ]
    CANARY=$(canary_state)
}
