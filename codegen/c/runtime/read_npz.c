/* ---- reading files of variables ---------------------------------------------------------------------------------- */

struct weft_file { /* one that was read */
    const char *path;
    unsigned char *bytes;
    int64_t count;
};

struct weft_member {
    const unsigned char *name;
    int name_bytes;
    int method;
    uint32_t crc;
    int64_t bytes;
    int64_t start; /* of its entry */
};

static int weft_read_file(struct weft_state *state, struct weft_file *file)
{
    FILE *stream = fopen(file->path, "rb");
    if (stream == NULL)
        return weft_fail(state, WEFT_FILE, "%s cannot be opened: %s.", file->path, strerror(errno));
    int status = WEFT_OK;
    for (int64_t room = 1 << 16; file->count < room; room *= 2) {
        unsigned char *more = realloc(file->bytes, (size_t)room);
        if (more == NULL) {
            status = weft_fail(state, WEFT_MEMORY, "%s: the %lld bytes of the file cannot be had.", file->path,
                               (long long)room);
            break;
        }
        file->bytes = more;
        file->count += (int64_t)fread(more + file->count, 1, (size_t)(room - file->count), stream);
        if (file->count < room)
            break;
    }
    if (status == WEFT_OK && ferror(stream))
        status = weft_fail(state, WEFT_FILE, "%s cannot be read.", file->path);
    fclose(stream);
    return status;
}

static int weft_no_archive(struct weft_state *state, const struct weft_file *file)
{
    return weft_fail(state, WEFT_FILE, "%s is no whole .npz file.", file->path);
}

/* Where the archive's end is marked; -1: nowhere. */
static int64_t weft_find_end(const struct weft_file *file)
{
    for (int64_t at = file->count - WEFT_END_BYTES; at >= 0 && at >= file->count - WEFT_END_BYTES - 65535; at--)
        if (weft_number(file->bytes + at, 4) == WEFT_END)
            return at;
    return -1;
}

/* The entry of the directory at a place, and the place of the next; 0 where the file ends before. */
static int64_t weft_read_entry(const struct weft_file *file, int64_t at, struct weft_member *member)
{
    if (at > file->count - WEFT_DIRECTORY_BYTES || weft_number(file->bytes + at, 4) != WEFT_DIRECTORY)
        return 0;
    const unsigned char *entry = file->bytes + at;
    member->method = (int)weft_number(entry + 10, 2);
    member->crc = weft_number(entry + 16, 4);
    member->bytes = weft_number(entry + 24, 4);
    member->name_bytes = (int)weft_number(entry + 28, 2);
    member->start = weft_number(entry + 42, 4);
    member->name = entry + WEFT_DIRECTORY_BYTES;
    int64_t next = at + WEFT_DIRECTORY_BYTES + member->name_bytes;
    next += weft_number(entry + 30, 2) + weft_number(entry + 32, 2);
    return next <= file->count ? next : 0;
}

/* The bytes of a member that is stored as it is; NULL where the file does not hold them. */
static const unsigned char *weft_content(const struct weft_file *file, const struct weft_member *member)
{
    if (member->start > file->count - WEFT_ENTRY_BYTES || weft_number(file->bytes + member->start, 4) != WEFT_ENTRY)
        return NULL;
    const unsigned char *entry = file->bytes + member->start;
    int64_t at = member->start + WEFT_ENTRY_BYTES + weft_number(entry + 26, 2) + weft_number(entry + 28, 2);
    return at <= file->count - member->bytes ? file->bytes + at : NULL;
}

static int weft_is_named(const struct weft_member *member, const char *name)
{
    size_t count = strlen(name);
    return (size_t)member->name_bytes == count + 4 && !memcmp(member->name, name, count) &&
           !memcmp(member->name + count, ".npy", 4);
}

/* The text behind `'key':` in the header of an array, without the blanks before it. */
static const char *weft_find_key(const char *header, const char *key)
{
    const char *found = strstr(header, key);
    if (found == NULL)
        return "";
    for (found += strlen(key); *found == ' ' || *found == ':';)
        found++;
    return found;
}

/* The sizes of a shape as Python writes it; how many there are, or -1 where it is none. */
static int weft_read_shape(const char *text, int64_t *shape)
{
    int rank = 0;
    if (*text++ != '(')
        return -1;
    for (;;) {
        while (*text == ' ' || *text == ',')
            text++;
        if (*text == ')')
            return rank;
        if (*text < '0' || *text > '9' || rank == WEFT_MOST_RANK)
            return -1;
        int64_t size = 0;
        for (; *text >= '0' && *text <= '9'; text++)
            if ((size = 10 * size + (*text - '0')) > INT64_MAX / 16)
                return -1;
        shape[rank++] = size;
    }
}

