# The module in C (core/): everything in it is called by the modules here alone.
from typing import Any

def __getattr__(name: str) -> Any: ...
