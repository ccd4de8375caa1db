/* See oom_score.h. */
#include "runtime/process/oom_score.h"
#include "lib/mem.h"
#include "runtime/report.h"
#include "runtime/tree/procfs.h"
#include <stdio.h>

struct err *oom_score_set(pid_t pid, struct opt_int adj)
{
    if (!adj.set)
        return NULL;
    auto_close proc = -1;
    char text[16];
    snprintf(text, sizeof(text), "%lld", (long long)adj.v);
    TRY_WRAP(procfs_process(pid, &proc), "process.oomScoreAdj");
    struct err *e = procfs_put(proc, "oom_score_adj", text);
    if (e && err_kind(e) == ERR_DENIED) {
        report_warning("process.oomScoreAdj: %s", err_message(e));
        err_free(e);
        return NULL;
    }
    return err_wrap(e, "process.oomScoreAdj");
}
