from .math_value import *
from .math_value import convert as cast
from . import math_exp
EMITTERS={}
def _w(f):
    def emit(builder, dtype, *values):
        return f(*(Value(builder, dtype, v) for v in values)).ir
    return emit
for n in "exp exp2 expm1 sigmoid tanh sinh cosh".split(): EMITTERS[n]=_w(getattr(math_exp,n))
from . import math_log
for n in "log log2 log10 log1p logaddexp arcsinh arccosh arctanh".split(): EMITTERS[n]=_w(getattr(math_log,n))
from . import math_trig
for n in "sin cos tan".split(): EMITTERS[n]=_w(getattr(math_trig,n))
from . import math_inverse_trig
for n in "arcsin arccos arctan arctan2".split(): EMITTERS[n]=_w(getattr(math_inverse_trig,n))
from . import math_pow, math_erf
for n in "pow cbrt hypot".split(): EMITTERS[n]=_w(getattr(math_pow,n))
for n in "erf erfc".split(): EMITTERS[n]=_w(getattr(math_erf,n))
from . import math_gamma
for n in "erfinv".split(): EMITTERS[n]=_w(getattr(math_erf,n))
for n in "lgamma digamma".split(): EMITTERS[n]=_w(getattr(math_gamma,n))
