/* Names, labels and identifiers: the rules of metadata, and what the master makes for it. */
#ifndef WHERRY_MASTER_META_H
#define WHERRY_MASTER_META_H

#include "master/invalid.h"
#include <stdbool.h>

#define META_UID_TEXT 37
void meta_new_uid(char uid[META_UID_TEXT]); /* a random UUID */
void meta_suffix(char suffix[6]);           /* what generateName adds */

/* Each returns NULL or the text of the rule that is broken. */
const char *meta_check_subdomain(struct arena *a, const char *s); /* RFC 1123: Pods, ConfigMaps, ... */
const char *meta_check_label_1123(
    struct arena *a, const char *s); /* RFC 1123 label: containers, namespaces */
const char *meta_check_label_1035(struct arena *a, const char *s); /* RFC 1035 label: Services once */
/* Report every broken rule. */
void meta_check_port_name(struct invalid *v, const struct path *p, const char *s);   /* IANA_SVC_NAME */
void meta_check_qualified(struct invalid *v, const struct path *p, const char *key); /* label keys */
void meta_check_label_value(struct invalid *v, const struct path *p, const char *value);
void meta_check_labels(struct invalid *v, const struct path *p, const struct json *labels);

#endif
