"""The measured judgement of a candidate."""
