# eventually SECONDS COMMAND...: until it succeeds; prints what it said last otherwise. Sourced by the helpers of suites.

eventually() {
    local deadline=$((SECONDS + $1)) out
    shift
    while ! out=$("$@" 2>&1); do
        if ((SECONDS >= deadline)); then
            echo "not within the time: $*"
            echo "$out"
            return 1
        fi
        sleep 0.05
    done
    [ -z "$out" ] || echo "$out"
}
