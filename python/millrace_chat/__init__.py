"""The chat data set of the demo, turned into plain event files."""
