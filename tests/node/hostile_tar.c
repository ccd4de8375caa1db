/*
 * Writes tar archives that no tar program would: each argument is one entry, in order, to stdout.
 *
 *   d:PATH:MODE           folder           f:PATH:MODE:TEXT     file
 *   l:PATH:TARGET         symlink          h:PATH:TARGET        hard link
 *   c:PATH:MAJOR:MINOR    character        b:PATH:MAJOR:MINOR   block device      p:PATH  FIFO
 *   z:PATH:BYTES          file of zeros    n:PREFIX:COUNT       COUNT empty files (PREFIX0, PREFIX1, ...)
 *   deep:COUNT            COUNT folders d/d/d/...
 *   long:BYTES            a file with a name of so many
 *   sparse:COUNT          a GNU 1.0 sparse file with a map of COUNT holes
 *
 * Before an entry: x:NAME=VALUE (extended attribute), o:UID:GID (owner), t:SECONDS (time). Ways to be wrong, for the
 * next entry: size:TEXT (the size field as given), pax:KEY=VALUE (a record of its own), badsum. `cut:BYTES` anywhere
 * ends the output there. `noend`: no end marker. \xHH in a PATH is that byte.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    char pax[65536];
    size_t pax_len;
    unsigned long uid, gid, mtime;
    const char *size;
    bool badsum;
} next;
static unsigned long long written, cut = ~0ULL;

static void out(const void *data, size_t n)
{
    if (n > cut - written)
        n = (size_t)(cut - written);
    fwrite(data, 1, n, stdout);
    written += n;
}

static void pad(unsigned long long n)
{
    static const char zeros[512];
    if (n % 512)
        out(zeros, 512 - n % 512);
}

static void record(const char *key, const void *value, size_t n)
{
    char digits[24];
    size_t body = strlen(key) + n + 3, len = body + 1; /* " key=value\n" and the digits of the length */
    while ((size_t)snprintf(digits, sizeof digits, "%zu", len) + body != len)
        len++;
    if (next.pax_len + len > sizeof next.pax)
        exit(2);
    char *p = next.pax + next.pax_len;
    p += sprintf(p, "%s %s=", digits, key);
    memcpy(p, value, n);
    p[n] = '\n';
    next.pax_len += len;
}

static void header(const char *path, char type, unsigned mode, unsigned long long size, const char *link,
    unsigned major, unsigned minor)
{
    char h[512] = {0};
    unsigned sum = 0;
    memcpy(h, path, strnlen(path, 100));
    sprintf(h + 100, "%07o", mode & 07777);
    sprintf(h + 108, "%07lo", next.uid & 07777777);
    sprintf(h + 116, "%07lo", next.gid & 07777777);
    if (next.size)
        memcpy(h + 124, next.size, strnlen(next.size, 12));
    else
        sprintf(h + 124, "%011llo", size);
    sprintf(h + 136, "%011lo", next.mtime);
    h[156] = type;
    memcpy(h + 157, link, strnlen(link, 100));
    memcpy(h + 257, "ustar\00000", 8);
    sprintf(h + 329, "%07o", major);
    sprintf(h + 337, "%07o", minor);
    memset(h + 148, ' ', 8);
    for (int i = 0; i < 512; i++)
        sum += (unsigned char)h[i];
    sprintf(h + 148, "%06o", (sum + next.badsum) & 0777777);
    out(h, 512);
}

static void entry(const char *path, char type, unsigned mode, unsigned long long size, const char *link,
    unsigned major, unsigned minor)
{
    if (strlen(path) > 100)
        record("path", path, strlen(path));
    if (strlen(link) > 100)
        record("linkpath", link, strlen(link));
    if (next.pax_len) {
        const char *own = next.size;
        bool bad = next.badsum;
        next.size = NULL;
        next.badsum = false;
        header("PaxHeader", 'x', 0644, next.pax_len, "", 0, 0);
        out(next.pax, next.pax_len);
        pad(next.pax_len);
        next.size = own;
        next.badsum = bad;
    }
    header(path, type, mode, size, link, major, minor);
    memset(&next, 0, sizeof next);
}

static void zeros(unsigned long long n)
{
    static const char block[65536];
    for (unsigned long long k; n; n -= k) {
        k = n < sizeof block ? n : sizeof block;
        out(block, (size_t)k);
    }
}

static char *unescape(char *s)
{
    char *to = s;
    for (char *p = s; *p; p++) {
        unsigned v;
        if (sscanf(p, "\\x%2x", &v) == 1) {
            *to++ = (char)v;
            p += 3;
        } else {
            *to++ = *p;
        }
    }
    *to = '\0';
    return s;
}

static char *field(char **rest) /* up to the next colon */
{
    char *s = *rest, *colon = s ? strchr(s, ':') : NULL;
    *rest = colon ? colon + 1 : NULL;
    if (colon)
        *colon = '\0';
    return s ? unescape(s) : "";
}

