/*
 * Stands for criu(8): speaks its RPC service as `criu swrk FD` and writes down, one per line, what it was
 * asked, into the file of $FAKE_CRIU_LOG: "type 1", "2.23 /data,/data" (field 23 of the options, a message of
 * two). Saving writes an image of one line and kills the process; restoring starts a sleep in its own cgroup,
 * as its caller's child. $FAKE_CRIU_FAIL: it refuses, and its log says so.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static FILE *out;
static int sock;
static long type, images = -1, work = -1, pid = -1, leave_running;

static unsigned long varint(const unsigned char **p)
{
    unsigned long v = 0;
    for (int shift = 0;; shift += 7) {
        unsigned char c = *(*p)++;
        v |= (unsigned long)(c & 0x7f) << shift;
        if (!(c & 0x80))
            return v;
    }
}

/* The two members of a message, as text. */
static void pair(const unsigned char *p, const unsigned char *end)
{
    for (int i = 0; p < end; i++) {
        unsigned long key = varint(&p), v = varint(&p);
        fputs(i ? "," : "", out);
        if ((key & 7) == 0)
            fprintf(out, "%ld", (long)v);
        else
            p += fwrite(p, 1, v, out);
    }
}

static void request(const unsigned char *p, const unsigned char *end, const char *where)
{
    while (p < end) {
        unsigned long key = varint(&p), field = key >> 3, v = varint(&p);
        int is_opts = !strcmp(where, "2.");
        if ((key & 7) == 0) {
            fprintf(out, "%s%lu %ld\n", where, field, (long)v);
            *(is_opts                   ? field == 1    ? &images
                                          : field == 17 ? &work
                                          : field == 2  ? &pid
                                          : field == 3  ? &leave_running
                                                        : &(long){0}
                                  : field == 1 && !*where ? &type
                                        : &(long){0}) = (long)v;
            continue;
        }
        if (!*where) {
            char inner[16];
            snprintf(inner, sizeof(inner), "%lu.", field);
            request(p, p + v, inner);
        } else {
            fprintf(out, "%s%lu ", where, field);
            if (strchr("\013\027\031\033\047", (int)field)) /* 11 23 25 27 39 */
                pair(p, p + v);
            else
                fwrite(p, 1, v, out);
            fputc('\n', out);
        }
        p += v;
    }
}

static FILE *file(long fd, const char *name)
{
    struct ucred peer;
    socklen_t n = sizeof(peer);
    char path[200];
    getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &n);
    snprintf(path, sizeof(path), "/proc/%d/fd/%ld/%s", (int)peer.pid, fd, name);
    return fopen(path, "w");
}

/* Keys and lengths here are below 128: one byte each; the pid takes five. */
static void say(int kind, int ok, const char *script, int p)
{
    unsigned char m[200] = {1 << 3, (unsigned char)kind, 2 << 3, (unsigned char)ok}, *at = m + 4, number[5];
    for (int i = 0; i < 5; i++)
        number[i] = (unsigned char)((p >> (7 * i) & 0x7f) | (i < 4 ? 0x80 : 0));
    if (script) {
        size_t n = strlen(script);
        *at++ = 5 << 3 | 2, *at++ = (unsigned char)(n + 2 + 6), *at++ = 1 << 3 | 2, *at++ = (unsigned char)n;
        at = mempcpy(at, script, n);
        *at++ = 2 << 3;
        at = mempcpy(at, number, 5);
    } else if (kind == 2) {
        *at++ = 4 << 3 | 2, *at++ = 6, *at++ = 1 << 3;
        at = mempcpy(at, number, 5);
    } else if (kind == 9) {
        *at++ = 8 << 3 | 2, *at++ = 2, *at++ = 1 << 3, *at++ = 1; /* memory is tracked, and no lazy pages */
    } else if (!ok) {
        *at++ = 7 << 3, *at++ = 52;
    }
    send(sock, m, (size_t)(at - m), 0);
}

static int ask(const char *script, int p)
{
    unsigned char m[64];
    say(6, 1, script, p);
    ssize_t n = recv(sock, m, sizeof(m), 0);
    fprintf(out, "%s %s\n", script, n == 4 && m[1] == 6 && m[3] ? "done" : "refused");
    return n == 4 && m[3] ? 0 : -1;
}

static void dump(void)
{
    FILE *f = file(images, "fake.img");
    ask("network-lock", 0);
    if (f && fputs("saved\n", f) >= 0 && !fclose(f))
        ask("post-dump", 0);
    if (!leave_running && type == 1)
        kill((pid_t)pid, SIGKILL);
    say((int)type, 1, NULL, 0);
}

static void restore(void)
{
    int p = (int)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
    if (p == 0) {
        setsid();
        close(sock);
        execlp("sleep", "sleep", "1000", NULL);
        _exit(1);
    }
    if (ask("setup-namespaces", p) || ask("post-restore", p)) {
        kill(p, SIGKILL);
        return;
    }
    say(2, 1, NULL, p);
}

int main(int argc, char **argv)
{
    static unsigned char m[1 << 16];
    if (argc != 3 || strcmp(argv[1], "swrk"))
        return 2;
    sock = atoi(argv[2]);
    out = fopen(getenv("FAKE_CRIU_LOG"), "a");
    ssize_t n = recv(sock, m, sizeof(m), 0);
    if (!out || n <= 0)
        return 1;
    request(m, m + n, "");
    fflush(out);
    if (type == 9) {
        say(9, 1, NULL, 0);
    } else if (getenv("FAKE_CRIU_FAIL")) {
        FILE *f = file(work >= 0 ? work : images, type == 2 ? "restore.log" : "dump.log");
        fputs("fine so far\n(00.01) Error (fake.c:1): told to fail\n", f);
        fclose(f);
        say((int)type, 0, NULL, 0);
    } else if (type == 2) {
        restore();
    } else {
        dump();
    }
    fclose(out);
    return 0;
}
