/* The caller's terminal in raw mode, its size, and the way back however the program ends. */
#ifndef WHERRY_CLI_TERMINAL_H
#define WHERRY_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

bool terminal_is(int fd);
void terminal_raw(int fd); /* undone by terminal_restore(), which runs at exit too */
void terminal_restore(void);
bool terminal_size(int fd, uint16_t *columns, uint16_t *rows);

#endif
