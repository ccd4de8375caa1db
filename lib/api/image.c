/*
 * Images: the field tables, references as docker normalises them (github.com/distribution/reference), and
 * pins.
 *
 *   reference = [domain "/"] path [":" tag] ["@" digest]
 *   domain    = host [":" port], taken for one only with a "." or ":" or a capital in it, or as "localhost"
 *   path      = component {"/" component}, component = alnum {("." | "_" | "__" | "-"...) alnum}
 *   tag       = [A-Za-z0-9_] and up to 127 of [A-Za-z0-9_.-]
 *   digest    = "sha256:" and 64 of [0-9a-f]
 */
#include "lib/api/image.h"
#include "lib/file.h"
#include <ctype.h>
#include <fcntl.h>
#include <string.h>

FIELDS_DEFINE(image_config_fields, image_config, FIELD(image_config, user, "User", FIELD_STR),
    FIELD(image_config, working_dir, "WorkingDir", FIELD_STR),
    FIELD(image_config, stop_signal, "StopSignal", FIELD_STR), FIELD(image_config, env, "Env", FIELD_STRS),
    FIELD(image_config, entrypoint, "Entrypoint", FIELD_STRS), FIELD(image_config, cmd, "Cmd", FIELD_STRS),
    FIELD(image_config, volumes, "Volumes", FIELD_JSON),
    FIELD(image_config, exposed_ports, "ExposedPorts", FIELD_JSON),
    FIELD(image_config, labels, "Labels", FIELD_JSON));

FIELDS_DEFINE(image_fields, image, {"id", FIELD_STR, offsetof(struct image, id), .flags = FIELD_REQUIRED},
    FIELD(image, refs, "refs", FIELD_STRS), FIELD(image, digests, "digests", FIELD_STRS),
    FIELD(image, layers, "layers", FIELD_STRS), FIELD(image, size, "size", FIELD_INT),
    FIELD(image, created, "created", FIELD_STR), FIELD(image, architecture, "architecture", FIELD_STR),
    FIELD(image, os, "os", FIELD_STR), FIELD_OF(image, config, "config", FIELD_STRUCT, &image_config_fields));

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGIT "0123456789"
#define WORD LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGIT "_"

enum { NAME_MAX_BYTES = 255, TAG_MAX_BYTES = 128, SHA256_HEX = 64 };

static bool is_digest(const char *s)
{
    if (strncmp(s, "sha256:", 7))
        return false;
    return strlen(s + 7) == SHA256_HEX && strspn(s + 7, DIGIT "abcdef") == SHA256_HEX;
}

static bool is_port(const char *s)
{
    size_t n = strlen(s);
    return n >= 1 && n <= 5 && strspn(s, DIGIT) == n;
}

/* host[:port]; the host is labels of letters, digits and inner hyphens, or an IPv6 address in brackets. */
static bool is_domain(const char *s)
{
    if (*s == '[') {
        size_t n = strspn(s + 1, DIGIT "abcdefABCDEF:");
        const char *rest = s + 1 + n;
        return n && *rest == ']' && (!rest[1] || (rest[1] == ':' && is_port(rest + 2)));
    }
    for (;;) {
        size_t n = strcspn(s, ".:");
        if (!n || !isalnum((unsigned char)s[0]) || !isalnum((unsigned char)s[n - 1]))
            return false;
        for (size_t i = 0; i < n; i++)
            if (!isalnum((unsigned char)s[i]) && s[i] != '-')
                return false;
        if (s[n] != '.')
            return !s[n] || is_port(s + n + 1);
        s += n + 1;
    }
}

/* Runs of lower-case letters and digits with one separator between two: ".", "_", "__" or hyphens. */
static bool is_component(const char *s, size_t n)
{
    for (size_t i = 0;;) {
        size_t run = i;
        while (run < n && strchr(LOWER DIGIT, s[run]))
            run++;
        if (run == i)
            return false;
        if (run == n)
            return true;
        i = run;
        while (i < n && s[i] == s[run] && strchr("._-", s[i]))
            i++;
        size_t len = i - run;
        if (!len || len > (s[run] == '-' ? n : s[run] == '_' ? 2 : 1))
            return false;
    }
}

static struct err *check_path(const char *ref, const char *path)
{
    for (const char *p = path; *p; p++)
        if (isupper((unsigned char)*p))
            return err_new(
                ERR_INVALID, "image \"%.300s\": the repository \"%.260s\" must be lower case", ref, path);
    for (const char *p = path;; p++) {
        size_t n = strcspn(p, "/");
        if (!is_component(p, n))
            return err_new(ERR_INVALID, "image \"%.300s\": \"%.*s\" is no name of a repository", ref,
                (int)(n < 100 ? n : 100), p);
        p += n;
        if (!*p)
            return NULL;
    }
}

