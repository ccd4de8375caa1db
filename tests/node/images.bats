#!/usr/bin/env bats
# Benign images: what skopeo and umoci make is loaded and unpacked as umoci unpacks it; names, pins, rm, gc;
# crashes, parallel commands, a full and a read-only disk.

load images.bash

setup_file() {
    images_build_tools
}

setup() {
    images_setup
}

teardown() {
    images_teardown
}

# An image of three layers with everything a layer can have, made by umoci from folders; $T/oci, tag "t".
umoci_image() {
    umoci init --layout "$T/oci"
    umoci new --image "$T/oci:t"
    local d=$T/bundle
    umoci unpack --image "$T/oci:t" "$d"
    mkdir -p "$d/rootfs/"{usr/bin,etc/conf.d,var/cache/deep,tmp,empty,home/user}
    ln -s usr/bin "$d/rootfs/bin"
    chmod 1777 "$d/rootfs/tmp"
    for i in 1 2 3; do echo "file $i" >"$d/rootfs/etc/conf.d/$i"; echo "c$i" >"$d/rootfs/var/cache/deep/$i"; done
    cp /bin/busybox "$d/rootfs/usr/bin/busybox"
    chmod 4755 "$d/rootfs/usr/bin/busybox"
    ln "$d/rootfs/usr/bin/busybox" "$d/rootfs/usr/bin/hard"
    ln -s busybox "$d/rootfs/usr/bin/sh"
    mknod "$d/rootfs/null" c 1 3
    mkfifo "$d/rootfs/fifo"
    chown -R 1000:1000 "$d/rootfs/home/user"
    setfattr -n user.note -v hello "$d/rootfs/etc/conf.d/1"
    setcap cap_net_raw+ep "$d/rootfs/usr/bin/hard" 2>/dev/null || true
    truncate -s 1M "$d/rootfs/sparse"
    touch -d @1111111111 "$d/rootfs/etc/conf.d"/* "$d/rootfs/etc/conf.d" "$d/rootfs/etc"
    umoci repack --refresh-bundle --image "$T/oci:t" "$d"
    rm "$d/rootfs/etc/conf.d/2" "$d/rootfs/fifo"
    rm -r "$d/rootfs/var/cache/deep" "$d/rootfs/empty"
    mkdir "$d/rootfs/var/cache/deep"
    echo new >"$d/rootfs/var/cache/deep/new"
    echo changed >"$d/rootfs/etc/conf.d/3"
    umoci repack --refresh-bundle --image "$T/oci:t" "$d"
    rm -r "$d/rootfs/home"
    echo file >"$d/rootfs/home" # a file where a folder was
    rm "$d/rootfs/bin"
    mkdir "$d/rootfs/bin" # a folder where a symlink was
    echo x >"$d/rootfs/bin/x"
    umoci repack --refresh-bundle --image "$T/oci:t" "$d"
    rm -rf "$d"
    umoci unpack --image "$T/oci:t" "$d"
}

same_as_umoci() { # NAME
    rootfs "$1"
    diff <(tree "$T/bundle/rootfs") <(tree "$T/mnt")
}

@test "an image of three layers looks as umoci unpacks it, from every kind of tarball" {
    umoci_image
    name=docker.io/library/three:1
    cp="skopeo --insecure-policy copy -q"
    $cp "oci:$T/oci:t" "oci-archive:$T/oci.tar:three:1"
    $cp "oci:$T/oci:t" "docker-archive:$T/docker.tar:three:1"
    $cp --dest-compress-format zstd --dest-compress "oci:$T/oci:t" "oci:$T/zstd:three:1"
    tar -C "$T/zstd" -cf "$T/zstd.tar" .
    gzip -k "$T/docker.tar"
    zstd -qk "$T/oci.tar"
    for f in oci.tar docker.tar zstd.tar docker.tar.gz oci.tar.zst; do
        ROOT=$T/store-$f
        run images load "$T/$f"
        loaded
        [ "$(jq -r 'select(.image).image.refs[0]' <<<"$output")" = $name ]
        same_as_umoci three:1
        images load - <"$T/$f" >/dev/null # again, from a pipe: nothing to do
        [ "$(images list | wc -l)" = 1 ]
        unmount
    done
}

@test "an opaque folder, an opaque root and whiteouts hide what is below and nothing else" {
    image "$T/image.tar" o:1 \
        "$(layer d:a:750 f:a/old:644:1 d:a/sub:755 f:a/sub/old:644:1 f:keep:644:1 f:gone:644:1 d:dir:700 f:dir/old:644:1)" \
        "$(layer f:a/new:644:2 f:a/.wh..wh..opq:644: f:.wh.gone:644: f:dir/new:644:2 f:dir/.wh.absent:644:)" \
        "$(layer f:a/third:644:3)"
    run images load "$T/image.tar"
    loaded
    rootfs o:1
    [ "$(cd "$T/mnt" && find . | sort | tr '\n' ' ')" = ". ./a ./a/new ./a/third ./dir ./dir/new ./dir/old ./keep " ]
    [ "$(stat -c %a "$T/mnt/a") $(stat -c %a "$T/mnt/dir")" = "750 700" ] # of the layer that has them
    image "$T/image2.tar" o:2 "$(layer f:a:644:1 d:d:755 f:d/x:644:1 d:e:755 f:e/x:644:1)" \
        "$(layer f:.wh..wh..opq:644: f:b:644:2 d:d:711 f:d/y:644:2)"
    run images load "$T/image2.tar"
    loaded
    rootfs o:2
    [ "$(cd "$T/mnt" && find . | sort | tr '\n' ' ')" = ". ./b ./d ./d/y " ]
}

@test "twenty layers that add and delete in turn" {
    local args=() i
    for i in {1..10}; do
        args+=("$(layer d:d:755 "f:d/f:644:$i" "f:d/keep$i:644:x")" "$(layer f:d/.wh.f:644: "f:d/.wh.keep$i:644:")")
    done
    image "$T/image.tar" many:1 "${args[@]}" "$(layer f:d/last:644:x)"
    run images load "$T/image.tar"
    loaded
    rootfs many:1
    [ "$(ls -A "$T/mnt/d")" = last ]
}

@test "a hard link to a file of a layer below is copied up" {
    image "$T/image.tar" h:1 "$(layer d:d:755 o:5:6 t:77 x:user.a=b f:d/f:4711:text)" "$(layer h:d/g:d/f)"
    run images load "$T/image.tar"
    loaded
    rootfs h:1
    [ "$(stat -c '%h %a %u:%g %Y' "$T/mnt/d/f" "$T/mnt/d/g" | uniq)" = "2 4711 5:6 77" ]
    [ "$(cat "$T/mnt/d/g")" = text ]
    [ "$(getfattr --only-values -n user.a "$T/mnt/d/g")" = b ]
}

@test "several images in one tarball, sharing layers; names move" {
    l1=$(layer f:a:644:1) l2=$(layer f:b:644:2) l3=$(layer f:c:644:3)
    mkdir "$T/i"
    c() { printf '{"os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%s","sha256:%s"]}}' "$(digest "$1")" "$(digest "$2")"; }
    c "$l1" "$l2" >"$T/i/1.json"
    c "$l1" "$l3" >"$T/i/2.json"
    cp "$l1" "$T/i/l1.tar"; cp "$l2" "$T/i/l2.tar"; cp "$l3" "$T/i/l3.tar"
    echo '[{"Config":"1.json","RepoTags":["x:1","y:1"],"Layers":["l1.tar","l2.tar"]},
           {"Config":"2.json","RepoTags":["z:1"],"Layers":["l1.tar","l3.tar"]}]' >"$T/i/manifest.json"
    tar -C "$T/i" -cf "$T/image.tar" .
    run images load "$T/image.tar"
    loaded
    [ "$(images list | jq -r '.image.refs | join(" ")' | sort | tr '\n' ',')" = "docker.io/library/x:1 docker.io/library/y:1,docker.io/library/z:1," ]
    [ "$(ls -d "$ROOT"/layers/*[0-9a-f] | grep -vc json)" = 3 ]
    # z:1 is given to the first image: the second has no name left and goes with gc
    echo '[{"Config":"1.json","RepoTags":["z:1"],"Layers":["l1.tar","l2.tar"]}]' >"$T/i/manifest.json"
    tar -C "$T/i" -cf "$T/image.tar" .
    images load "$T/image.tar" >/dev/null
    run images gc --keep-days 1
    [ "$status" = 0 ] && [ -z "$output" ]
    run images gc
    [ "$(jq -r 'select(.removed).removed.kind' <<<"$output" | sort | uniq -c | xargs)" = "2 blob 1 image 1 layer" ]
    run images rm x:1
    [ "$(jq -r .removed.kind <<<"$output")" = ref ]
    id=$(images inspect y:1 | jq -r .image.id)
    run images rm "${id:7:12}"
    [ "$status" = 0 ]
    nothing_left
}

@test "a pinned image stays, whatever is asked" {
    image "$T/image.tar" p:1 "$(layer f:a:644:1)"
    images load "$T/image.tar" >/dev/null
    id=$(images inspect p:1 | jq -r .image.id)
    printf %s "$id" >"$ROOT/pins/container-1"
    for name in p:1 "$id"; do
        run images rm "$name"
        [ "$status" = 1 ] && [[ $output == *'"kind":"conflict"'*container-1* ]]
    done
    run images gc
    [ "$status" = 0 ] && [ -z "$output" ]
    images inspect p:1
    rm "$ROOT/pins/container-1"
    images rm p:1
    nothing_left
}

@test "what a killed command left goes with the next; what a living one has stays" {
    "$BATS_FILE_TMPDIR/hostile_tar" z:big:300000000 >"$T/big.tar"
    mkfifo "$T/slow"
    (exec timeout 120 "$WHERRY_BIN/wherry-images" --root "$ROOT" load "$T/slow" >"$T/out" 2>&1) &
    exec 9>"$T/slow"
    head -c 10000000 "$T/big.tar" >&9
    until [ -n "$(find "$ROOT/tmp" -name 0 -size +1000k 2>/dev/null)" ]; do read -rt 0.02 <> <(:) || true; done
    job=$(ls "$ROOT/tmp")
    images gc
    [ "$(ls "$ROOT/tmp")" = "$job" ] # it lives
    kill -9 "${job%%-*}"
    exec 9>&-
    wait
    [ -d "$ROOT/tmp/$job" ]
    images gc
    nothing_left
}

@test "Ctrl-C leaves nothing; the process that reads the tarball has no way out" {
    "$BATS_FILE_TMPDIR/hostile_tar" z:big:30000000 >"$T/big.tar"
    mkfifo "$T/slow"
    (trap - INT TERM; exec "$WHERRY_BIN/wherry-images" --root "$ROOT" load "$T/slow" >"$T/out" 2>&1) &
    boss=$!
    exec 9>"$T/slow"
    head -c 10000000 "$T/big.tar" >&9
    event sh -c "find '$ROOT/tmp' -name 0 -size +1000k | grep -q ."
    child=$(cat "/proc/$boss/task/$boss/children")
    child=${child% }
    [ "$(status_of "$child" Seccomp) $(status_of "$child" NoNewPrivs)" = "2 1" ] || [[ $WHERRY_BIN == */asan/* ]]
    [ "$(readlink "/proc/$child/fd/1")" = /dev/null ]
    kill -TERM "$boss"
    wait "$boss" || true
    exec 9>&-
    [[ $(cat "$T/out") == *"interrupted by signal 15"* ]]
    [ ! -d "/proc/$child" ]
    nothing_left
}

@test "an unpacker killed in the middle of a layer is an error, and the next load succeeds" {
    image "$T/image.tar" big:1 "$(layer z:big:400000000)"
    (exec "$WHERRY_BIN/wherry-images" --root "$ROOT" load "$T/image.tar" >"$T/out" 2>&1) &
    boss=$!
    event sh -c "find '$ROOT/tmp' -path '*/layers/*' -name big -size +100k | grep -q ."
    child=$(cat "/proc/$boss/task/$boss/children")
    kill -9 $child
    ! wait "$boss"
    [[ $(tail -1 "$T/out") == *"died of signal 9"* ]]
    nothing_left
    run images load "$T/image.tar"
    loaded
}

@test "the same image loaded by four commands at once" {
    umoci_image
    skopeo --insecure-policy copy -q "oci:$T/oci:t" "docker-archive:$T/docker.tar:three:1"
    for i in 1 2 3 4; do images load "$T/docker.tar" >"$T/out$i" & done
    wait
    for i in 1 2 3 4; do [ "$(tail -1 "$T/out$i" | jq -r .image.refs[0])" = docker.io/library/three:1 ]; done
    [ -z "$(ls -A "$ROOT/tmp")" ]
    same_as_umoci three:1
    unmount
    images rm three:1
    nothing_left
}

@test "a full disk is an error that says so, and leaves room as it was" {
    mkdir "$ROOT"
    mount -t tmpfs -o size=4m none "$ROOT"
    image "$T/image.tar" big:1 "$(layer z:big:20000000)"
    run images load "$T/image.tar"
    umounted() { umount "$ROOT"; }
    [ "$status" = 1 ] || { umounted; false; }
    used=$(df --output=used "$ROOT" | tail -1)
    umounted
    [[ $output == *'"kind":"limit"'*"no space left"* ]]
    [ "$used" -lt 100 ]
}

@test "a read-only store is an error that names it" {
    mkdir "$ROOT"
    mount -t tmpfs -o ro none "$ROOT"
    image "$T/image.tar" big:1 "$(layer f:a:644:1)"
    run images load "$T/image.tar"
    umount "$ROOT"
    [ "$status" = 1 ] && [[ $output == *"$ROOT"*"read-only"* ]]
}

@test "a blob or layer damaged on disk is found, and a new load repairs the image" {
    image "$T/image.tar" d:1 "$(layer f:a:644:1)"
    images load "$T/image.tar" >/dev/null
    id=$(images inspect d:1 | jq -r .image.id)
    echo damage >>"$ROOT/blobs/sha256/${id#*:}"
    run images inspect d:1
    [ "$status" = 1 ] && [[ $output == *corrupt* ]]
    images load "$T/image.tar" >/dev/null
    rm -r "$(layers_of d:1)"
    run images inspect d:1
    [ "$status" = 1 ] && [[ $output == *"is missing"* ]]
    images load "$T/image.tar" >/dev/null
    images inspect d:1
}

@test "the example's image is the same each time, loads in both formats, and its busybox runs" {
    for f in docker oci; do
        examples/make-busybox-image --format $f "$T/$f.tar" busybox:1.35 other:1
        examples/make-busybox-image --format $f "$T/$f.2.tar" busybox:1.35 other:1
        cmp "$T/$f.tar" "$T/$f.2.tar"
        ROOT=$T/store-$f
        run images load "$T/$f.tar"
        loaded
        images inspect other:1
        rootfs busybox:1.35
        [ "$(chroot "$T/mnt" /bin/sh -c 'echo $((6 * 7)); exit 3')" = 42 ] || [ $? = 3 ]
        unmount
    done
}

@test "the command line: usage is 2, unknown is said, help is 0" {
    run images load
    [ "$status" = 2 ]
    run images nonsense
    [ "$status" = 2 ] && [[ $output == *"no such command"* ]]
    run "$WHERRY_BIN/wherry-images" list
    [ "$status" = 2 ] && [[ $output == *"--root"* ]]
    run images pull --help
    [ "$status" = 0 ]
    image "$T/image.tar" a:1 "$(layer f:a:644:1)"
    images load "$T/image.tar" >/dev/null
    run images inspect 'UPPER case'
    [ "$status" = 1 ] && [[ $output == *'"kind":"invalid"'* ]]
}
