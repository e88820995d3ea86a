/* ---- states ----------------------------------------------------------------------------------------------------- */

static void weft_destroy(struct weft_state *state)
{
    if (state == NULL)
        return;
#if WEFT_MOST_THREADS > 1
    if (state->threads > 1)
        weft_dismiss();
#endif
    for (int i = 0; state->images != NULL && i < WEFT_FUNCTIONS; i++)
        free(state->images[i].words);
    free(state->images);
    weft_free_values(state->values);
    free(state->arena);
    free(state);
}

/* The values that weft wrote, where it wrote some. */
static int weft_initialise(struct weft_state *state)
{
    state->images = calloc(WEFT_FUNCTIONS, sizeof *state->images);
    state->values = calloc(WEFT_VARIABLES + 1, sizeof *state->values);
    if (state->images == NULL || state->values == NULL)
        return WEFT_MEMORY;
    for (int i = 0; i < WEFT_VARIABLES; i++) {
        const struct weft_variable *v = &weft_variables[i];
        if (v->initial < 0)
            continue;
        state->values[i] = weft_copy_value(v, weft_data + v->initial, v->initial_shape);
        if (state->values[i].bytes == NULL)
            return WEFT_MEMORY;
    }
    return WEFT_OK;
}

static int weft_create(struct weft_state **made, int threads)
{
    if (made == NULL)
        return WEFT_ARGUMENT;
    *made = NULL;
    if (threads < 1)
        return WEFT_ARGUMENT;
    if (!weft_has_instructions())
        return WEFT_PROCESSOR;
    struct weft_state *state = calloc(1, sizeof *state);
    if (state == NULL)
        return WEFT_MEMORY;
    state->threads = 1;
    if (weft_initialise(state) != WEFT_OK) {
        weft_destroy(state);
        return WEFT_MEMORY;
    }
#if WEFT_MOST_THREADS > 1
    state->threads = threads < WEFT_MOST_THREADS ? threads : WEFT_MOST_THREADS;
    if (state->threads > 1)
        weft_employ(state->threads - 1);
#endif
    *made = state;
    return WEFT_OK;
}

static const char *weft_describe(int status)
{
    static const char *const texts[] = {
        [WEFT_OK] = "All is done.",
        [WEFT_ARGUMENT] = "An argument is NULL, not aligned, shares memory with a result or a variable, or is out of range.",
        [WEFT_SIZES] = "The function was not exported for these sizes.",
        [WEFT_INPUT] = "A step refused its input, such as an index that is out of range; no variable has changed.",
        [WEFT_MEMORY] = "There is not enough memory.",
        [WEFT_BUSY] = "Another thread is in a call with the same state.",
        [WEFT_FILE] = "A file cannot be read or written, or does not fit the variables.",
        [WEFT_PROCESSOR] = "This processor lacks instructions of the code, which was made for " WEFT_PROCESSOR_NAME ".",
        [WEFT_EMPTY] = "A variable has no value yet: load a file.",
    };
    int known = status >= 0 && status < (int)(sizeof texts / sizeof *texts);
    return known ? texts[status] : "There is no such status.";
}
