/* ---- whether this processor has the instructions of the code --------------------------------------------------- */

#if defined(__x86_64__)
#include <cpuid.h>

/* The parts of their state that the system keeps for its processes: of wide vectors, say. */
static uint32_t weft_kept_state(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static int weft_has_instructions(void)
{
    uint32_t a, b, c, d;
    enum { KEEPS_STATE = 1 << 27 }; /* whether xgetbv can be asked */
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & WEFT_LEAF_1_ECX) != WEFT_LEAF_1_ECX)
        return 0;
    if (WEFT_KEPT_STATE && (!(c & KEEPS_STATE) || (weft_kept_state() & WEFT_KEPT_STATE) != WEFT_KEPT_STATE))
        return 0;
    if (WEFT_LEAF_7_EBX && (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & WEFT_LEAF_7_EBX) != WEFT_LEAF_7_EBX))
        return 0;
    return !WEFT_LEAF_EXTENDED_ECX ||
           (__get_cpuid(0x80000001, &a, &b, &c, &d) && (c & WEFT_LEAF_EXTENDED_ECX) == WEFT_LEAF_EXTENDED_ECX);
}
#else
static int weft_has_instructions(void)
{
    return 1;
}
#endif
