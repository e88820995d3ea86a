"""What the threads of a team and their callers share: numbers in memory, and times."""

from enum import IntEnum

TEAM = "weft_team"  # the name by which machine code finds the memory
SPIN_NS = 1_000_000  # for which a thread without work stays awake
PREEMPTED_NS = 200_000  # between two looks at the clock, after which another process had the core
BRIEF_NS, LONG_NS = 10_000_000, 1_000_000_000  # for which fewer threads share steps, after somebody was late
BYTES = 1024  # in lines of 128: what different threads write lies apart


class TeamField(IntEnum):
    """Where the team's numbers are, in int64."""

    OWNER = 0  # whether a call has the team
    TICKET = 16  # which job, and which of its parts is taken next
    ROW = 32  # the job: a row of the table,
    STEPS = 33  # how many steps, of which several run in row blocks,
    PARTS = 34  # in how many parts,
    CORE = 35  # and the core on which it was given
    DONE = 48  # parts that threads of the team have done
    FAILED = 49
    LATE = 50  # nanoseconds in which another process had the core of a thread that had nothing to do
    ASLEEP = 64  # threads
    ALIVE = 65
    STOP = 66
    THREADS = 80  # of the team
    AWAKE = 81  # how many of them share steps at present
    UNTIL = 82  # when more of them may again
    PAUSE = 83  # how long they were last told to wait
    CREDIT = 84  # nanoseconds that they have saved lately
    MUTEX = 96
    CONDITION = 112
