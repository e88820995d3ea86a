/* ---- calls ------------------------------------------------------------------------------------------------------ */

extern int64_t weft_walk(int64_t image); /* runs the steps; WEFT_DONE, WEFT_PAUSED, or the row that failed */

static int weft_compare(const int64_t *a, const int64_t *b, int count)
{
    for (int i = 0; i < count; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

static const struct weft_plan *weft_find_plan(const struct weft_function *f, const int64_t *sizes)
{
    int64_t low = 0, high = f->plan_count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        int found = weft_compare(f->plan_sizes + middle * f->size_count, sizes, f->size_count);
        if (found == 0)
            return &f->plans[middle];
        if (found < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static int weft_refuse_sizes(struct weft_state *state, const struct weft_function *f, const int64_t *sizes)
{
    char text[WEFT_MESSAGE_BYTES / 2] = "";
    size_t used = 0;
    for (int i = 0; i < f->size_count && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s = %lld", i ? ", " : "", f->size_names[i],
                                 (long long)sizes[i]);
    return weft_fail(state, WEFT_SIZES, "%s: it was called with %s, and exported for %s.", f->name, text, f->offered);
}

/* Writes the image of a plan, with the addresses that its words get. */
static void weft_link(const struct weft_state *state, const struct weft_function *f, struct weft_image *image)
{
    const struct weft_layout *layout = &f->layouts[image->plan->layout];
    const int64_t *change = (const int64_t *)(weft_data + image->plan->changes);
    const int32_t *word = (const int32_t *)(weft_data + layout->links);
    int64_t *words = image->words;
    memcpy(words, weft_data + layout->words, (size_t)layout->count * sizeof *words);
    for (int64_t i = 0; i < image->plan->change_count; i++, change += 2)
        words[change[0]] = change[1];
    for (int64_t i = 0; i < layout->inside; i++)
        words[*word++] += (int64_t)(intptr_t)words;
    for (int64_t i = 0; i < layout->code; i++, word++)
        words[*word] = (int64_t)(intptr_t)weft_code[words[*word]];
    for (int64_t i = 0; i < layout->fixed; i++)
        words[*word++] += (int64_t)(intptr_t)weft_data;
    for (int64_t i = 0; i < layout->arena; i++)
        words[*word++] += (int64_t)(intptr_t)state->arena;
    for (int64_t row = 0; row < layout->rows; row++) { /* no more parts than threads */
        int64_t *step = words + layout->steps + row * WEFT_STEP;
        if (step[WEFT_PARTS] > state->threads)
            step[WEFT_PARTS] = state->threads;
        if (step[WEFT_BLOCK_PARTS] > state->threads)
            step[WEFT_BLOCK_PARTS] = state->threads;
    }
}

/* The image of a plan, and an arena that is large enough for it. */
static int weft_prepare(struct weft_state *state, const struct weft_function *f, struct weft_image *image,
                        const struct weft_plan *plan)
{
    if (image->words == NULL && (image->words = weft_allocate(f->most_words * 8)) == NULL)
        return weft_fail(state, WEFT_MEMORY, "%s: the %lld bytes of its tables cannot be had.", f->name,
                         (long long)(f->most_words * 8));
    if (plan->arena_bytes > state->arena_bytes) {
        char *arena = weft_allocate(plan->arena_bytes);
        if (arena == NULL)
            return weft_fail(state, WEFT_MEMORY, "%s: the %lld bytes of its temporaries cannot be had.", f->name,
                             (long long)plan->arena_bytes);
        free(state->arena);
        state->arena = arena;
        state->arena_bytes = plan->arena_bytes;
        for (int i = 0; i < WEFT_FUNCTIONS; i++)
            state->images[i].plan = NULL;
    }
    if (image->plan != plan) {
        image->plan = plan;
        weft_link(state, f, image);
    }
    return WEFT_OK;
}

static int weft_overlap(const char *a, int64_t a_bytes, const char *b, int64_t b_bytes)
{
    return (uintptr_t)a < (uintptr_t)b + (uintptr_t)b_bytes && (uintptr_t)b < (uintptr_t)a + (uintptr_t)a_bytes;
}

/* The variable in whose memory an array lies; NULL: there is none.  A call may write it while it reads the array. */
static const struct weft_variable *weft_find_owner(const struct weft_state *state, const char *array, int64_t bytes)
{
    for (int i = 0; i < WEFT_VARIABLES; i++) {
        const struct weft_value *value = &state->values[i];
        if (value->bytes != NULL &&
            weft_overlap(value->bytes, weft_count_bytes(&weft_variables[i], value->shape), array, bytes))
            return &weft_variables[i];
    }
    return NULL;
}

static int weft_check_arrays(struct weft_state *state, const struct weft_function *f, const int64_t *bytes,
                             void *const *arrays)
{
    int first_result = f->array_count - f->result_count;
    int64_t place;
    for (int i = 0; i < f->array_count; i++) {
        const struct weft_array *array = &f->arrays[i];
        if (bytes[i] == 0)
            continue;
        if (arrays[i] == NULL)
            return weft_fail(state, WEFT_ARGUMENT, "%s: %s is NULL, and has %lld bytes.", f->name, array->name,
                             (long long)bytes[i]);
        if ((uintptr_t)arrays[i] % (uintptr_t)array->item_bytes)
            return weft_fail(state, WEFT_ARGUMENT, "%s: %s is not at a multiple of its %d bytes.", f->name,
                             array->name, array->item_bytes);
        for (int k = 0; i >= first_result && k < i; k++) /* arguments may share memory, results may not */
            if (weft_overlap(arrays[k], bytes[k], arrays[i], bytes[i]))
                return weft_fail(state, WEFT_ARGUMENT, "%s: %s and %s share memory.", f->name, f->arrays[k].name,
                                 array->name);
        const struct weft_variable *owner = weft_find_owner(state, arrays[i], bytes[i]);
        if (owner != NULL)
            return weft_fail(state, WEFT_ARGUMENT,
                             "%s: %s lies in the memory of the variable %s: copy it before the call.", f->name,
                             array->name, owner->name);
        if (array->is_bool && i < first_result && weft_find_bool(arrays[i], bytes[i], &place))
            return weft_fail(state, WEFT_ARGUMENT, "%s: element %lld of %s is no bool, which is 0 or 1.", f->name,
                             (long long)place, array->name);
    }
    return WEFT_OK;
}

/* The sizes that arguments bring, and behind them those of variables. */
static void weft_complete_sizes(const struct weft_state *state, const struct weft_function *f, const int64_t *given,
                                int64_t *sizes)
{
    int count = f->size_count - f->source_count;
    for (int i = 0; i < f->size_count; i++) {
        const struct weft_source *source = &f->sources[i < count ? 0 : i - count];
        sizes[i] = i < count ? given[i] : state->values[source->variable].shape[source->axis];
    }
}

/* Whether variables whose sizes may change have those of the plan; `shapes` lie behind each other. */
static int weft_check_shapes(struct weft_state *state, const struct weft_function *f, const int64_t *shapes)
{
    for (int i = 0; i < f->shape_count; i++) {
        char found[128], wanted[128];
        const struct weft_variable *v = &weft_variables[f->shape_variables[i]];
        const int64_t *shape = state->values[f->shape_variables[i]].shape;
        if (weft_compare(shape, shapes, v->rank)) {
            weft_write_shape(found, sizeof found, shape, v->rank, 0);
            weft_write_shape(wanted, sizeof wanted, shapes, v->rank, 1);
            return weft_fail(state, WEFT_SIZES, "%s: %s has shape %s, and is to have %s in this call.", f->name, v->name,
                             found, wanted);
        }
        shapes += v->rank;
    }
    return WEFT_OK;
}

static int weft_walk_image(struct weft_state *state, const struct weft_function *f, const struct weft_image *image)
{
    int64_t row;
    do
        row = weft_walk((int64_t)(intptr_t)image->words);
    while (row == WEFT_PAUSED);
    if (row == WEFT_DONE)
        return WEFT_OK;
    const struct weft_layout *layout = &f->layouts[image->plan->layout];
    int32_t text = ((const int32_t *)(weft_data + layout->texts))[row];
    return weft_fail(state, WEFT_INPUT,
                     "%s: %s refused its input, such as an index or a label that is out of range; no variable has "
                     "changed.",
                     f->name, f->texts[text]);
}

/* Gives variables the arrays that a call has made for them. */
static void weft_replace(struct weft_state *state, const struct weft_function *f, const int64_t *cells,
                         const int64_t *shapes)
{
    for (int i = 0; i < f->new_count; i++) {
        struct weft_value *value = &state->values[f->new_variables[i]];
        int rank = weft_variables[f->new_variables[i]].rank;
        free(value->bytes);
        value->bytes = (char *)(intptr_t)cells[i];
        memcpy(value->shape, shapes, (size_t)rank * sizeof *shapes);
        shapes += rank;
    }
}

/* Memory for the new arrays of variables, in the cells of these. */
static int weft_make_arrays(struct weft_state *state, const struct weft_function *f, int64_t *cells,
                            const int64_t *bytes)
{
    for (int i = 0; i < f->new_count; i++)
        cells[i] = 0;
    for (int i = 0; i < f->new_count; i++)
        if ((cells[i] = (int64_t)(intptr_t)weft_allocate(bytes[i])) == 0)
            return weft_fail(state, WEFT_MEMORY, "%s: the %lld bytes of %s cannot be had.", f->name,
                             (long long)bytes[i], weft_variables[f->new_variables[i]].name);
    return WEFT_OK;
}

/* The call itself, once all is known to fit. */
static int weft_run_image(struct weft_state *state, const struct weft_function *f, const struct weft_image *image,
                          void *const *arrays)
{
    int64_t *cells = image->words + f->layouts[image->plan->layout].cells;
    int64_t *made = cells + f->array_count, *kept = made + f->new_count;
    const int64_t *bytes = kept + f->variable_count;
    const int64_t *shapes = bytes + f->array_count + f->new_count + f->variable_count;
    for (int i = 0; i < f->shape_count; i++)
        shapes += weft_variables[f->shape_variables[i]].rank;
    for (int i = 0; i < f->array_count; i++)
        cells[i] = (int64_t)(intptr_t)arrays[i];
    for (int i = 0; i < f->variable_count; i++)
        kept[i] = (int64_t)(intptr_t)state->values[f->variables[i]].bytes;
    int status = weft_make_arrays(state, f, made, bytes + f->array_count);
    if (status == WEFT_OK)
        status = weft_walk_image(state, f, image);
    if (status == WEFT_OK)
        weft_replace(state, f, made, shapes);
    else
        for (int i = 0; i < f->new_count; i++)
            free((void *)(intptr_t)made[i]);
    return status;
}

static int weft_run(struct weft_state *state, int number, const int64_t *given, void *const *arrays)
{
    const struct weft_function *f = &weft_functions[number];
    struct weft_image *image = &state->images[number];
    int64_t sizes[WEFT_MOST_SIZES];
    for (int i = 0; i < f->variable_count; i++)
        if (state->values[f->variables[i]].bytes == NULL)
            return weft_fail(state, WEFT_EMPTY, "%s: %s has no value yet: load a file.", f->name,
                             weft_variables[f->variables[i]].name);
    weft_complete_sizes(state, f, given, sizes);
    const struct weft_plan *plan = weft_find_plan(f, sizes);
    if (plan == NULL)
        return weft_refuse_sizes(state, f, sizes);
    if (plan->refusal != NULL)
        return weft_fail(state, WEFT_SIZES, "%s: %s", f->name, plan->refusal);
    int status = weft_prepare(state, f, image, plan);
    if (status != WEFT_OK)
        return status;
    const int64_t *bytes = image->words + f->layouts[plan->layout].cells;
    int cells = f->array_count + f->new_count + f->variable_count;
    status = weft_check_arrays(state, f, bytes + cells, arrays);
    if (status == WEFT_OK)
        status = weft_check_shapes(state, f, bytes + 2 * cells);
    return status == WEFT_OK ? weft_run_image(state, f, image, arrays) : status;
}

/* What the functions of the header do. */
static int weft_call(struct weft_state *state, int number, const int64_t *sizes, void *const *arrays)
{
    if (state == NULL)
        return WEFT_ARGUMENT;
    if (!weft_enter(state))
        return WEFT_BUSY;
    return weft_leave(state, weft_run(state, number, sizes, arrays));
}