struct parts {
    const char *domain, *path, *tag, *digest; /* tag and digest: NULL absent */
};

/* Cuts digest and tag off the end, the domain off the front. */
static void split(struct arena *a, const char *ref, struct parts *p)
{
    char *rest = arena_strdup(a, ref);
    char *at = strchr(rest, '@');
    if (at) {
        *at = 0;
        p->digest = at + 1;
    }
    char *slash = strrchr(rest, '/'), *colon = strrchr(slash ? slash : rest, ':');
    if (colon) {
        *colon = 0;
        p->tag = colon + 1;
    }
    p->domain = "docker.io";
    p->path = rest;
    char *first = strchr(rest, '/');
    if (first) {
        *first = 0;
        bool capital = rest[strcspn(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")];
        if (strpbrk(rest, ".:") || capital || !strcmp(rest, "localhost")) {
            p->domain = strcmp(rest, "index.docker.io") ? rest : "docker.io";
            p->path = first + 1;
        } else {
            *first = '/';
        }
    }
    if (!strcmp(p->domain, "docker.io") && !strchr(p->path, '/'))
        p->path = arena_printf(a, "library/%s", p->path);
}

static struct err *check(const char *ref, const struct parts *p)
{
    if (!is_domain(p->domain))
        return err_new(ERR_INVALID, "image \"%.300s\": \"%.100s\" is no registry", ref, p->domain);
    TRY(check_path(ref, p->path));
    if (strlen(p->domain) + 1 + strlen(p->path) > NAME_MAX_BYTES)
        return err_new(
            ERR_INVALID, "image \"%.300s\": the name is longer than %d bytes", ref, NAME_MAX_BYTES);
    const char *t = p->tag;
    if (t && (!*t || strlen(t) > TAG_MAX_BYTES || t[strspn(t, WORD ".-")] || strchr(".-", *t)))
        return err_new(ERR_INVALID, "image \"%.300s\": \"%.200s\" is no tag", ref, t);
    if (p->digest && !is_digest(p->digest))
        return err_new(ERR_INVALID, "image \"%.300s\": \"%.100s\" is no digest (sha256: and 64 hex digits)",
            ref, p->digest);
    return NULL;
}

struct err *image_ref_normalise(struct arena *a, const char *ref, const char **ret)
{
    if (!*ref)
        return err_new(ERR_INVALID, "image \"\": the reference is empty");
    if (ref[strcspn(ref, " \t\r\n")])
        return err_new(ERR_INVALID, "image \"%.300s\": a reference has no white space", ref);
    if (strlen(ref) == SHA256_HEX && strspn(ref, DIGIT "abcdef") == SHA256_HEX)
        return err_new(ERR_INVALID, "image \"%s\": an id is no reference", ref);
    struct parts p = {0};
    split(a, ref, &p);
    TRY(check(ref, &p));
    if (!p.tag && !p.digest)
        p.tag = "latest";
    *ret = arena_printf(a, "%s/%s%s%s%s%s", p.domain, p.path, p.tag ? ":" : "", p.tag ? p.tag : "",
        p.digest ? "@" : "", p.digest ? p.digest : "");
    return NULL;
}

/* A name that begins with a dot is a file being written, and is no pin. */
static struct err *check_pin(const char *name)
{
    if (!*name || *name == '.' || name[strspn(name, WORD ".-")] || strlen(name) > 200)
        return err_new(
            ERR_INVALID, "pin \"%.100s\": not a name of letters, digits, \"_\", \".\" and \"-\"", name);
    return NULL;
}

struct err *image_pin(const char *images_root, const char *name, const char *image_id)
{
    TRY(check_pin(name));
    if (!is_digest(image_id))
        return err_new(ERR_INVALID, "pin %s: \"%.100s\" is no image id", name, image_id);
    auto_free char *path = mem_printf("%s/pins", images_root);
    auto_close dir = -1;
    TRY(file_mkdirs(AT_FDCWD, path, 0700, &dir));
    /* no fsync: the container it is for does not outlive a reboot either */
    return err_wrap(file_write_atomic(dir, name, image_id, strlen(image_id), 0600, FILE_NO_FSYNC),
        "pin image %s", image_id);
}

struct err *image_unpin(const char *images_root, const char *name)
{
    TRY(check_pin(name));
    auto_free char *path = mem_printf("%s/pins/%s", images_root, name);
    return file_remove_tree(AT_FDCWD, path);
}
