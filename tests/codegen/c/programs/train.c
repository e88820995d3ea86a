/* Ten steps and a prediction: reads what a test has drawn, and writes all results one behind the other.
 *
 *     train FOLDER THREADS
 *
 * FUNCTIONS, set by the test, are calls of the exported functions: STEP(i), PREDICT. */
#include <stdio.h>
#include <stdlib.h>

#include HEADER

static void *content(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        exit(10);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    void *bytes = malloc((size_t)size + 1);
    if (bytes == NULL || fread(bytes, 1, (size_t)size, file) != (size_t)size)
        exit(11);
    fclose(file);
    return bytes;
}

static void check(int status, const STATE *state)
{
    if (status) {
        fprintf(stderr, "%d: %s\n", status, state ? MESSAGE(state) : "");
        exit(12);
    }
}

int main(int count, char **arguments)
{
    const char *folder = arguments[1];
    char path[4096];
    STATE *state;
    if (count != 3)
        return 13;
    X_TYPE *x = content(folder, "x");
    int64_t *t = content(folder, "t");
    float *out = malloc(OUT_COUNT * sizeof *out);
    FILE *results;
    snprintf(path, sizeof path, "%s/results", folder);
    results = fopen(path, "wb");
    if (results == NULL || out == NULL)
        return 14;
    check(CREATE(&state, atoi(arguments[2])), NULL);
    snprintf(path, sizeof path, "%s/before.npz", folder);
    check(LOAD(state, path), state);
    for (int i = 0; i < 10; i++) {
        float loss;
        check(STEP, state);
        fwrite(&loss, sizeof loss, 1, results);
    }
    check(PREDICT, state);
    fwrite(out, sizeof *out, OUT_COUNT, results);
    fclose(results);
    snprintf(path, sizeof path, "%s/after.npz", folder);
    check(SAVE(state, path), state);
    DESTROY(state);
    free(x);
    free(t);
    free(out);
    return 0;
}
