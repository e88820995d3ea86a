/* ---- writing files of variables ---------------------------------------------------------------------------------- */

enum { WEFT_HEADER_STEP = 64, WEFT_HEADER_ROOM = 2048 };

struct weft_entry { /* of a file that is written */
    const struct weft_variable *variable;
    char header[WEFT_HEADER_ROOM]; /* of NumPy's, in front of the elements */
    int64_t header_bytes;
    const char *elements;
    int64_t bytes;
    uint32_t crc;
    int64_t start;
};

/* What a file of NumPy's has in front of an array: a mark, a version, the length of a text, and the text. */
static void weft_write_header(struct weft_entry *entry, const struct weft_value *value)
{
    enum { START = 10 };
    char shape[WEFT_HEADER_ROOM / 2];
    char *text = entry->header + START;
    weft_write_shape(shape, sizeof shape, value->shape, entry->variable->rank, 0);
    int count = snprintf(text, WEFT_HEADER_ROOM - START, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
                         entry->variable->dtype, shape);
    entry->header_bytes = (START + count + WEFT_HEADER_STEP) / WEFT_HEADER_STEP * WEFT_HEADER_STEP;
    memset(text + count, ' ', (size_t)(entry->header_bytes - START - count));
    entry->header[entry->header_bytes - 1] = '\n';
    memcpy(entry->header, "\x93NUMPY\x01\x00", 8);
    unsigned char *at = (unsigned char *)entry->header + 8;
    weft_put(&at, (uint32_t)(entry->header_bytes - START), 2);
}

static int64_t weft_member_bytes(const struct weft_entry *entry)
{
    return entry->header_bytes + entry->bytes;
}

/* What the entry of a variable and that of the directory have in common. */
static void weft_put_description(unsigned char **at, const struct weft_entry *entry)
{
    enum { VERSION = 20, NAMES_ARE_UTF8 = 0x800, STORED = 0, TIME = 0, DAY = 0x21 };
    weft_put(at, VERSION, 2);
    weft_put(at, NAMES_ARE_UTF8, 2);
    weft_put(at, STORED, 2);
    weft_put(at, TIME, 2);
    weft_put(at, DAY, 2);
    weft_put(at, entry->crc, 4);
    weft_put(at, (uint32_t)weft_member_bytes(entry), 4);
    weft_put(at, (uint32_t)weft_member_bytes(entry), 4);
    weft_put(at, (uint32_t)strlen(entry->variable->name) + 4, 2);
    weft_put(at, 0, 2); /* nothing more behind the name */
}

static int64_t weft_write(FILE *stream, const void *bytes, int64_t count)
{
    return (int64_t)fwrite(bytes, 1, (size_t)count, stream);
}

static int64_t weft_write_name(FILE *stream, const struct weft_entry *entry)
{
    const char *name = entry->variable->name;
    return weft_write(stream, name, (int64_t)strlen(name)) + weft_write(stream, ".npy", 4);
}

/* The entry of a variable, and its array; how many bytes were written. */
static int64_t weft_write_entry(FILE *stream, const struct weft_entry *entry)
{
    unsigned char bytes[WEFT_ENTRY_BYTES], *at = bytes;
    weft_put(&at, WEFT_ENTRY, 4);
    weft_put_description(&at, entry);
    int64_t count = weft_write(stream, bytes, WEFT_ENTRY_BYTES) + weft_write_name(stream, entry);
    return count + weft_write(stream, entry->header, entry->header_bytes) +
           weft_write(stream, entry->elements, entry->bytes);
}

static int64_t weft_write_directory(FILE *stream, const struct weft_entry *entry)
{
    unsigned char bytes[WEFT_DIRECTORY_BYTES], *at = bytes;
    weft_put(&at, WEFT_DIRECTORY, 4);
    weft_put(&at, 20, 2);
    weft_put_description(&at, entry);
    weft_put(&at, 0, 4); /* no comment, on one disk */
    weft_put(&at, 0, 2);
    weft_put(&at, 0, 4);
    weft_put(&at, (uint32_t)entry->start, 4);
    return weft_write(stream, bytes, WEFT_DIRECTORY_BYTES) + weft_write_name(stream, entry);
}

