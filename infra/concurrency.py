"""How many helpers of a walk work at the same time (infra/helpers.py), for stacks and benches."""

RULES_HELPERS = 48
EXPORT_HELPERS = 24
REBUILD_HELPERS = 8
INDEX_HELPERS = 8
LEARN_HELPERS = 8
WHAT_IF_HELPERS = 40
