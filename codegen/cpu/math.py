from .math_value import *
from .math_value import convert as cast
from . import math_exp
EMITTERS={}
def _w(f):
    def emit(builder, dtype, *values):
        return f(*(Value(builder, dtype, v) for v in values)).ir
    return emit
for n in "exp exp2 expm1 sigmoid tanh sinh cosh".split(): EMITTERS[n]=_w(getattr(math_exp,n))
