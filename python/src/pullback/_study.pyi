# The module in C (core/study.c): everything in it is called by study.py alone.
from typing import Any

def __getattr__(name: str) -> Any: ...