static void file(const char *path, unsigned mode, const char *text)
{
    size_t n = strlen(text);
    entry(path, '0', mode, n, "", 0, 0);
    out(text, n);
    pad(n);
}

static void attribute(char *pair)
{
    char key[300], *eq = strchr(pair, '=');
    *eq = '\0';
    snprintf(key, sizeof key, "SCHILY.xattr.%s", pair);
    record(key, unescape(eq + 1), strlen(eq + 1));
}

static void sparse(unsigned count)
{
    char *map = malloc(40UL * count + 1024);
    size_t n = (size_t)sprintf(map, "%u\n", count);
    for (unsigned i = 0; i < count; i++)
        n += (size_t)sprintf(map + n, "%u\n0\n", i);
    size_t whole = (n + 511) / 512 * 512;
    memset(map + n, 0, whole - n);
    record("GNU.sparse.major", "1", 1);
    record("GNU.sparse.minor", "0", 1);
    record("GNU.sparse.name", "s", 1);
    record("GNU.sparse.realsize", "4096", 4);
    entry("GNUSparseFile.0/s", '0', 0644, whole, "", 0, 0);
    out(map, whole);
    free(map);
}

static void one(char *arg)
{
    char *rest = arg, *kind = field(&rest);
    if (!strcmp(kind, "x"))
        attribute(rest);
    else if (!strcmp(kind, "pax")) {
        char *eq = strchr(rest, '=');
        *eq = '\0';
        record(rest, eq + 1, strlen(eq + 1));
    } else if (!strcmp(kind, "o")) {
        next.uid = strtoul(field(&rest), NULL, 10);
        next.gid = strtoul(field(&rest), NULL, 10);
    } else if (!strcmp(kind, "t"))
        next.mtime = strtoul(field(&rest), NULL, 10);
    else if (!strcmp(kind, "size"))
        next.size = unescape(rest);
    else if (!strcmp(kind, "badsum"))
        next.badsum = true;
    else if (!strcmp(kind, "deep")) {
        unsigned n = (unsigned)atoi(field(&rest));
        char *path = calloc(n + 1, 2);
        for (unsigned i = 0; i < n; i++) {
            strcat(path, i ? "/d" : "d");
            entry(path, '5', 0755, 0, "", 0, 0);
        }
    } else if (!strcmp(kind, "long")) {
        unsigned n = (unsigned)atoi(field(&rest));
        char *path = calloc(n + 1, 1);
        for (unsigned i = 0; i < n; i++)
            path[i] = i % 200 == 199 ? '/' : 'a';
        file(path, 0644, "x");
    } else if (!strcmp(kind, "sparse"))
        sparse((unsigned)atoi(field(&rest)));
    else if (!strcmp(kind, "n")) {
        char *prefix = field(&rest), path[200];
        unsigned n = (unsigned)atoi(field(&rest));
        for (unsigned i = 0; i < n; i++) {
            snprintf(path, sizeof path, "%s%u", prefix, i);
            file(path, 0644, "");
        }
    } else if (strlen(kind) == 1 && strchr("dflhcbpz", *kind)) {
        char *path = field(&rest), *second = *kind == 'l' || *kind == 'h' ? unescape(rest) : field(&rest);
        unsigned v = (unsigned)strtoul(second, NULL, *kind == 'd' || *kind == 'f' ? 8 : 10);
        unsigned w = *kind == 'c' || *kind == 'b' ? (unsigned)atoi(field(&rest)) : 0;
        switch (*kind) {
        case 'd':
            entry(path, '5', v, 0, "", 0, 0);
            break;
        case 'f':
            file(path, v, rest ? rest : "");
            break;
        case 'l':
            entry(path, '2', 0777, 0, second, 0, 0);
            break;
        case 'h':
            entry(path, '1', 0644, 0, second, 0, 0);
            break;
        case 'c':
            entry(path, '3', 0666, 0, "", v, w);
            break;
        case 'b':
            entry(path, '4', 0666, 0, "", v, w);
            break;
        case 'p':
            entry(path, '6', 0644, 0, "", 0, 0);
            break;
        case 'z': {
            unsigned long long n = strtoull(second, NULL, 10);
            entry(path, '0', 0644, n, "", 0, 0);
            zeros(n);
            pad(n);
        }
        }
    } else {
        fprintf(stderr, "hostile_tar: %s?\n", kind);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    bool end = true;
    for (int i = 1; i < argc; i++)
        if (!strncmp(argv[i], "cut:", 4))
            cut = strtoull(argv[i] + 4, NULL, 10);
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "noend"))
            end = false;
        else if (strncmp(argv[i], "cut:", 4))
            one(argv[i]);
    }
    if (end)
        zeros(1024);
    return fflush(stdout) ? 1 : 0;
}
