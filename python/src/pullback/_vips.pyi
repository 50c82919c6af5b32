# The module in C (core/vips.c): everything in it is called by _pictures.py and study.py alone.
from typing import Any

def __getattr__(name: str) -> Any: ...
