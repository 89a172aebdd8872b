/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VFS that loses what was not synced; see vfs_shim.h. One lock around the records: the store's threads are several.
 */
#include "unit/controller/vfs_shim.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES_MOST = 8, OPS_MOST = 4096, NAME_BYTES = 160, SECTOR_BYTES = 512 };

/* A generator of its own (splitmix64): a cut is repeated by its seed. */
struct random {
	uint64_t state;
};

static uint32_t random_below(struct random *random, uint32_t limit)
{
	uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) >> 32) % limit;
}

/* A write, or (bytes NULL) a truncation to `offset`. */
struct op {
	uint8_t *bytes;
	size_t count, offset;
};

struct record {
	char name[NAME_BYTES];
	bool is_there; /* for programs */
	bool was_there; /* after a cut, surely */
	uint8_t *synced;
	size_t synced_bytes;
	unsigned op_count;
	struct op ops[OPS_MOST];
};

struct shim_file {
	sqlite3_file base;
	struct record *record; /* NULL: only passed through */
	bool syncs_folder; /* with its first sync, as the system's VFS does for a journal or WAL that it made */
	sqlite3_file *real; /* behind this */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct record records[FILES_MOST];
static char watched[NAME_BYTES];
static void (*on_sync)(void *argument);
static void *on_sync_argument;
static _Thread_local bool is_in_call;
static sqlite3_vfs *system_vfs;
static unsigned fail_from, fail_to, call_count;
static int fail_status;

static void out_of_room(const char *what)
{
	(void)fprintf(stderr, "vfs_shim: too many %s\n", what);
	abort();
}

/* --- failing --- */

void shim_fail_at(unsigned n, unsigned more, int status)
{
	pthread_mutex_lock(&lock);
	fail_from = n;
	fail_to = n + more;
	fail_status = status;
	call_count = 0;
	pthread_mutex_unlock(&lock);
}

unsigned shim_count(void)
{
	pthread_mutex_lock(&lock);
	const unsigned count = call_count;
	pthread_mutex_unlock(&lock);
	return count;
}

/* SQLITE_OK, or what the call is to fail with: `otherwise` where the code does not fit it. */
static int due(const struct record *record, bool is_write, int otherwise)
{
	if (record == NULL) {
		return SQLITE_OK;
	}
	pthread_mutex_lock(&lock);
	call_count++;
	const bool is_due = fail_from != 0 && call_count >= fail_from && call_count <= fail_to;
	const int status = !is_due ? SQLITE_OK : fail_status == SQLITE_FULL && is_write ? SQLITE_FULL : otherwise;
	pthread_mutex_unlock(&lock);
	return status;
}

/* --- records --- */

static void clear_ops(struct record *record)
{
	for (unsigned i = 0; i < record->op_count; i++) {
		free(record->ops[i].bytes);
	}
	record->op_count = 0;
}

void shim_watch(const char *folder)
{
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < FILES_MOST; i++) {
		clear_ops(&records[i]);
		free(records[i].synced);
		memset(&records[i], 0, offsetof(struct record, ops));
	}
	(void)snprintf(watched, sizeof(watched), "%s", folder != NULL ? folder : "");
	pthread_mutex_unlock(&lock);
}

static struct record *record_of(const char *name)
{
	struct record *empty = NULL;
	if (watched[0] == '\0' || name == NULL || strncmp(name, watched, strlen(watched)) != 0) {
		return NULL;
	}
	for (unsigned i = 0; i < FILES_MOST; i++) {
		if (strcmp(records[i].name, name) == 0) {
			return &records[i];
		}
		if (records[i].name[0] == '\0' && empty == NULL) {
			empty = &records[i];
		}
	}
	if (empty == NULL) {
		out_of_room("files");
	}
	(void)snprintf(empty->name, sizeof(empty->name), "%s", name);
	return empty;
}

static void add_op(struct record *record, const void *bytes, size_t count, size_t offset)
{
	pthread_mutex_lock(&lock);
	if (record->op_count == OPS_MOST) {
		out_of_room("writes between two syncs");
	}
	struct op *op = &record->ops[record->op_count++];
	*op = (struct op){ .count = count, .offset = offset };
	if (bytes != NULL) {
		op->bytes = malloc(count);
		memcpy(op->bytes, bytes, count);
	}
	pthread_mutex_unlock(&lock);
}

static void apply(uint8_t **bytes, size_t *size, const uint8_t *from, size_t count, size_t offset)
{
	const size_t need = from != NULL ? offset + count : offset;
	if (need > *size || from == NULL) {
		*bytes = realloc(*bytes, need + 1);
		if (need > *size) {
			memset(*bytes + *size, 0, need - *size);
		}
		*size = need;
	}
	if (from != NULL) {
		memcpy(*bytes + offset, from, count);
	}
}

static void take_as_synced(struct record *record)
{
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < record->op_count; i++) {
		const struct op *op = &record->ops[i];
		apply(&record->synced, &record->synced_bytes, op->bytes, op->count, op->offset);
	}
	clear_ops(record);
	record->was_there = record->is_there;
	pthread_mutex_unlock(&lock);
}

