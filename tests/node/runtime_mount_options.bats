#!/usr/bin/env bats
# What mounts[] of config.json may say beyond a plain bind or tmpfs: every option, id-mapped mounts, copies, links, remounts.

load runtime.bash

setup_file() { runtime_setup_file; }
setup() {
    runtime_setup
    ROOTFS=$T/fs
    make_rootfs "$ROOTFS"
}
teardown() { runtime_teardown; }

# mounts JSON SCRIPT: a container with these mounts besides the default ones, its rootfs writable.
mounts() {
    in_container ".mounts+=$1 | .root.readonly=false | ${3:-.}" "$2"
    [ "$status" = 0 ] || { echo "$output"; return 1; }
}

# refused MOUNTS TEXT [JQ]
refused() {
    bundle bad ".mounts+=$1 | ${3:-.}"
    run R create --bundle "$T/bad" bad </dev/null
    [ "$status" = 1 ] && [[ $output == *"$2"* ]] && ! R state bad 2>/dev/null || { echo "$output, not: $2"; return 1; }
}

# In the container: attributes of the mount at $1, as mountinfo has them: "nosuid,nodev - tmpfs sync".
shown='at() { while read -r l; do set -- $l "$1"; eval last=\${$#}; [ "$5" = "$last" ] && r="$6 ${l##* - }"; set -- "$last"; done </proc/self/mountinfo; echo "$r"; };'

