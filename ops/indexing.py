"""placeholder replaced below"""
def getitem(x, key): raise NotImplementedError
def take(x, i, axis=None): raise NotImplementedError
