/* Time as Kubernetes writes it: RFC 3339 in UTC. */
#ifndef WHERRY_CLOCK_H
#define WHERRY_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCK_TEXT 40
int64_t clock_now_ns(void);                                  /* realtime, since 1970 */
int64_t clock_mono_ms(void);                                 /* monotonic (boottime): for intervals */
void clock_rfc3339(int64_t ns, char text[CLOCK_TEXT]);       /* 2026-11-23T08:44:00Z (metav1.Time) */
void clock_rfc3339_micro(int64_t ns, char text[CLOCK_TEXT]); /* .123456Z (metav1.MicroTime) */
void clock_rfc3339_nano(int64_t ns, char text[CLOCK_TEXT]);  /* .123456789Z (CRI logs) */
bool clock_parse(const char *text, int64_t *ret_ns);         /* any RFC 3339, with offset and fraction */
void clock_age(int64_t ns, char *text, size_t n); /* a duration as kubectl prints ages: 5s, 3m2s, 4h, 2d3h */

#endif
