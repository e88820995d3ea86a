/* ---- threads that share the steps of calls --------------------------------------------------------------------- */

/* What a thread runs is machine code (weft/codegen/cpu/run/teamwork.py) over these numbers, which the threads and their
 * callers share; WEFT_TEAM_... say where each is.  All states have one team, which belongs to one call at a time: a call
 * beside it runs its steps alone.  The sums of a step are cut where its sizes say, so results do not depend on threads. */
int64_t weft_team[WEFT_TEAM_BYTES / 8] __attribute__((aligned(128)));

extern int64_t weft_work(int64_t team);

enum { WEFT_STACK_BYTES = 1 << 20 };

static pthread_mutex_t weft_team_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t weft_threads[WEFT_MOST_THREADS];
static int weft_thread_count, weft_states; /* how many states want threads */

static pthread_mutex_t *weft_team_mutex(void)
{
    return (pthread_mutex_t *)&weft_team[WEFT_TEAM_MUTEX];
}

static pthread_cond_t *weft_team_condition(void)
{
    return (pthread_cond_t *)&weft_team[WEFT_TEAM_CONDITION];
}

static void weft_set_team(int field, int64_t number)
{
    __atomic_store_n(&weft_team[field], number, __ATOMIC_SEQ_CST);
}

/* A team without threads. */
static void weft_renew_team(void)
{
    memset(weft_team, 0, sizeof weft_team);
    weft_team[WEFT_TEAM_PAUSE] = WEFT_FIRST_PAUSE_NS;
    pthread_mutex_init(weft_team_mutex(), NULL);
    pthread_cond_init(weft_team_condition(), NULL);
    weft_thread_count = 0;
}

static void weft_before_fork(void)
{
    pthread_mutex_lock(&weft_team_lock);
}

static void weft_behind_fork(void)
{
    pthread_mutex_unlock(&weft_team_lock);
}

/* In the child no thread is left: its states run their steps alone, until others are created. */
static void weft_in_child(void)
{
    weft_renew_team();
    pthread_mutex_init(&weft_team_lock, NULL);
}

static void *weft_run_thread(void *team)
{
    weft_work((int64_t)(intptr_t)team);
    return NULL;
}

/* One thread more, which gets no signals: those are for the program's own.  0 where the system has none to give. */
static int weft_start_thread(void)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    size_t stack = 0;
    sigfillset(&all);
    if (pthread_attr_init(&attributes))
        return 0;
    pthread_attr_getstacksize(&attributes, &stack);
    if (stack < WEFT_STACK_BYTES)
        pthread_attr_setstacksize(&attributes, WEFT_STACK_BYTES);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int failed = pthread_create(&weft_threads[weft_thread_count], &attributes, weft_run_thread, weft_team);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return !failed;
}

/* Have so many threads beside those that call, for one state more. */
static void weft_employ(int threads)
{
    static int prepared;
    pthread_mutex_lock(&weft_team_lock);
    if (!prepared)
        prepared = !pthread_atfork(weft_before_fork, weft_behind_fork, weft_in_child);
    if (weft_states++ == 0)
        weft_renew_team();
    while (weft_thread_count < threads && weft_thread_count < WEFT_MOST_THREADS && weft_start_thread())
        weft_set_team(WEFT_TEAM_THREADS, ++weft_thread_count);
    weft_set_team(WEFT_TEAM_AWAKE, weft_thread_count);
    pthread_mutex_unlock(&weft_team_lock);
}

/* One state less: behind the last all threads end. */
static void weft_dismiss(void)
{
    pthread_mutex_lock(&weft_team_lock);
    if (--weft_states == 0) {
        weft_set_team(WEFT_TEAM_STOP, 1);
        pthread_mutex_lock(weft_team_mutex());
        pthread_cond_broadcast(weft_team_condition());
        pthread_mutex_unlock(weft_team_mutex());
        while (weft_thread_count > 0)
            pthread_join(weft_threads[--weft_thread_count], NULL);
        pthread_cond_destroy(weft_team_condition());
        pthread_mutex_destroy(weft_team_mutex());
    }
    pthread_mutex_unlock(&weft_team_lock);
}
