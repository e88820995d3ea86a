/* Says which digits are on images: `program weights.npz < images > digits`, images of PIXELS floats. */
#include <stdio.h>

#include "digits.h"

int main(int count, char **arguments)
{
    static float x[PIXELS], logits[10];
    digits_state *state;
    int status = digits_create(&state, 1);
    if (status != DIGITS_OK || count != 2)
        return fprintf(stderr, "%s\n", digits_describe(status)), 1;
    status = digits_load(state, arguments[1]);
    while (status == DIGITS_OK && fread(x, sizeof x, 1, stdin) == 1) {
        int best = 0;
        status = digits_predict(state, x, 1, logits);
        for (int digit = 1; digit < 10; digit++)
            if (logits[digit] > logits[best])
                best = digit;
        printf("%d %.9g\n", best, logits[best]);
    }
    if (status != DIGITS_OK)
        fprintf(stderr, "%s\n", digits_message(state));
    digits_destroy(state);
    return status;
}