static void weft_write_end(FILE *stream, int64_t start, int64_t count)
{
    unsigned char entry[WEFT_END_BYTES], *at = entry;
    weft_put(&at, WEFT_END, 4);
    weft_put(&at, 0, 4);
    weft_put(&at, WEFT_VARIABLES, 2);
    weft_put(&at, WEFT_VARIABLES, 2);
    weft_put(&at, (uint32_t)count, 4);
    weft_put(&at, (uint32_t)start, 4);
    weft_put(&at, 0, 2);
    weft_write(stream, entry, WEFT_END_BYTES);
}

static void weft_write_arrays(FILE *stream, struct weft_entry *entries)
{
    int64_t at = 0, directory = 0;
    for (int i = 0; i < WEFT_VARIABLES; i++) {
        entries[i].start = at;
        at += weft_write_entry(stream, &entries[i]);
    }
    for (int i = 0; i < WEFT_VARIABLES; i++)
        directory += weft_write_directory(stream, &entries[i]);
    weft_write_end(stream, at, directory);
}

/* What is written of each variable: WEFT_EMPTY where one has no value, WEFT_FILE where all are more than it counts. */
static int weft_describe_values(const struct weft_state *state, struct weft_entry *entries)
{
    enum { ROOM = 1 << 20 }; /* of names and entries: there are fewer than 65536 */
    int64_t all = 0;
    for (int i = 0; i < WEFT_VARIABLES; i++) {
        const struct weft_variable *v = &weft_variables[i];
        struct weft_entry *entry = &entries[i];
        const struct weft_value *value = &state->values[i];
        if (value->bytes == NULL)
            return WEFT_EMPTY;
        entry->variable = v;
        entry->elements = value->bytes;
        entry->bytes = weft_count_bytes(v, value->shape);
        weft_write_header(entry, value);
        entry->crc = weft_crc(weft_crc(0, entry->header, entry->header_bytes), entry->elements, entry->bytes);
        all += weft_member_bytes(entry) + 2 * (int64_t)strlen(v->name) + WEFT_ENTRY_BYTES + WEFT_DIRECTORY_BYTES + 8;
        if (all > UINT32_MAX - ROOM)
            return WEFT_FILE;
    }
    return WEFT_OK;
}

/* Writes a file beside its place, and then puts it there: whoever is cut off leaves the one before. */
static int weft_write_file(struct weft_state *state, const char *path, char *beside, struct weft_entry *entries)
{
    sprintf(beside, "%s.XXXXXX", path);
    int descriptor = mkstemp(beside);
    FILE *stream = descriptor < 0 ? NULL : fdopen(descriptor, "wb");
    if (stream == NULL) {
        int reason = errno;
        if (descriptor >= 0) {
            close(descriptor);
            unlink(beside);
        }
        return weft_fail(state, WEFT_FILE, "%s cannot be written: %s.", path, strerror(reason));
    }
    weft_write_arrays(stream, entries);
    int failed = fflush(stream) | ferror(stream) | fsync(descriptor);
    int reason = errno;
    failed |= fclose(stream);
    if (!failed && rename(beside, path)) {
        failed = 1;
        reason = errno;
    }
    if (!failed)
        return WEFT_OK;
    unlink(beside);
    return weft_fail(state, WEFT_FILE, "%s cannot be written: %s.", path, strerror(reason));
}

static int weft_save_values(struct weft_state *state, const char *path, char *beside, struct weft_entry *entries)
{
    if (beside == NULL || entries == NULL)
        return weft_fail(state, WEFT_MEMORY, "%s: there is no memory to write it.", path);
    int status = weft_describe_values(state, entries);
    if (status == WEFT_EMPTY)
        return weft_fail(state, WEFT_EMPTY, "%s: a variable has no value yet.", path);
    if (status == WEFT_FILE)
        return weft_fail(state, WEFT_FILE, "%s: the variables take more than 4 GiB, which is not written.", path);
    return weft_write_file(state, path, beside, entries);
}

static int weft_save(struct weft_state *state, const char *path)
{
    if (state == NULL || path == NULL)
        return WEFT_ARGUMENT;
    if (!weft_enter(state))
        return WEFT_BUSY;
    char *beside = malloc(strlen(path) + 8);
    struct weft_entry *entries = malloc(WEFT_VARIABLES * sizeof *entries);
    int status = weft_save_values(state, path, beside, entries);
    free(entries);
    free(beside);
    return weft_leave(state, status);
}
