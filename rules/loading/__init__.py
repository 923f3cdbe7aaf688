"""Loading an agreement with positions and all diagnostics at once."""

from rules.loading.diagnostics import Code, Diagnostic
from rules.loading.load import Loaded, load_agreement
from rules.loading.yaml_tree import MAX_BYTES

__all__ = ["MAX_BYTES", "Code", "Diagnostic", "Loaded", "load_agreement"]
