# What a test leaves behind on its host, for any bats file:
#
#     load leak.bash                                    # or: source it from elsewhere
#     setup()    { leak_before "$T.leak" "$CGROUP|$T"; }  # a folder for notes; an extended regex that knows what is ours
#     teardown() { ...; leak_check "$T.leak"; }         # fails, and prints a diff, where anything differs
#
# Taken, where the regex matches: mounts, processes (command line or cgroup), cgroup folders of all hierarchies, unix
# sockets; and whole: links, addresses, routes and the nft ruleset of this network namespace and of those that the matching
# processes live in. With LEAK_ALL=1 the regex is "." and every process's network namespace is looked into: for a host on
# which nothing else happens meanwhile.
#
# Ends of processes are asynchronous: leak_check looks again, for up to $LEAK_WAIT (5) seconds, before it complains.

leak_pids() { # REGEX: pid, cgroup of memory or the only one, command line
    local p line cgroup
    for p in /proc/[0-9]*; do
        p=${p#/proc/}
        [ "$p" != "$$" ] && [ "$p" != "$BASHPID" ] || continue
        line=$(tr '\0' ' ' <"/proc/$p/cmdline") 2>/dev/null || continue
        cgroup=$(grep -E '^[0-9]+:memory:|^0::' "/proc/$p/cgroup" 2>/dev/null | head -n 1)
        case $line in *bats-*) continue ;; esac # the tests themselves
        ! grep -qE -- "$1" <<<"$cgroup $line" || echo "$p ${cgroup##*:} $line"
    done 2>/dev/null
}

leak_network() { # of the namespace of process $1
    local enter=()
    [ "$1" = self ] || enter=(nsenter -t "$1" -n)
    "${enter[@]}" ip -o link | sed -E 's/^[0-9]+: //; s/ (qlen|state|mode|group) [^ ]+//g; s/@if[0-9]+//' | sort
    "${enter[@]}" ip -o addr | sed -E 's/^[0-9]+: //; s/valid_lft.*//' | sort
    "${enter[@]}" ip route
    "${enter[@]}" nft list ruleset 2>/dev/null | sed -E 's/(packets|bytes) [0-9]+//g; s/expires [^ ,]+//g'
}

leak_take() ( # REGEX
    trap - DEBUG # bats traces every command: five times as slow here
    local re=${1:-.} p ns pids seen
    [ -z "${LEAK_ALL:-}" ] || re=.
    pids=$(leak_pids "$re")
    echo "== mounts"
    awk '{ $1 = $2 = ""; print }' /proc/self/mountinfo | grep -E -- "$re" | sort
    echo "== processes"
    echo "$pids"
    echo "== cgroups"
    find /sys/fs/cgroup -mindepth 1 -type d 2>/dev/null | grep -E -- "$re" | sort
    echo "== sockets"
    awk '$8 {print $8}' /proc/net/unix | grep -E -- "$re" | sort
    seen=$(readlink /proc/self/ns/net)
    echo "== network"
    leak_network self
    for p in $(cut -d' ' -f1 <<<"$pids"); do
        ns=$(readlink "/proc/$p/ns/net" 2>/dev/null) || continue
        case $seen in *"$ns"*) continue ;; esac
        seen="$seen $ns"
        echo "== network $ns"
        leak_network "$p" 2>/dev/null
    done
    return 0
)

leak_before() { # FOLDER REGEX
    mkdir -p "$1"
    echo "$2" >"$1/regex"
    leak_take "$2" >"$1/before"
}

leak_check() { # FOLDER
    local regex end=$((SECONDS + ${LEAK_WAIT:-5}))
    regex=$(cat "$1/regex")
    while leak_take "$regex" >"$1/after"; ! cmp -s "$1/before" "$1/after"; do
        if [ "$SECONDS" -ge "$end" ]; then
            echo "left behind (+), or gone (-):"
            diff -U0 "$1/before" "$1/after" | tail -n +3
            rm -rf "$1"
            return 1
        fi
        sleep 0.1
    done
    rm -rf "$1"
}