static void take_folder_as_synced(void)
{
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < FILES_MOST; i++) {
		records[i].was_there = records[i].is_there;
		if (!records[i].is_there) {
			records[i].synced_bytes = 0;
			clear_ops(&records[i]);
		}
	}
	pthread_mutex_unlock(&lock);
}

/* --- the cut --- */

static bool one_in(struct random *random, uint32_t n)
{
	return random_below(random, n) == 0;
}

/* Each sector of a write reached the disk, or did not, or was being written. */
static void apply_some(struct random *random, uint8_t **bytes, size_t *size, const struct op *op, uint32_t kept_of_8)
{
	uint8_t junk[SECTOR_BYTES];
	for (size_t at = 0; at < op->count;) {
		size_t count = SECTOR_BYTES - (op->offset + at) % SECTOR_BYTES;
		count = count > op->count - at ? op->count - at : count;
		if (one_in(random, 64)) {
			for (size_t i = 0; i < count; i++) {
				junk[i] = (uint8_t)random_below(random, 256);
			}
			apply(bytes, size, junk, count, op->offset + at);
		} else if (random_below(random, 8) < kept_of_8) {
			apply(bytes, size, op->bytes + at, count, op->offset + at);
		}
		at += count;
	}
}

static void cut_file(struct random *random, const struct record *record, const char *path)
{
	/* How much of the unsynced survives differs from nothing to all. */
	static const uint32_t kept[] = { 0, 1, 4, 7, 8 };
	const uint32_t kept_of_8 = kept[random_below(random, 5)];
	unsigned order[OPS_MOST];
	uint8_t *bytes = malloc(record->synced_bytes + 1);
	size_t size = record->synced_bytes;

	if (size != 0) {
		memcpy(bytes, record->synced, size);
	}
	for (unsigned i = 0; i < record->op_count; i++) {
		const unsigned other = random_below(random, i + 1);
		order[i] = order[other];
		order[other] = i;
	}
	for (unsigned i = 0; i < record->op_count; i++) {
		const struct op *op = &record->ops[order[i]];
		if (op->bytes != NULL) {
			apply_some(random, &bytes, &size, op, kept_of_8);
		} else if (random_below(random, 8) < kept_of_8 && op->offset < size) {
			size = op->offset;
		}
	}
	FILE *file = fopen(path, "wb");
	if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
		out_of_room("bytes for the disk of this machine");
	}
	free(bytes);
}

void shim_cut(const char *folder, uint64_t seed)
{
	static const char *const endings[] = { "", "-wal", "-journal", "-shm" };
	struct random random = { seed };
	char path[2 * NAME_BYTES];

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/aether.db%s", folder, endings[i]);
		(void)unlink(path);
	}
	for (unsigned i = 0; i < FILES_MOST; i++) {
		const struct record *record = &records[i];
		const char *base = strrchr(record->name, '/');
		if (base == NULL) {
			continue;
		}
		/* A file that was made or removed since the last sync is there or not. */
		const bool is_left = record->was_there == record->is_there ? record->is_there : one_in(&random, 2);
		if (is_left) {
			(void)snprintf(path, sizeof(path), "%s%s", folder, base);
			cut_file(&random, record, path);
		}
	}
	pthread_mutex_unlock(&lock);
}

/* --- the file's methods --- */

static struct shim_file *shim_of(sqlite3_file *file)
{
	return (struct shim_file *)file;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
	return shim_of(file)->real;
}

static int close_file(sqlite3_file *file)
{
	return real_of(file)->pMethods->xClose(real_of(file));
}

static int read_file(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset)
{
	const int status = due(shim_of(file)->record, false, SQLITE_IOERR_READ);
	return status != SQLITE_OK ? status : real_of(file)->pMethods->xRead(real_of(file), bytes, count, offset);
}

static int write_file(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset)
{
	struct record *record = shim_of(file)->record;
	int status = due(record, true, SQLITE_IOERR_WRITE);
	if (status != SQLITE_OK) {
		/* Half of it was written before the disk said no. */
		const int half = count / 2;
		(void)real_of(file)->pMethods->xWrite(real_of(file), bytes, half, offset);
		add_op(record, bytes, (size_t)half, (size_t)offset);
		return status;
	}
	status = real_of(file)->pMethods->xWrite(real_of(file), bytes, count, offset);
	if (status == SQLITE_OK && record != NULL) {
		add_op(record, bytes, (size_t)count, (size_t)offset);
	}
	return status;
}

static int truncate_file(sqlite3_file *file, sqlite3_int64 size)
{
	struct record *record = shim_of(file)->record;
	int status = due(record, false, SQLITE_IOERR_TRUNCATE);
	if (status == SQLITE_OK) {
		status = real_of(file)->pMethods->xTruncate(real_of(file), size);
	}
	if (status == SQLITE_OK && record != NULL) {
		add_op(record, NULL, 0, (size_t)size);
	}
	return status;
}

