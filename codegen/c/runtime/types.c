/* What an exported file is made of.  The tables are constant and written by weft; the state is what calls change.
 *
 * Numbers of tables are counted in bytes from `weft_data`, or in words of an image.  An image is what the walker runs:
 * the table of a program for one set of sizes (weft/codegen/cpu/run/image.py), in which some words get addresses. */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum weft_status { WEFT_OK, WEFT_ARGUMENT, WEFT_SIZES, WEFT_INPUT, WEFT_MEMORY, WEFT_BUSY, WEFT_FILE, WEFT_PROCESSOR,
                   WEFT_EMPTY };

enum { WEFT_ALIGNMENT = 64, WEFT_MESSAGE_BYTES = 512, WEFT_MOST_RANK = 64 };

struct weft_array { /* one that a call is given */
    const char *name;
    int item_bytes;
    int is_bool;
};

struct weft_layout { /* of the images that differ in other words than those that get addresses */
    int64_t words;   /* where the first such image is, */
    int64_t count;   /* and how many words it has */
    int64_t links;   /* where the numbers of words are that get an address, as int32: so many */
    int64_t inside;  /* of words of the image itself, */
    int64_t code;    /* of code, */
    int64_t fixed;   /* of constants, */
    int64_t arena;   /* of temporaries */
    int64_t cells;   /* the first of the words that get the addresses of a call's arrays: arguments, results, new arrays
                        of variables, variables; behind them lie the bytes of each, then the shapes of
                        `shape_variables`, then those of `new_variables` */
    int64_t steps;   /* the first word of the table of steps, */
    int64_t rows;    /* how many these are, */
    int64_t texts;   /* and for each, as int32, which text says what it computes */
};

struct weft_plan { /* for one set of sizes */
    const char *refusal; /* what is wrong with them, or NULL */
    int layout;
    int64_t changes; /* where pairs of words are, which word and what is in it, */
    int64_t change_count;
    int64_t arena_bytes;
};

struct weft_source { /* of a size that no argument brings: an axis of a variable */
    int variable;
    int axis;
};

struct weft_function {
    const char *name;
    int array_count; /* arguments, then results */
    int result_count;
    const struct weft_array *arrays;
    int new_count; /* new arrays of variables, which take the place of the old ones behind a call */
    const int *new_variables;
    int variable_count;
    const int *variables; /* those whose arrays stay */
    int shape_count;
    const int *shape_variables; /* those whose sizes have to be as planned */
    int size_count;             /* of which the last are those of variables */
    const char *const *size_names;
    int source_count;
    const struct weft_source *sources;
    const char *offered; /* which sizes there are plans for, in words */
    int64_t plan_count;  /* in ascending order of their sizes */
    const int64_t *plan_sizes;
    const struct weft_plan *plans;
    const struct weft_layout *layouts;
    const char *const *texts;
    int64_t most_words;
};

struct weft_variable {
    const char *name;
    const char *dtype; /* as NumPy's files name it */
    int item_bytes;
    int is_bool;
    int rank;
    const int64_t *shape; /* -1: a size that may change */
    const int64_t *initial_shape;
    int64_t initial; /* where its value is that weft wrote, or -1 */
};

struct weft_value { /* of a variable */
    char *bytes;    /* NULL: it has none yet */
    int64_t shape[WEFT_MOST_RANK];
};

struct weft_image { /* of the sizes that a function was called with last */
    const struct weft_plan *plan; /* NULL: it has none yet, or not the addresses of the present arena */
    int64_t *words;
};

struct weft_state {
    int busy;
    int threads;
    struct weft_value *values; /* one for each variable */
    char *arena;
    int64_t arena_bytes;
    struct weft_image *images; /* one for each function */
    char message[WEFT_MESSAGE_BYTES];
};
