/* imagePullSecrets, see pull_secrets.h. */
#include "kubelet/pull_secrets.h"
#include "kubelet/events.h"
#include "kubelet/objects.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/tls.h"
#include <fcntl.h>
#include <string.h>

enum { PULL_SECRETS_MAX = 1 << 20 };

/* The registries of one Secret, added to `auths`. */
static struct err *add(struct arena *a, const struct json *secret, const struct json **auths)
{
    const char *config = json_str(json_at(secret, "data", ".dockerconfigjson", NULL));
    const char *old = json_str(json_at(secret, "data", ".dockercfg", NULL));
    const struct json *j;
    auto_buf b = BUF_INIT(PULL_SECRETS_MAX);
    if (!config && !old)
        return err_new(ERR_INVALID, "neither .dockerconfigjson nor .dockercfg");
    TRY(base64_decode(config ? config : old, &b));
    TRY(json_parse(a, buf_str(&b), b.len, NULL, &j));
    json_each_member (m, config ? json_get(j, "auths") : j)
        *auths = json_with(a, *auths, m->name, &m->value);
    return NULL;
}

char *pull_secrets_file(struct worker *w)
{
    const struct pod_spec *s = w->desired->pod->spec;
    if (s->image_pull_secrets.n == 0)
        return NULL;
    auto_arena *a = arena_new();
    auto_buf missing = BUF_INIT(4096), b = BUF_INIT(PULL_SECRETS_MAX);
    const struct json *auths = &json_empty_object;
    for (size_t i = 0; i < s->image_pull_secrets.n; i++) {
        const char *name = s->image_pull_secrets.v[i].name ? s->image_pull_secrets.v[i].name : "";
        const struct json *secret = objects_get(w->kubelet->objects, true, w->ns, name);
        struct err *e = secret ? add(a, secret, &auths) : NULL;
        if (e || !secret)
            buf_addf(&missing, "%s%s", missing.len ? ", " : "", name);
        log_err(LOG_WARN, w->keys, err_wrap(e, "imagePullSecret %s", name));
    }
    if (missing.len)
        events_pod(w, EVENT_WARNING, "FailedToRetrieveImagePullSecret",
            "Unable to retrieve some image pull secrets (%s); attempting to pull the image may not succeed.",
            buf_str(&missing));
    if (auths->n == 0)
        return NULL;
    json_write(&b, json_with(a, NULL, "auths", auths), 0);
    char *path = mem_printf("%s/%s/auth.json", w->kubelet->path.run_pods, w->uid);
    log_err(LOG_WARN, w->keys, file_write_atomic(AT_FDCWD, path, buf_str(&b), b.len, 0600, FILE_NO_FSYNC));
    return path;
}
