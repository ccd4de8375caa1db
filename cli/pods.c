#include "cli/pods.h"

#include "cli/apply_plan.h"
#include "lib/api/image.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/yaml.h"
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOCAL_MS = 10000, ANSWER_MAX = 64 << 20, POLL_MS = 50 };

struct err *pods_open(const struct cli *cli, struct arena *a, bool local, struct pods *ret)
{
    *ret = (struct pods){0};
    if (!local) {
        struct err *e = api_open(cli, &ret->api);
        if (!e || err_kind(e) != ERR_NOT_FOUND)
            return e;
        err_free(e);
    }
    ret->socket = arena_printf(a, "%s/kubelet.sock", cli->run);
    if (!file_exists(AT_FDCWD, ret->socket))
        return err_new(
            ERR_NOT_FOUND, "no kubelet runs here: %s does not exist (start one with wherry up)", ret->socket);
    return NULL;
}

void pods_close(struct pods *p)
{
    api_close(p->api);
    p->api = NULL;
}

void pods_cleanup(struct pods *p)
{
    pods_close(p);
}

struct err *pods_list_local(struct arena *a, const char *socket, const struct json **ret)
{
    struct http_client_result res = {0};
    struct json_limits limits = {.bytes = ANSWER_MAX, .depth = 64, .nodes = 8000000};
    struct err *e = http_fetch(NULL,
        &(struct http_client_request){.method = "GET",
            .url = "http://kubelet/pods",
            .unix_socket = socket,
            .timeout_ms = LOCAL_MS,
            .max_body = ANSWER_MAX},
        &res);
    if (!e && res.error)
        e = take_ptr(res.error);
    if (!e && res.status != 200)
        e = err_new(ERR_SYSTEM, "the kubelet answered %u: %s", res.status, buf_str(&res.body));
    if (!e)
        e = json_parse(a, buf_str(&res.body), res.body.len, &limits, ret);
    http_client_result_done(&res);
    return err_wrap(e, "%s", socket);
}

static bool is_named(const struct json *pod, const char *ns, const char *name)
{
    const char *n = json_str(json_at(pod, "metadata", "name", NULL)),
               *s = json_str(json_at(pod, "metadata", "namespace", NULL));
    return n && s && strcmp(n, name) == 0 && strcmp(s, ns) == 0;
}

struct err *pods_find(
    struct pods *p, struct arena *a, const char *ns, const char *name, const struct json **ret)
{
    if (strncmp(name, "pod/", 4) == 0)
        name += 4;
    if (p->api) {
        const struct resource pod = {"", "v1", "pods", "pod", "Pod", true};
        return api_call(
            p->api, a, &(struct api_request){"GET", api_path(a, &pod, ns, name), NULL, NULL, NULL}, ret);
    }
    const struct json *list;
    TRY(pods_list_local(a, p->socket, &list));
    json_each_item (it, json_get(list, "items"))
        if (is_named(it, ns, name)) {
            *ret = it;
            return NULL;
        }
    return err_new(ERR_NOT_FOUND, "pods \"%s\" not found in namespace %s on this node", name, ns);
}

struct err *pods_container(struct arena *a, const struct json *pod, const char *name, const char **ret)
{
    const char *preferred = json_str(
        json_get(json_at(pod, "metadata", "annotations", NULL), "kubectl.kubernetes.io/default-container"));
    static const char *const lists[] = {"containers", "initContainers", "ephemeralContainers"};
    const char *known = "";
    *ret = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        json_each_item (c, json_at(pod, "spec", lists[i], NULL)) {
            const char *n = json_str(json_get(c, "name"));
            if (!n)
                continue;
            if (name ? strcmp(n, name) == 0 : !*ret || (preferred && strcmp(n, preferred) == 0))
                *ret = n;
            known = arena_printf(a, "%s%s%s", known, *known ? ", " : "", n);
        }
    if (*ret)
        return NULL;
    return err_new(ERR_INVALID, "container %s is not in this Pod (it has: %s)", name ? name : "", known);
}

/* --- ps */

