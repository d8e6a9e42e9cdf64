"""The contract of a plugin as a test: `check_plugin(MyPlugin)` fails with what does not hold."""

from rtstft.testing.contract import GEOMETRIES, PluginReport, check_plugin

__all__ = ["GEOMETRIES", "PluginReport", "check_plugin"]
