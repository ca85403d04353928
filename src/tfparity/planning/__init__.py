"""Which cells a choice makes, what their keys are, how long they take. Knows no engine and no evidence."""
