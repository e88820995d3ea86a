/* ---- values that programs give to variables, and ask for --------------------------------------------------------- */

static int weft_fits(const struct weft_variable *v, const int64_t *shape)
{
    for (int axis = 0; axis < v->rank; axis++)
        if (v->shape[axis] >= 0 ? shape[axis] != v->shape[axis] : shape[axis] < 0)
            return 0;
    return weft_count_bytes(v, shape) >= 0;
}

/* The number of a variable; -1: there is none of that name. */
static int weft_find_variable(const char *name)
{
    for (int i = 0; i < WEFT_VARIABLES; i++)
        if (!strcmp(weft_variables[i].name, name))
            return i;
    return -1;
}

static int weft_set_value(struct weft_state *state, const char *name, const void *elements, const int64_t *shape)
{
    char found[128], wanted[128];
    int64_t place;
    int number = weft_find_variable(name);
    if (number < 0)
        return weft_fail(state, WEFT_ARGUMENT, "There is no variable %s.", name);
    const struct weft_variable *v = &weft_variables[number];
    if (v->rank > 0 && shape == NULL)
        return weft_fail(state, WEFT_ARGUMENT, "%s has %d sizes, and none are given.", name, v->rank);
    if (!weft_fits(v, shape)) {
        weft_write_shape(found, sizeof found, shape, v->rank, 0);
        weft_write_shape(wanted, sizeof wanted, v->shape, v->rank, 1);
        return weft_fail(state, WEFT_SIZES, "%s has shape %s, and is given %s.", name, wanted, found);
    }
    if (v->is_bool && elements != NULL && weft_find_bool(elements, weft_count_bytes(v, shape), &place))
        return weft_fail(state, WEFT_ARGUMENT, "Element %lld of %s is no bool, which is 0 or 1.", (long long)place, name);
    struct weft_value made = weft_copy_value(v, elements, shape);
    if (made.bytes == NULL)
        return weft_fail(state, WEFT_MEMORY, "%s: memory for its value cannot be had.", name);
    free(state->values[number].bytes);
    state->values[number] = made;
    return WEFT_OK;
}

static int weft_set(struct weft_state *state, const char *name, const void *elements, const int64_t *shape)
{
    if (state == NULL || name == NULL)
        return WEFT_ARGUMENT;
    if (!weft_enter(state))
        return WEFT_BUSY;
    return weft_leave(state, weft_set_value(state, name, elements, shape));
}

static const void *weft_get(const struct weft_state *state, const char *name, int64_t *shape)
{
    int number = state == NULL || name == NULL ? -1 : weft_find_variable(name);
    if (number < 0)
        return NULL;
    const struct weft_value *value = &state->values[number];
    if (shape != NULL && value->bytes != NULL && weft_variables[number].rank > 0)
        memcpy(shape, value->shape, (size_t)weft_variables[number].rank * sizeof *shape);
    return value->bytes;
}
