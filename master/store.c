/*
 * Objects on disk. Two tables that a person can read with sqlite3: object(row, kind, key, revision, json) and
 * meta(name, value) with `format` and `revision`. The registry knows the row of every object, so there is no
 * index: what is new goes to the end of one tree, and a commit touches few pages. The revision is kept apart,
 * as a ceiling: it covers deletions and what is not written down.
 */
#include "master/store.h"
#include "lib/mem.h"
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT 2

struct store {
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *rollback, *put, *remove, *revision;
    char *path;
};

static struct err *failed(struct store *s, const char *what)
{
    int code = sqlite3_errcode(s->db);
    enum err_kind kind = code == SQLITE_FULL ? ERR_LIMIT : code == SQLITE_BUSY ? ERR_CONFLICT : ERR_SYSTEM;
    if (code == SQLITE_BUSY)
        return err_new(kind, "%s: %s: another master has it open", s->path, what);
    return err_new(kind, "%s: %s: %s", s->path, what, s->db ? sqlite3_errmsg(s->db) : "out of memory");
}

static struct err *run(struct store *s, const char *sql)
{
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return failed(s, sql);
    return NULL;
}

static struct err *prepare(struct store *s, sqlite3_stmt **st, const char *sql)
{
    if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL) != SQLITE_OK)
        return failed(s, sql);
    return NULL;
}

static int64_t meta_get(struct store *s, const char *name)
{
    sqlite3_stmt *st = NULL;
    int64_t v = 0;
    if (sqlite3_prepare_v2(s->db, "SELECT value FROM meta WHERE name = ?", -1, &st, NULL) == SQLITE_OK) {
        sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
        if (sqlite3_step(st) == SQLITE_ROW)
            v = sqlite3_column_int64(st, 0);
    }
    sqlite3_finalize(st);
    return v;
}

static struct err *set_up(struct store *s)
{
    /* Exclusive before WAL: no shared memory file, and the lock is taken here instead of at the first write.
     */
    TRY(run(s, "PRAGMA locking_mode=EXCLUSIVE"));
    TRY(run(s, "PRAGMA journal_mode=WAL"));
    TRY(run(s, "PRAGMA synchronous=FULL"));
    TRY(run(s, "PRAGMA cache_size=-512"));
    TRY(run(s, "PRAGMA journal_size_limit=4194304"));
    TRY(run(s, "BEGIN IMMEDIATE"));
    TRY(run(s, "CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL)"));
    TRY(run(s,
        "CREATE TABLE IF NOT EXISTS object(row INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL,"
        " revision INTEGER NOT NULL, json TEXT NOT NULL)"));
    TRY(run(s, "INSERT OR IGNORE INTO meta VALUES('format', 2), ('revision', 1)"));
    TRY(run(s, "COMMIT"));
    if (meta_get(s, "format") != FORMAT)
        return err_new(ERR_UNSUPPORTED, "%s: format %lld, this program knows %d", s->path,
            (long long)meta_get(s, "format"), FORMAT);
    TRY(prepare(s, &s->begin, "BEGIN IMMEDIATE"));
    TRY(prepare(s, &s->commit, "COMMIT"));
    TRY(prepare(s, &s->rollback, "ROLLBACK"));
    TRY(prepare(s, &s->put,
        "INSERT OR REPLACE INTO object(row, kind, key, revision, json) VALUES(?1, ?2, ?3, ?4, ?5)"));
    TRY(prepare(s, &s->remove, "DELETE FROM object WHERE row = ?1"));
    return prepare(s, &s->revision, "UPDATE meta SET value = ?1 WHERE name = 'revision'");
}

struct err *store_open(const char *path, struct store **ret)
{
    struct store *s = mem_new(struct store);
    s->path = mem_strdup(path);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    struct err *e = sqlite3_open_v2(path, &s->db, flags, NULL) == SQLITE_OK ? set_up(s) : failed(s, "open");
    if (e)
        store_close(s);
    else
        *ret = s;
    return e;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    sqlite3_stmt *all[] = {s->begin, s->commit, s->rollback, s->put, s->remove, s->revision};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        sqlite3_finalize(all[i]);
    sqlite3_close(s->db);
    free(s->path);
    free(s);
}

uint64_t store_revision(struct store *s)
{
    return (uint64_t)meta_get(s, "revision");
}

struct err *store_each(struct store *s,
    struct err *(*fn)(void *arg, const char *kind, uint64_t row, uint64_t rev, const char *json, size_t len),
    void *arg)
{
    sqlite3_stmt *st = NULL;
    struct err *e = prepare(s, &st, "SELECT row, kind, revision, json FROM object");
    while (!e) {
        int rc = sqlite3_step(st);
        if (rc == SQLITE_DONE)
            break;
        if (rc != SQLITE_ROW) {
            e = failed(s, "read");
            break;
        }
        const char *json = (const char *)sqlite3_column_text(st, 3);
        e = fn(arg, (const char *)sqlite3_column_text(st, 1), (uint64_t)sqlite3_column_int64(st, 0),
            (uint64_t)sqlite3_column_int64(st, 2), json, (size_t)sqlite3_column_bytes(st, 3));
    }
    sqlite3_finalize(st);
    return e;
}

static bool step(sqlite3_stmt *st)
{
    bool ok = sqlite3_step(st) == SQLITE_DONE;
    sqlite3_reset(st);
    return ok;
}

static bool write_one(struct store *s, const struct store_write *w)
{
    sqlite3_stmt *st = w->gone ? s->remove : s->put;
    sqlite3_bind_int64(st, 1, (sqlite3_int64)w->row);
    if (!w->gone) {
        sqlite3_bind_text(st, 2, w->kind, -1, SQLITE_STATIC);
        sqlite3_bind_text(st, 3, w->key, -1, SQLITE_STATIC);
        sqlite3_bind_int64(st, 4, (sqlite3_int64)w->rev);
        sqlite3_bind_text64(st, 5, w->json, w->len, SQLITE_STATIC, SQLITE_UTF8);
    }
    return step(st);
}

static bool set_revision(struct store *s, uint64_t revision)
{
    if (!revision)
        return true;
    sqlite3_bind_int64(s->revision, 1, (sqlite3_int64)revision);
    return step(s->revision);
}

struct err *store_commit(struct store *s, const struct store_write *writes, size_t n, uint64_t revision)
{
    if (!step(s->begin))
        return failed(s, "begin");
    bool ok = set_revision(s, revision);
    for (size_t i = 0; ok && i < n; i++)
        ok = write_one(s, &writes[i]);
    sqlite3_clear_bindings(s->put); /* what they point to is the caller's */
    if (ok && step(s->commit))
        return NULL;
    struct err *e = failed(s, "commit");
    if (!sqlite3_get_autocommit(s->db))
        (void)step(s->rollback);
    return e;
}
