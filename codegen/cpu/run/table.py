"""What the tables hold that the walker runs: numbers and addresses, in rows of int64.

    header   number of patches, their address, address of the call's arrays, number of steps, their address; the step to
             go on with (0: a new call, DONE: the last one ended well), the first step that no pause comes before
    patch    address of a slot, which of the call's arrays, offset in bytes: the array's address goes into the slot
    step     kernel, buffers, params, work units, parts; steps that share row blocks from here on, rows of their
             arrays, rows at a time, parts; nanoseconds; the fewest nanoseconds that all parts have taken one after the
             other, 0: not known
    jump     0, BEGIN, END, BRANCH or JUMP, address of its loop's fields, how many rows on or back

Two more tables belong to a loop: its variables, which are addresses that move, and the slots, to which they are written
with every step.

    variable place, bytes a step, ALTERNATING or 0, number of the variable it follows or -1
    slot     address, number of the variable, bytes from there
"""

from enum import IntEnum

HEADER, PATCH, STEP, VARIABLE, SLOT = 7, 3, 11, 4, 3  # numbers in a row
PAUSED = -2  # what the walker returns where it has not come to the end
DONE = -1
BUSY, CALL_AGAIN, RAISED = -3, -4, -5  # of a bound call: it runs already; holding its variables; Python's error is set
PAUSE_NS = 20_000_000  # as estimated, after which the walker returns to Python, which looks after signals
LEAST_STEP_NS = 20  # of a step, for that purpose
BEGIN, END, BRANCH, JUMP = range(1, 5)
STEP_TO_GO_ON = 5  # where in the header that is
PARTS, BLOCK_PARTS, BEST = 4, 8, 10  # where in a step they are
ALTERNATING = 1  # the mask of a variable that goes there and back; 0: of one that goes on


class LoopField(IntEnum):
    """What a loop keeps; addresses are 0 where there is nothing."""

    DONE = 0  # steps
    LIMIT = 1  # steps in this run
    LENGTH = 2  # steps at most
    COUNT = 3  # address of the int64 that says how many; of a branch: of its bool
    TEST = 4  # address of the bool that says whether to go on
    RESULT = 5  # address of the int64 that gets the number of steps
    REVERSE = 6
    VARIABLES = 7
    VARIABLE_COUNT = 8
    SLOTS = 9
    SLOT_COUNT = 10


FIELDS = len(LoopField)
