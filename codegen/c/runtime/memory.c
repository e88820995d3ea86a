/* ---- memory and messages ---------------------------------------------------------------------------------------- */

static void *weft_allocate(int64_t bytes)
{
    void *found = NULL;
    size_t whole = bytes > 0 ? (size_t)bytes : 1;
    return posix_memalign(&found, WEFT_ALIGNMENT, whole) == 0 ? found : NULL;
}

/* Says what is wrong, and returns the status. */
__attribute__((format(printf, 3, 4))) static int weft_fail(struct weft_state *state, int status, const char *format,
                                                           ...)
{
    va_list given;
    va_start(given, format);
    vsnprintf(state->message, sizeof state->message, format, given);
    va_end(given);
    return status;
}

/* One call at a time is in a state: whether this is the one. */
static int weft_enter(struct weft_state *state)
{
    return !__atomic_exchange_n(&state->busy, 1, __ATOMIC_ACQUIRE);
}

static int weft_leave(struct weft_state *state, int status)
{
    if (status == WEFT_OK)
        state->message[0] = 0;
    __atomic_store_n(&state->busy, 0, __ATOMIC_RELEASE);
    return status;
}