@test "every option that features lists is taken; the attributes are there" {
    local o all=()
    mkdir "$T/src"
    for o in $(R features | jq -r '.mountOptions[]'); do
        case $o in
        bind | rbind | idmap | ridmap | copy-symlink | src-nofollow | remount) continue ;; # of binds, below
        esac
        all+=("{destination:\"/data/$o\",type:\"tmpfs\",source:\"t\",options:[\"$o\"]}")
    done
    [ ${#all[@]} -gt 50 ]
    mounts "[$(IFS=,; echo "${all[*]}")]" "$shown"' for o in ro nosuid nodev noexec noatime nodiratime nosymfollow strictatime rro rnosuid rnodev rnoexec rnoatime rnodiratime rnosymfollow sync dirsync lazytime; do echo $o: $(at /data/$o); done'
    for o in ro nosuid nodev noexec noatime nodiratime nosymfollow; do
        grep -qE "^$o: ([^ ]*,)?$o(,| )" <<<"$output"
        grep -qE "^r$o: ([^ ]*,)?$o(,| )" <<<"$output"
    done
    grep -qE "^strictatime: rw tmpfs" <<<"$output"
    for o in sync dirsync lazytime; do grep -qE "^$o: .* tmpfs .*\b$o\b" <<<"$output"; done
}

@test "options of a bind: recursive ones reach what is below, and their opposites; the last word wins" {
    unshare -m bash -ec '
        source '"$BATS_TEST_DIRNAME"'/runtime.bash
        T='"$T"' CG='"$CG"' ROOTFS='"$ROOTFS"'
        mkdir -p $T/a; mount -t tmpfs -o nosuid,nodev,noexec,noatime,ro none $T/a -o rw; mkdir $T/a/b; mount -t tmpfs -o nodev,noexec,nosuid below $T/a/b
        b() { echo "{destination:\"/data/$1\",type:\"bind\",source:\"$T/a\",options:[\"rbind\",$2]}"; }
        export SCRIPT='"'$shown"' for m in a a/b c c/b d d/b e e/b f; do echo $m: $(at /data/$m); done'"'"'
        run_in c ".mounts+=[$(b a "\"rro\",\"rnoatime\""),$(b c "\"ro\",\"sync\",\"lazytime\""),$(b d "\"rsuid\",\"rexec\",\"rdev\",\"rstrictatime\""),$(b e "\"rro\",\"rrw\",\"rnosymfollow\",\"rrelatime\""),{destination:\"/data/f\",type:\"bind\",source:\"$T/a\",options:[\"bind\",\"ro\",\"rw\"]}]|.root.readonly=false"' >"$T/out"
    cat "$T/out"
    grep -qE '^a: ro,nosuid,nodev,noexec,noatime ' "$T/out"
    grep -qE '^a/b: ro,nosuid,nodev,noexec,noatime ' "$T/out"
    grep -qE '^c: ro,' "$T/out" && grep -qE '^c/b: rw,' "$T/out"
    grep -qE '^d: rw tmpfs ' "$T/out" && grep -qE '^d/b: rw tmpfs' "$T/out"
    grep -qE '^e: rw,nosuid,nodev,noexec,relatime,nosymfollow ' "$T/out" && grep -qE '^e/b: rw,.*,nosymfollow ' "$T/out"
    grep -qE '^f: rw,' "$T/out"
}

@test "tmpcopyup: contents, modes, owners, links, times; a tmpfs has its folder's mode" {
    mkdir -p "$ROOTFS/data/up/sub/deep"
    echo file >"$ROOTFS/data/up/sub/deep/f"
    chown 1000:1001 "$ROOTFS/data/up/sub/deep/f"
    chmod 4755 "$ROOTFS/data/up/sub/deep/f"
    touch -d @1000000000 "$ROOTFS/data/up/sub/deep/f" "$ROOTFS/data/up/sub"
    setfattr -n user.x -v yes "$ROOTFS/data/up/sub/deep/f"
    ln -s /etc/shadow "$ROOTFS/data/up/link"
    mkfifo "$ROOTFS/data/up/fifo"
    chown 1000:1000 "$ROOTFS/data/up"
    chmod 2757 "$ROOTFS/data/up"
    chmod 711 "$ROOTFS/data"
    mkdir -p "$ROOTFS/srv"
    chmod 1701 "$ROOTFS/srv"
    mounts '[{destination:"/data/up",type:"tmpfs",source:"t",options:["tmpcopyup","size=1m"]},{destination:"/srv",type:"tmpfs",source:"t"},
             {destination:"/opt/new",type:"tmpfs",source:"t"},{destination:"/data/own",type:"tmpfs",source:"t",options:["mode=0700"]}]' '
        cd /data/up; cat sub/deep/f; stat -c "%a %u %g %Y" sub/deep/f; stat -c "%a %u %g" .; stat -c %Y sub; readlink link; stat -c %F fifo
        stat -c %a /srv /opt/new /data/own; rm link; touch new; grep " /data/up " /proc/self/mountinfo | wc -l'
    [ "$output" = "file
4755 1000 1001 1000000000
2757 1000 1000
1000000000
/etc/shadow
fifo
1701
1777
700
1" ]
    [ "$(cat "$ROOTFS/data/up/sub/deep/f")" = file ] && [ ! -e "$ROOTFS/data/up/new" ]
    # a size that does not hold it is an error, and a link out of the rootfs is only a link
    head -c 300000 /dev/zero >"$ROOTFS/data/up/big"
    refused '[{destination:"/data/up",type:"tmpfs",source:"t",options:["tmpcopyup","size=64k"]}]' 'tmpcopyup: big: copy: no space left'
    refused '[{destination:"/data/up",type:"proc",source:"t",options:["tmpcopyup"]}]' 'options: "tmpcopyup": for tmpfs only'
}

@test "links: copy-symlink, src-nofollow, dest-nofollow" {
    mkdir "$T/src"
    echo real >"$T/src/file"
    ln -s file "$T/src/link"
    echo under >"$ROOTFS/data/under"
    ln -s under "$ROOTFS/data/l"
    m() { echo "{destination:\"$1\",type:\"bind\",source:\"$T/src/$2\",options:[\"bind\",\"$3\"]}"; }
    mounts "[$(m /data/copy link copy-symlink),$(m /data/x/file file copy-symlink),$(m /data/follow link ro),$(m /data/nofollow link src-nofollow),$(m /data/l link dest-nofollow)]" '
        readlink /data/copy; cat /data/x/file; cat /data/follow; readlink /data/nofollow; cat /data/under; cat /data/l'
    [ "$output" = "file
real
real
file
under
real" ]
    [ "$(readlink "$ROOTFS/data/copy")" = file ]
    refused "[$(m /data/under link copy-symlink)]" 'something else than a link to file is there'
    refused "[{destination:\"/data/z\",type:\"tmpfs\",source:\"t\",options:[\"src-nofollow\"]}]" '"src-nofollow": for bind mounts only'
}

@test "remount: other attributes and options for what is mounted already" {
    mounts '[{destination:"/data",type:"tmpfs",source:"t",options:["size=1m"]},{destination:"/data",type:"tmpfs",source:"t",options:["remount","ro","nosuid","size=2m"]}]' \
        "$shown"'at /data; grep -c " /data " /proc/self/mountinfo'
    [[ ${lines[0]} == "ro,nosuid,"*"size=2048k"* ]]
    [ "${lines[1]}" = 1 ]
    refused '[{destination:"/data",type:"none",options:["remount","ro"]}]' '"remount": nothing is mounted there'
}

@test "any file system: overlay with more layers than an option of fsconfig holds, ramfs, a fuse subtype's name" {
    local i lower=
    for i in $(seq 12); do
        mkdir -p "$T/a-rather-long-name-for-a-layer-$i"
        echo "$i" >"$T/a-rather-long-name-for-a-layer-$i/f$i"
        lower=$lower:$T/a-rather-long-name-for-a-layer-$i
    done
    mkdir "$T/up" "$T/work"
    mounts "[{destination:\"/data/o\",type:\"overlay\",source:\"overlay\",options:[\"lowerdir=${lower#:}\",\"upperdir=$T/up\",\"workdir=$T/work\",\"nosuid\",\"noatime\"]},
        {destination:\"/data/r\",type:\"ramfs\",source:\"r\",options:[\"mode=711\",\"nodev\"]}]" "$shown"'ls /data/o | wc -l; touch /data/o/new; at /data/o; at /data/r; stat -c %a /data/r'
    [ "${lines[0]}" = 12 ] && [ -e "$T/up/new" ]
    [[ ${lines[1]} == "rw,nosuid,noatime overlay "* ]]
    [[ ${lines[2]} == "rw,nodev,relatime ramfs "* ]] && [ "${lines[3]}" = 711 ]
    refused '[{destination:"/data/x",type:"nosuchfs",source:"x"}]' 'mount nosuchfs at /data/x: file system type "nosuchfs": no such device'
    refused '[{destination:"/data/x",type:"tmpfs",source:"x",options:["odd=1"]}]' "odd"
    refused '[{destination:"/data/x",type:"fuse.sshfs",source:"x",options:["odd=1"]}]' "mount fuse.sshfs at /data/x"
}

idmapped() { # OPTIONS [MAPPINGS]
    echo "{destination:\"/data/i\",type:\"bind\",source:\"$T/src\",options:$1} ${2:-+ {uidMappings:[{containerID:0,hostID:1000,size:10\}],gidMappings:[{containerID:0,hostID:2000,size:10\},{containerID:100,hostID:300,size:5\}]\}}"
}

@test "id-mapped binds: own mappings of several ranges, recursive or not" {
    chmod 755 "$BATS_RUN_TMPDIR" "$T"
    mkdir "$T/src" && touch "$T/src/root" "$T/src/three" "$T/src/far" "$T/src/unmapped"
    chown 3:3 "$T/src/three"
    chown 9:104 "$T/src/far"
    chown 50:50 "$T/src/unmapped"
    mounts "[$(idmapped '["bind","idmap"]')]" 'cd /data/i; stat -c "%n %u %g" root three far unmapped'
    [ "$output" = "root 1000 2000
three 1003 2003
far 1009 304
unmapped 65534 65534" ]
    # written by the mapped user, owned by the one that it stands for
    mounts "[$(idmapped '["bind","idmap"]')]" 'touch /data/i/new' '.process.user={uid:1000,gid:2000}'
    [ "$(stat -c "%u %g" "$T/src/new")" = "0 0" ]
    unshare -m bash -ec '
        source '"$BATS_TEST_DIRNAME"'/runtime.bash
        T='"$T"' CG='"$CG"' ROOTFS='"$ROOTFS"'
        mkdir $T/src/sub; mount -t tmpfs t $T/src/sub; touch $T/src/sub/f
        '"$(declare -f idmapped)"'
        export SCRIPT="stat -c \"%u %g\" /data/i/root /data/i/sub/f"
        for o in idmap ridmap; do run_in c ".mounts+=[$(idmapped "[\"rbind\",\"$o\"]")]|.root.readonly=false"; done' >"$T/out"
    [ "$(tr '\n' , <"$T/out")" = "1000 2000,0 0,1000 2000,1000 2000," ]
}

@test "id-mapped binds: of the container's user namespace, made or joined; crun's notation; what is refused" {
    chmod 755 "$BATS_RUN_TMPDIR" "$T"
    mkdir "$T/src" && touch "$T/src/root" "$T/src/three"
    chown 3:3 "$T/src/three"
    local u='.linux.namespaces+=[{type:"user"}] | .linux.uidMappings=[{containerID:0,hostID:100000,size:65536}] | .linux.gidMappings=[{containerID:0,hostID:200000,size:1000},{containerID:1000,hostID:300000,size:1000}]'
    local s='stat -c "%u %g" /data/i/root /data/i/three; touch /data/i/new'
    mkdir "$ROOTFS/data/i"
    # seen inside as on the disk: the two maps undo each other
    mounts "[$(idmapped '["bind","idmap"]' ' ')]" "$s" "$u"
    [ "$output" = "0 0
3 3" ]
    [ "$(stat -c "%u %g" "$T/src/new")" = "0 0" ]
    bundle d "$sleeper | $u"
    R run --detach --bundle "$T/d" d
    local p
    p=$(pid_of d)
    mounts "[$(idmapped '["bind","idmap"]' ' ')]" "$s" "del(.hostname) | .linux.namespaces+=[{type:\"user\",path:\"/proc/$p/ns/user\"}]"
    [ "$output" = "0 0
3 3" ]
    mounts "[$(idmapped '["bind","idmap=uids=0-1000-2#3-77-1;gids=0-10-1#3-@","rw"]' ' ')]" : 2>/dev/null && return 1
    [[ $output == *'a range must be FROM-TO-SIZE'* ]]
    mounts "[$(idmapped '["bind","idmap=uids=0-1000-2#3-77-1;gids=0-10-1#3-11-1"]' ' ')]" 'stat -c "%u %g" /data/i/root /data/i/three'
    [ "$output" = "1000 10
77 11" ]
    mounts "[$(idmapped '["bind","idmap=uids=@0-5-4;gids=@0-1001-4"]' ' ')]" 'stat -c "%u %g" /data/i/root /data/i/three' "$u"
    [ "$output" = "5 1001
8 1004" ]
    refused "[$(idmapped '["bind","idmap"]' ' ')]" 'options: "idmap": needs uidMappings and gidMappings'
    refused "[$(idmapped '["bind"]' '+{uidMappings:[{containerID:0,hostID:1,size:1}]}')]" 'gidMappings: absent: id-mapped mounts must have both'
    refused "[$(idmapped '["bind","idmap"]' '+{uidMappings:[{containerID:0,hostID:1,size:5},{containerID:4,hostID:10,size:5}],gidMappings:[{containerID:0,hostID:1,size:1}]}')]" 'uidMappings[1]: overlaps the range of [0]'
    refused '[{destination:"/data/i",type:"tmpfs",source:"t",options:["idmap"],uidMappings:[{containerID:0,hostID:1,size:1}],gidMappings:[{containerID:0,hostID:1,size:1}]}]' 'id-mapped mounts are only supported for bind-mounts'
    refused '[{destination:"/data/i",type:"bind",source:"/proc",options:["bind","idmap"],uidMappings:[{containerID:0,hostID:1,size:1}],gidMappings:[{containerID:0,hostID:1,size:1}]}]' 'does its file system support id-mapped mounts'
    ! pgrep -P $$ -x wherry-runtime
}
