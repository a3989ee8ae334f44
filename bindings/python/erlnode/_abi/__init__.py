"""The border to C: each prototype stands under its declaration in erlnode.h (`declarations`).

Nothing else in this package knows ctypes. A module for each noun; what is called for every message is in `codec`.
"""

from .codec import *
from .declarations import *
from .discovery import *
from .global_names import *
from .groups import *
from .library import *
from .mailbox import *
from .node import *
from .spawning import *
from .structs import *
