"""The effects that come with rtstft: one in each module, found by their names with rtstft.plugin."""
