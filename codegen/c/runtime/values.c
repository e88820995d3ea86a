/* ---- values of variables ---------------------------------------------------------------------------------------- */

/* How many bytes a variable has with these sizes; -1: more than memory holds. */
static int64_t weft_count_bytes(const struct weft_variable *v, const int64_t *shape)
{
    int64_t bytes = v->item_bytes;
    for (int axis = 0; axis < v->rank; axis++)
        if (shape[axis] == 0)
            return 0;
    for (int axis = 0; axis < v->rank; axis++) {
        if (shape[axis] < 0 || bytes > INT64_MAX / 2 / shape[axis])
            return -1;
        bytes *= shape[axis];
    }
    return bytes;
}

/* A shape as Python writes it; of one that is wanted, -1 is a size that may change. */
static void weft_write_shape(char *text, size_t room, const int64_t *shape, int rank, int is_wanted)
{
    size_t used = (size_t)snprintf(text, room, "(");
    for (int axis = 0; axis < rank && used < room; axis++) {
        char size[32] = "any";
        if (!is_wanted || shape[axis] >= 0)
            snprintf(size, sizeof size, "%lld", (long long)shape[axis]);
        used += (size_t)snprintf(text + used, room - used, "%s%s", size, axis < rank - 1 ? ", " : rank == 1 ? "," : "");
    }
    if (used < room)
        snprintf(text + used, room - used, ")");
}

/* A value in memory of its own; NULL stands for zeros.  `bytes` is NULL where there is no memory. */
static struct weft_value weft_copy_value(const struct weft_variable *v, const void *elements, const int64_t *shape)
{
    struct weft_value made = {NULL, {0}};
    int64_t bytes = weft_count_bytes(v, shape);
    made.bytes = bytes < 0 ? NULL : weft_allocate(bytes);
    if (made.bytes == NULL)
        return made;
    for (int axis = 0; axis < v->rank; axis++)
        made.shape[axis] = shape[axis];
    if (elements == NULL)
        memset(made.bytes, 0, (size_t)bytes);
    else
        memcpy(made.bytes, elements, (size_t)bytes);
    return made;
}

static void weft_free_values(struct weft_value *values)
{
    for (int i = 0; values != NULL && i < WEFT_VARIABLES; i++)
        free(values[i].bytes);
    free(values);
}

static int weft_find_bool(const unsigned char *elements, int64_t count, int64_t *place)
{
    for (*place = 0; *place < count; ++*place)
        if (elements[*place] > 1)
            return 1;
    return 0;
}