static const struct json *status_of(const struct json *pod, const char *container)
{
    static const char *const lists[] = {
        "initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        json_each_item (s, json_at(pod, "status", lists[i], NULL)) {
            const char *n = json_str(json_get(s, "name"));
            if (n && strcmp(n, container) == 0)
                return s;
        }
    return NULL;
}

/* "running", "waiting: CrashLoopBackOff", "terminated: Completed", and since when. */
static const char *state_text(struct arena *a, const struct json *status, const char *since)
{
    const struct json *state = json_get(status, "state");
    json_each_member (m, state) {
        const char *reason = json_str(json_get(&m->value, "reason"));
        const char *at =
            json_str(json_get(&m->value, strcmp(m->name, "terminated") == 0 ? "finishedAt" : "startedAt"));
        int64_t when;
        if (at && clock_parse(at, &when)) {
            char age[32];
            clock_age(clock_now_ns() - when, age, sizeof(age));
            since = arena_printf(a, " (%s)", age);
        }
        return arena_printf(a, "%s%s%s%s", m->name, reason ? ": " : "", reason ? reason : "", since);
    }
    return "unknown";
}

static void print_containers(struct arena *a, const struct json *pod)
{
    static const char *const lists[] = {"initContainers", "containers", "ephemeralContainers"};
    const char *ns = json_str(json_at(pod, "metadata", "namespace", NULL)),
               *name = json_str(json_at(pod, "metadata", "name", NULL));
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        json_each_item (c, json_at(pod, "spec", lists[i], NULL)) {
            const char *cname = json_str(json_get(c, "name")), *image = json_str(json_get(c, "image"));
            const struct json *status = status_of(pod, cname ? cname : "");
            const char *id = json_str(json_get(status, "containerID"));
            int64_t restarts = 0;
            json_int(json_get(status, "restartCount"), &restarts);
            id = id && strstr(id, "://") ? strstr(id, "://") + 3 : "-";
            printf("%-12.12s  %-30s %-16s %-30s %-8lld %s\n", id, arena_printf(a, "%s/%s", ns, name), cname,
                state_text(a, status, ""), (long long)restarts, image ? image : "");
        }
}

struct err *cli_ps(struct cli *cli, int argc, char **argv)
{
    const char *output = NULL;
    const struct arg_option options[] = {
        {"output", 'o', ARG_STR, &output, "FORMAT", "json, yaml or name"}, {0}};
    const struct arg_spec spec = {"wherry ps", "Lists the containers of this node.", options, 0, 0, false};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    auto_arena *a = arena_new();
    auto_pods p;
    const struct json *list;
    TRY(pods_open(cli, a, true, &p));
    TRY(pods_list_local(a, p.socket, &list));
    auto_buf text = BUF_INIT(ANSWER_MAX);
    if (output && strcmp(output, "name") == 0) {
        json_each_item (it, json_get(list, "items"))
            printf("%s/%s\n", json_str(json_at(it, "metadata", "namespace", NULL)),
                json_str(json_at(it, "metadata", "name", NULL)));
    } else if (output && (strcmp(output, "json") == 0 || strcmp(output, "yaml") == 0)) {
        if (*output == 'j')
            json_write(&text, list, 4);
        else
            yaml_write(&text, list);
        TRY(buf_check(&text, "output"));
        printf("%s\n", buf_str(&text));
    } else if (output) {
        return err_new(ERR_INVALID, "--output %s: not json, yaml or name", output);
    } else {
        printf("%-12s  %-30s %-16s %-30s %-8s %s\n", "ID", "POD", "CONTAINER", "STATE", "RESTARTS", "IMAGE");
        json_each_item (it, json_get(list, "items"))
            print_containers(a, it);
    }
    return NULL;
}

/* --- run */

/* What it will be called on the node: a static Pod's name ends with the node's. */
static const struct json *find_static(const struct json *list, const char *ns, const char *name)
{
    json_each_item (it, json_get(list, "items")) {
        const char *n = json_str(json_at(it, "metadata", "name", NULL)),
                   *s = json_str(json_at(it, "metadata", "namespace", NULL));
        bool starts =
            n && strncmp(n, name, strlen(name)) == 0 && (n[strlen(name)] == 0 || n[strlen(name)] == '-');
        if (starts && s && strcmp(s, ns) == 0)
            return it;
    }
    return NULL;
}

