/* The version this was built from: `git describe`, or "unknown" outside of a repository. */
#ifndef WHERRY_VERSION_H
#define WHERRY_VERSION_H

const char *wherry_version(void);

#endif
