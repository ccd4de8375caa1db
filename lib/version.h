/* The version this was built from: `git describe`, or "unknown" outside of a repository. */
#ifndef WHERRY_VERSION_H
#define WHERRY_VERSION_H

const char *wherry_version(void);

/* The release of Kubernetes whose API we speak, as clients compare it with their own. */
#define WHERRY_KUBERNETES_VERSION "v1.32.0+wherry"

#endif