static bool has_ended(const struct json *pod)
{
    const char *phase = json_str(json_at(pod, "status", "phase", NULL));
    return phase && (strcmp(phase, "Failed") == 0 || strcmp(phase, "Succeeded") == 0);
}

static struct err *wait_running(struct pods *p, const char *ns, const char *name, int64_t timeout_s)
{
    int64_t deadline = clock_mono_ms() + timeout_s * 1000;
    do {
        auto_arena *a = arena_new();
        const struct json *list;
        TRY(pods_list_local(a, p->socket, &list));
        const struct json *pod = find_static(list, ns, name);
        if (pod && (apply_is_ready(json_with(a, pod, "kind", json_new_str(a, "Pod"))) || has_ended(pod))) {
            printf("pod/%s %s\n", json_str(json_at(pod, "metadata", "name", NULL)),
                json_str(json_at(pod, "status", "phase", NULL)));
            return NULL;
        }
        (void)poll(NULL, 0, POLL_MS);
    } while (clock_mono_ms() < deadline);
    return err_new(
        ERR_TIMEOUT, "pod %s/%s is not Ready after %lld s (see: wherry ps)", ns, name, (long long)timeout_s);
}

static struct err *place_manifest(
    const struct cli *cli, const struct json *doc, const char *ns, const char *name)
{
    auto_free char *dir = mem_printf("%s/manifests", cli->state),
                   *path = mem_printf("%s/%s_%s.yaml", dir, ns, name);
    auto_close fd = -1;
    auto_buf text = BUF_INIT(4 << 20);
    TRY(file_mkdirs(AT_FDCWD, dir, 0700, &fd));
    yaml_write(&text, doc);
    TRY(buf_check(&text, path));
    return file_write_atomic(AT_FDCWD, path, text.data, text.len, 0600, FILE_FSYNC);
}

static struct err *check_pod(const struct json *doc)
{
    if (strcmp(json_str(json_get(doc, "kind")), "Pod") != 0 ||
        strcmp(json_str(json_get(doc, "apiVersion")), "v1") != 0)
        return err_new(ERR_INVALID, "kind: wherry run takes a v1 Pod, this is a %s %s",
            json_str(json_get(doc, "apiVersion")), json_str(json_get(doc, "kind")));
    const char *name = json_str(json_at(doc, "metadata", "name", NULL));
    if (!name || strchr(name, '/') || *name == '.')
        return err_new(ERR_INVALID, "metadata.name: \"%s\" is not a name", name ? name : "");
    return NULL;
}

struct err *cli_run(struct cli *cli, int argc, char **argv)
{
    int64_t timeout_s = 60;
    const struct arg_option options[] = {
        {"timeout", 0, ARG_INT, &timeout_s, "SECONDS", "how long to wait for it (60)"}, {0}};
    const struct arg_spec spec = {"wherry run POD.yaml",
        "Runs a Pod on this node, without a master's doing: its manifest becomes a file of "
        "STATE/manifests.\nRemove that file to end it.",
        options, 1, 1, false};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    auto_arena *a = arena_new();
    auto_pods p;
    const struct json *docs;
    TRY(api_read_manifests(a, &(struct str_list){1, (const char **)operands}, &docs));
    json_each_item (doc, docs)
        TRY_WRAP(check_pod(doc), "%s", operands[0]);
    TRY(pods_open(cli, a, true, &p));
    json_each_item (doc, docs) {
        const char *ns = json_str(json_at(doc, "metadata", "namespace", NULL)),
                   *name = json_str(json_at(doc, "metadata", "name", NULL));
        ns = ns ? ns : "default";
        TRY(place_manifest(cli, doc, ns, name));
        TRY(wait_running(&p, ns, name, timeout_s));
    }
    return NULL;
}
