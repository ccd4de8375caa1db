/* See oom_score.h. */
#include "runtime/oom_score.h"
#include "lib/file.h"
#include "runtime/report.h"
#include <fcntl.h>
#include <stdio.h>

struct err *oom_score_set(pid_t pid, struct opt_int adj)
{
    if (!adj.set)
        return NULL;
    char path[64], text[16];
    snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
    snprintf(text, sizeof(text), "%lld", (long long)adj.v);
    struct err *e = file_put(AT_FDCWD, path, text);
    if (e && err_kind(e) == ERR_DENIED) {
        report_warning("process.oomScoreAdj: %s", err_message(e));
        err_free(e);
        return NULL;
    }
    return err_wrap(e, "process.oomScoreAdj");
}