/* Whether the header of an array says what the variable is, and with which sizes. */
static int weft_read_header(struct weft_state *state, const struct weft_file *file, const struct weft_variable *v,
                            const char *header, int64_t *shape)
{
    char wanted[128];
    const char *dtype = weft_find_key(header, "'descr'"), *sizes = weft_find_key(header, "'shape'");
    size_t count = strlen(v->dtype);
    if (*dtype != '\'' || strncmp(dtype + 1, v->dtype, count) || dtype[count + 1] != '\'')
        return weft_fail(state, WEFT_FILE, "%s: %s is '%s', and in the file %.*s.", file->path, v->name, v->dtype,
                         (int)strcspn(dtype, ","), dtype);
    if (weft_read_shape(sizes, shape) != v->rank || !weft_fits(v, shape)) {
        weft_write_shape(wanted, sizeof wanted, v->shape, v->rank, 1);
        return weft_fail(state, WEFT_FILE, "%s: %s has shape %s, and in the file %.*s).", file->path, v->name, wanted,
                         (int)strcspn(sizes, ")"), sizes);
    }
    if (v->rank > 1 && strncmp(weft_find_key(header, "'fortran_order'"), "False", 5))
        return weft_fail(state, WEFT_FILE, "%s: %s is stored column by column: write it in C order.", file->path,
                         v->name);
    return WEFT_OK;
}

/* The header of an array, which is a text, and what lies behind it; NULL where there is no array. */
static const unsigned char *weft_split_array(const unsigned char *content, int64_t bytes, char *header, int64_t room)
{
    if (bytes < 12 || memcmp(content, "\x93NUMPY", 6))
        return NULL;
    int start = content[6] == 1 ? 10 : 12;
    int64_t count = weft_number(content + 8, start - 8);
    if (count >= room || start + count > bytes)
        return NULL;
    memcpy(header, content + start, (size_t)count);
    header[count] = 0;
    return content + start + count;
}

static int weft_read_array(struct weft_state *state, const struct weft_file *file, const struct weft_variable *v,
                           const struct weft_member *member, struct weft_value *value)
{
    char header[4096];
    int64_t shape[WEFT_MOST_RANK], place;
    if (member->method != 0)
        return weft_fail(state, WEFT_FILE, "%s: %s is compressed: write the file with numpy.savez.", file->path,
                         v->name);
    const unsigned char *content = weft_content(file, member);
    if (content == NULL)
        return weft_no_archive(state, file);
    if (weft_crc(0, content, member->bytes) != member->crc)
        return weft_fail(state, WEFT_FILE, "%s: the bytes of %s are damaged.", file->path, v->name);
    const unsigned char *elements = weft_split_array(content, member->bytes, header, sizeof header);
    if (elements == NULL)
        return weft_no_archive(state, file);
    int status = weft_read_header(state, file, v, header, shape);
    if (status != WEFT_OK)
        return status;
    int64_t bytes = member->bytes - (elements - content), wanted = weft_count_bytes(v, shape);
    if (bytes != wanted)
        return weft_fail(state, WEFT_FILE, "%s: %s takes %lld bytes, and there are %lld.", file->path, v->name,
                         (long long)wanted, (long long)bytes);
    if (v->is_bool && weft_find_bool(elements, bytes, &place))
        return weft_fail(state, WEFT_FILE, "%s: element %lld of %s is no bool, which is 0 or 1.", file->path,
                         (long long)place, v->name);
    free(value->bytes); /* of a member of the same name */
    *value = weft_copy_value(v, elements, shape);
    if (value->bytes == NULL)
        return weft_fail(state, WEFT_MEMORY, "%s: the %lld bytes of %s cannot be had.", file->path, (long long)bytes,
                         v->name);
    return WEFT_OK;
}

/* All variables from the members of a file; what else is in it is passed over. */
static int weft_read_arrays(struct weft_state *state, const struct weft_file *file, struct weft_value *values)
{
    int64_t end = weft_find_end(file);
    if (end < 0)
        return weft_no_archive(state, file);
    uint32_t members = weft_number(file->bytes + end + 10, 2), first = weft_number(file->bytes + end + 16, 4);
    if (first == UINT32_MAX)
        return weft_fail(state, WEFT_FILE, "%s has more than 4 GiB, which is not read.", file->path);
    int64_t at = first;
    for (uint32_t n = 0; n < members; n++) {
        struct weft_member member;
        if ((at = weft_read_entry(file, at, &member)) == 0)
            return weft_no_archive(state, file);
        for (int i = 0; i < WEFT_VARIABLES; i++)
            if (weft_is_named(&member, weft_variables[i].name)) {
                int status = weft_read_array(state, file, &weft_variables[i], &member, &values[i]);
                if (status != WEFT_OK)
                    return status;
            }
    }
    for (int i = 0; i < WEFT_VARIABLES; i++)
        if (values[i].bytes == NULL)
            return weft_fail(state, WEFT_FILE, "%s has no %s.", file->path, weft_variables[i].name);
    return WEFT_OK;
}

static int weft_load(struct weft_state *state, const char *path)
{
    if (state == NULL || path == NULL)
        return WEFT_ARGUMENT;
    if (!weft_enter(state))
        return WEFT_BUSY;
    struct weft_file file = {path, NULL, 0};
    struct weft_value *values = calloc(WEFT_VARIABLES, sizeof *values);
    int status = values == NULL ? weft_fail(state, WEFT_MEMORY, "%s: memory for the values cannot be had.", path)
                                : weft_read_file(state, &file);
    if (status == WEFT_OK)
        status = weft_read_arrays(state, &file, values);
    if (status == WEFT_OK) { /* all of it fits: now, and not before, the state has it */
        struct weft_value *before = state->values;
        state->values = values;
        values = before;
    }
    weft_free_values(values);
    free(file.bytes);
    return weft_leave(state, status);
}