static void call_out(void)
{
	if (on_sync != NULL && !is_in_call) {
		is_in_call = true;
		on_sync(on_sync_argument);
		is_in_call = false;
	}
}

static int sync_file(sqlite3_file *file, int flags)
{
	struct record *record = shim_of(file)->record;
	(void)flags;
	if (record == NULL) {
		return SQLITE_OK;
	}
	const int status = due(record, false, SQLITE_IOERR_FSYNC);
	if (status != SQLITE_OK) {
		return status;
	}
	call_out();
	take_as_synced(record);
	if (shim_of(file)->syncs_folder) {
		shim_of(file)->syncs_folder = false;
		take_folder_as_synced();
	}
	call_out();
	return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	const int status = due(shim_of(file)->record, false, SQLITE_IOERR_FSTAT);
	return status != SQLITE_OK ? status : real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int lock_file(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int unlock_file(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int check_lock(sqlite3_file *file, int *result)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), result);
}

static int control_file(sqlite3_file *file, int what, void *argument)
{
	/* Growth in chunks or maps of the file would go around us. */
	if (what == SQLITE_FCNTL_CHUNK_SIZE || what == SQLITE_FCNTL_MMAP_SIZE) {
		return SQLITE_NOTFOUND;
	}
	return real_of(file)->pMethods->xFileControl(real_of(file), what, argument);
}

static int sector_size(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int characteristics(sqlite3_file *file)
{
	(void)file;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int map_shared(sqlite3_file *file, int page, int size, int extend, void volatile **at)
{
	const int status = due(shim_of(file)->record, false, SQLITE_IOERR_SHMMAP);
	return status != SQLITE_OK ? status : real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, at);
}

static int lock_shared(sqlite3_file *file, int offset, int n, int flags)
{
	return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void barrier_shared(sqlite3_file *file)
{
	real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int unmap_shared(sqlite3_file *file, int is_last)
{
	return real_of(file)->pMethods->xShmUnmap(real_of(file), is_last);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2, /* without xFetch: no maps */
	.xClose = close_file,
	.xRead = read_file,
	.xWrite = write_file,
	.xTruncate = truncate_file,
	.xSync = sync_file,
	.xFileSize = file_size,
	.xLock = lock_file,
	.xUnlock = unlock_file,
	.xCheckReservedLock = check_lock,
	.xFileControl = control_file,
	.xSectorSize = sector_size,
	.xDeviceCharacteristics = characteristics,
	.xShmMap = map_shared,
	.xShmLock = lock_shared,
	.xShmBarrier = barrier_shared,
	.xShmUnmap = unmap_shared,
};

/* --- the file system's --- */

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	struct shim_file *shim = shim_of(file);
	(void)vfs;
	pthread_mutex_lock(&lock);
	struct record *record = record_of(name);
	pthread_mutex_unlock(&lock);
	memset(shim, 0, sizeof(*shim));
	shim->real = (sqlite3_file *)(void *)(shim + 1);
	int status = due(record, false, SQLITE_CANTOPEN);
	if (status == SQLITE_OK) {
		status = system_vfs->xOpen(system_vfs, name, shim->real, flags, out_flags);
	}
	if (status != SQLITE_OK) {
		return status;
	}
	shim->record = record;
	shim->base.pMethods = &methods;
	if (record != NULL) {
		const int journals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
		shim->syncs_folder = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & journals) != 0;
		record->is_there = true;
	}
	return SQLITE_OK;
}

static int delete_file(sqlite3_vfs *vfs, const char *name, int is_synced)
{
	(void)vfs;
	pthread_mutex_lock(&lock);
	struct record *record = record_of(name);
	pthread_mutex_unlock(&lock);
	int status = due(record, false, SQLITE_IOERR_DELETE);
	if (status == SQLITE_OK) {
		status = system_vfs->xDelete(system_vfs, name, 0);
	}
	if (status == SQLITE_OK && record != NULL) {
		pthread_mutex_lock(&lock);
		record->is_there = false;
		if (is_synced != 0) {
			record->was_there = false;
			record->synced_bytes = 0;
			clear_ops(record);
		}
		pthread_mutex_unlock(&lock);
	}
	return status;
}

static int find_file(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
	(void)vfs;
	return system_vfs->xAccess(system_vfs, name, flags, result);
}

void shim_on_sync(void (*call)(void *argument), void *argument)
{
	on_sync = call;
	on_sync_argument = argument;
}

void shim_register(void)
{
	static sqlite3_vfs shim;
	system_vfs = sqlite3_vfs_find(NULL);
	shim = *system_vfs;
	shim.pNext = NULL;
	shim.zName = SHIM_VFS;
	shim.szOsFile = (int)sizeof(struct shim_file) + system_vfs->szOsFile;
	shim.xOpen = open_file;
	shim.xDelete = delete_file;
	shim.xAccess = find_file;
	if (sqlite3_vfs_register(&shim, 0) != SQLITE_OK) {
		abort();
	}
}
